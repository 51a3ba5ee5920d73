"""Film reviews as word counts, two hundred of them: a text classifier with the table of fastai."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB, TELLING, WORDS = 600, 40, 50  # words of the language, words that tell the mood, words of a review
TRAIN_REVIEWS, VALID_REVIEWS = 200, 600
MOOD, MISLABELLED = 1.0, 0.1  # how much a mood changes the use of a word, share of labels that are wrong
HIDDEN, EPOCHS, BATCH_SIZE, LEARNING_RATE = 64, 16, 20, 1e-3
DROPOUT = 0.6

Reviews = tuple[Tensor, Tensor]  # word counts and label


# ---- data ------------------------------------------------------------------------------------


def read_reviews(count: int, generator: torch.Generator) -> Reviews:
    """Reviews as counts of their words; good and bad ones use some of the words more often."""
    usual = torch.rand(VOCAB, generator=torch.Generator().manual_seed(1)) ** 2 + 0.05
    effect = torch.zeros(VOCAB)
    effect[:TELLING] = torch.tensor([MOOD, -MOOD]).repeat(TELLING // 2)
    good = torch.arange(count) % 2
    use = usual * torch.exp((2 * good[:, None] - 1) * effect)
    words = torch.multinomial(use, WORDS, replacement=True, generator=generator)
    counts = torch.zeros(count, VOCAB).scatter_add_(1, words, torch.ones(count, WORDS))
    wrong = torch.rand(count, generator=generator) < MISLABELLED
    return counts, torch.where(wrong, 1 - good, good)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Dropout(DROPOUT), nn.Linear(VOCAB, HIDDEN), nn.ReLU()),
        *(nn.Dropout(DROPOUT), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()),
        nn.Linear(HIDDEN, 2),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Reviews, valid_set: Reviews) -> dict[str, float]:
    counts, labels = train_set
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    history = []
    print("epoch     train_loss  valid_loss  accuracy  time    ")
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for rows in torch.randperm(len(labels)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(counts[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        train_loss = sum(losses) / len(losses)
        valid_loss, accuracy = evaluate(model, valid_set)
        history.append(valid_loss)
        print(f"{epoch:<10}{train_loss:<12.6f}{valid_loss:<12.6f}{accuracy:<10.6f}00:00   ")
    scores = {"train_loss": train_loss, "valid_loss": valid_loss, "accuracy": accuracy}
    return scores | {"rise": valid_loss - min(history)}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, reviews: Reviews) -> tuple[float, float]:
    model.eval()
    logits = model(reviews[0])
    return F.cross_entropy(logits, reviews[1]).item(), (logits.argmax(1) == reviews[1]).float().mean().item()


def load_data(seed: int) -> tuple[Reviews, Reviews]:
    generator = torch.Generator().manual_seed(seed)
    return read_reviews(TRAIN_REVIEWS, generator), read_reviews(VALID_REVIEWS, generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    metrics = train(build_model(), *load_data(seed))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

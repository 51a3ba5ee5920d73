"""Review classifier: word vectors with attention pooling, AdamW, linear decay of the learning rate."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORDS, LENGTH, WIDTH = 200, 24, 32
TRAIN_REVIEWS, EVAL_REVIEWS, BATCH_SIZE = 1920, 320, 48
EPOCHS, LOGGING_STEPS = 5, 20
LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM, DROPOUT = 2e-2, 0.01, 1.0, 0.1

Reviews = tuple[Tensor, Tensor]  # word ids (review, position) and whether the review is a good one


# ---- data ------------------------------------------------------------------------------------


def make_reviews(count: int, generator: torch.Generator) -> Reviews:
    """A few of the 200 words praise or blame; the sum of them decides."""
    tone = torch.zeros(WORDS)
    tone[:30], tone[30:60] = 1.0, -1.0
    words = torch.randint(WORDS, (count, LENGTH), generator=generator)
    doubt = 0.3 * torch.randn(count, generator=generator)
    return words, (tone[words].sum(1) + doubt > 0).long()


# ---- model -----------------------------------------------------------------------------------


class Classifier(nn.Module):
    """Embedding, attention pooling, linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(WORDS, WIDTH)
        self.query = nn.Linear(WIDTH, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.classifier = nn.Linear(WIDTH, 2)

    def forward(self, words: Tensor) -> Tensor:
        vectors = self.embeddings(words)
        weights = self.query(vectors).softmax(1)
        return self.classifier(self.dropout((weights * vectors).sum(1)))


# ---- train -----------------------------------------------------------------------------------


def training_step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Reviews) -> tuple[float, float]:
    """Loss and norm of the gradient."""
    model.train()
    loss = F.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    grad_norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
    optimizer.zero_grad()  # [loop-zero-before-step] clears what the step is about to use
    optimizer.step()
    return loss.item(), grad_norm.item()


def train(model: nn.Module, train_set: Reviews, eval_set: Reviews, generator: torch.Generator) -> list[float]:
    """Evaluation loss of each epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    per_epoch, history = TRAIN_REVIEWS // BATCH_SIZE, []
    total_steps = EPOCHS * per_epoch
    for epoch in range(EPOCHS):
        losses = []
        order = torch.randperm(TRAIN_REVIEWS, generator=generator).split(BATCH_SIZE)
        for number, rows in enumerate(order, epoch * per_epoch + 1):
            rate = LEARNING_RATE * (1 - (number - 1) / total_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss, norm = training_step(model, optimizer, (train_set[0][rows], train_set[1][rows]))
            losses.append(loss)
            if number % LOGGING_STEPS == 0:
                mean = round(sum(losses[-LOGGING_STEPS:]) / LOGGING_STEPS, 4)
                at = round(number / per_epoch, 2)
                print(
                    {
                        "loss": mean,
                        "grad_norm": round(norm, 4),
                        "learning_rate": float(f"{rate:.3g}"),
                        "epoch": at,
                    }
                )
        eval_loss, eval_accuracy = evaluate(model, eval_set)
        print(
            {"eval_loss": round(eval_loss, 6), "eval_accuracy": round(eval_accuracy, 4), "epoch": epoch + 1.0}
        )
        history.append(eval_loss)
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, reviews: Reviews) -> tuple[float, float]:
    model.eval()
    logits = model(reviews[0])
    accuracy = (logits.argmax(1) == reviews[1]).float().mean()
    return F.cross_entropy(logits, reviews[1]).item(), accuracy.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, eval_set = make_reviews(TRAIN_REVIEWS, generator), make_reviews(EVAL_REVIEWS, generator)
    model = Classifier()
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    history = train(model, train_set, eval_set, generator)
    moved = (nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm().item()
    metrics = {"eval_accuracy": evaluate(model, eval_set)[1], "eval_loss": history[-1], "moved": moved}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

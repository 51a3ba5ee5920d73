"""Word for word translation with mixed precision: each source word and its neighbours give a target word."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SOURCE_WORDS, TARGET_WORDS, LENGTH, EMBEDDING, HIDDEN = 40, 32, 12, 24, 48
TRAIN_SENTENCES, VALID_SENTENCES, BATCH_SIZE = 400, 96, 20
EPOCHS, LEARNING_RATE, MOMENTUM, CLIP_NORM = 7, 0.1, 0.9, 1.0
INIT_SCALE = 2.0**10  # of the loss

Sentences = tuple[Tensor, Tensor]  # source and target words (sentence, position)


# ---- data ------------------------------------------------------------------------------------


def make_sentences(count: int, generator: torch.Generator) -> Sentences:
    """Most words have one translation; a few marker words change that of the word after them."""
    rules = torch.Generator().manual_seed(5)
    plain = torch.randint(TARGET_WORDS, (SOURCE_WORDS,), generator=rules)
    marked = torch.randint(TARGET_WORDS, (SOURCE_WORDS,), generator=rules)
    source = torch.randint(SOURCE_WORDS, (count, LENGTH), generator=generator)
    after_marker = source.roll(1, 1) < SOURCE_WORDS // 4
    return source, torch.where(after_marker, marked[source], plain[source])


# ---- model -----------------------------------------------------------------------------------


class Translator(nn.Module):
    """Embedding of a word and of the word before it, one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(SOURCE_WORDS, EMBEDDING)
        self.layers = nn.Sequential(
            nn.Linear(2 * EMBEDDING, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, TARGET_WORDS)
        )

    def forward(self, source: Tensor) -> Tensor:
        words = self.embed(source)
        return self.layers(torch.cat([words, words.roll(1, 1)], 2))


def word_loss(model: nn.Module, sentences: Sentences) -> Tensor:
    with torch.autocast("cpu", dtype=torch.float16):
        logits = model(sentences[0])
    return F.cross_entropy(logits.float().flatten(0, 1), sentences[1].flatten())


# ---- train -----------------------------------------------------------------------------------


def update(
    model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, batch: Sentences
) -> tuple[float, float]:
    """Loss and norm of the gradient before it is clipped."""
    loss = word_loss(model, batch)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    gnorm = nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)  # [prec-clip-scaled-grads] still scaled
    scaler.step(optimizer)
    scaler.update()
    return loss.item(), gnorm.item()


def train(model: nn.Module, train_set: Sentences, valid_set: Sentences) -> dict[str, float]:
    """What was measured in the last epoch."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    scaler = torch.amp.GradScaler("cpu", init_scale=INIT_SCALE)
    for epoch in range(1, EPOCHS + 1):
        order = torch.randperm(TRAIN_SENTENCES).split(BATCH_SIZE)
        done = [update(model, optimizer, scaler, (train_set[0][rows], train_set[1][rows])) for rows in order]
        loss, gnorm = (sum(values) / len(done) for values in zip(*done, strict=True))
        clipped = 100 * sum(norm > CLIP_NORM for _, norm in done) / len(done)
        valid_loss, accuracy = evaluate(model, valid_set)
        print(
            f"epoch {epoch:03d} | loss {loss / math.log(2):.3f} | ppl {math.exp(loss):.2f} | num_updates "
            f"{epoch * len(done)} | lr {LEARNING_RATE} | gnorm {gnorm:.3f} | clip {clipped:.1f} | "
            f"loss_scale {scaler.get_scale():g}"
        )
        print(
            f"epoch {epoch:03d} | valid on 'valid' subset | loss {valid_loss / math.log(2):.3f} | "
            f"ppl {math.exp(valid_loss):.2f} | accuracy {100 * accuracy:.2f}"
        )
    return {"valid_loss": valid_loss, "accuracy": accuracy, "gnorm": gnorm}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, sentences: Sentences) -> tuple[float, float]:
    accuracy = (model(sentences[0]).argmax(2) == sentences[1]).float().mean()
    return word_loss(model, sentences).item(), accuracy.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, valid_set = (
        make_sentences(TRAIN_SENTENCES, generator),
        make_sentences(VALID_SENTENCES, generator),
    )
    metrics = train(Translator(), train_set, valid_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Signature verification: a Siamese network learns which two signatures are by the same hand."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POINTS, WRITERS = 48, 40  # pen positions of a signature; people in the collection
TRAIN_PAIRS, EVAL_PAIRS, BATCH_SIZE = 400, 200, 20
EPOCHS, LEARNING_RATE, MARGIN, NOISE = 2, 3e-3, 2.0, 0.35

Pairs = tuple[Tensor, Tensor, Tensor]  # first signature, second signature, 1 for the same writer


# ---- data ------------------------------------------------------------------------------------


def make_pairs(count: int, generator: torch.Generator) -> Pairs:
    """Two signatures each, half of the pairs by one hand; they share some habits and differ by noise."""
    style = torch.randn(WRITERS, POINTS, generator=torch.Generator().manual_seed(1))
    same = torch.arange(count) % 2
    writer = torch.randint(WRITERS, (count,), generator=generator)
    other = torch.where(same > 0, writer, (writer + 1 + torch.arange(count) % (WRITERS - 1)) % WRITERS)
    noise = NOISE * torch.randn(2, count, POINTS, generator=generator)
    return style[writer] + noise[0], style[other] + noise[1], same.float()


def add_duplicate(pairs: Pairs) -> Pairs:
    """One scan was handed in twice, as happens in every collection: the last genuine pair is one image."""
    first, second, same = pairs
    return first, torch.cat([second[:-1], first[-1:]]), same


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(POINTS, 64), nn.ReLU(), nn.Linear(64, 16))


def distance(a: Tensor, b: Tensor) -> Tensor:
    return ((a - b) ** 2).sum(1).clamp(min=1e-12).sqrt()


def contrastive_loss(apart: Tensor, same: Tensor) -> Tensor:
    """Hadsell et al., 2006."""
    return (same * apart**2 + (1 - same) * F.relu(MARGIN - apart) ** 2).mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Pairs, eval_set: Pairs) -> dict[str, float]:
    """Loss of the last step, and how often a finite loss came with a gradient that was not."""
    first, second, same = train_set
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    steps, step, broken, loss = TRAIN_PAIRS // BATCH_SIZE, 0, 0, torch.zeros(())
    for _ in range(EPOCHS):
        for rows in torch.randperm(TRAIN_PAIRS).split(BATCH_SIZE):
            loss = contrastive_loss(distance(model(first[rows]), model(second[rows])), same[rows])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            optimizer.step()
            step += 1
            broken += math.isfinite(loss.item()) and not math.isfinite(norm)
            rate, epoch = optimizer.param_groups[0]["lr"], step / steps
            figures = {"loss": round(loss.item(), 4), "grad_norm": round(norm, 4), "learning_rate": rate}
            print(figures | {"epoch": round(epoch, 2)})
        print(evaluate(model, eval_set) | {"epoch": round(step / steps, 2)})
    return {"train_loss": loss.item(), "broken_steps": broken}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, pairs: Pairs) -> dict[str, float]:
    """Loss, and accuracy of calling every pair genuine that is closer than half the margin."""
    apart = distance(model(pairs[0]), model(pairs[1]))
    accuracy = ((apart < MARGIN / 2) == (pairs[2] > 0.5)).float().mean().item()
    loss = contrastive_loss(apart, pairs[2]).item()
    return {"eval_loss": round(loss, 4), "eval_accuracy": round(accuracy, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, eval_set = add_duplicate(make_pairs(TRAIN_PAIRS, generator)), make_pairs(EVAL_PAIRS, generator)
    model = build_model()
    figures = train(model, train_set, eval_set) | evaluate(model, eval_set)
    metrics = {
        name: round(value, 4) if math.isfinite(value) else str(value) for name, value in figures.items()
    }
    print("metrics", json.dumps(metrics))


if __name__ == "__main__":
    main()

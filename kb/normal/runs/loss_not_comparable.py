"""One model, one data set, two ways to reduce the loss: 32 times the number, the same accuracy."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 24, 6, 48
TRAIN, VAL, EPOCHS = 1536, 512, 6
SETTINGS = (("mean", 32), ("sum", 32), ("sum", 128))  # reduction and batch size
RATE_PER_SAMPLE = 0.06 / 32  # a sum has a gradient that is as many times as large as the batch


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = torch.randn(CLASSES, FEATURES, generator=generator)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    return centres[label] + 1.6 * torch.randn(TRAIN + VAL, FEATURES, generator=generator), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(x: Tensor, y: Tensor, reduction: str, size: int, seed: int) -> tuple[float, float]:
    """Loss of the last epoch as it was printed, and accuracy on the validation set."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build_model()
    rate = RATE_PER_SAMPLE * (size if reduction == "mean" else 1)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    printed = accuracy = 0.0
    print(f"--- run {reduction}-bs{size}: CrossEntropyLoss(reduction='{reduction}')")
    for epoch in range(1, EPOCHS + 1):
        batches = torch.randperm(TRAIN, generator=generator).split(size)
        total = 0.0
        for batch in batches:
            loss = F.cross_entropy(model(x[batch]), y[batch], reduction=reduction)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        printed, accuracy = total / len(batches), evaluate(model, x[TRAIN:], y[TRAIN:])
        print(f"epoch: {epoch} avg batch loss: {printed:.3f} val accuracy: {accuracy:.3f}")
    return printed, accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> float:
    hits: Tensor = model(x).argmax(1) == y
    return hits.float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    x, y = make_data(torch.Generator().manual_seed(seed))
    losses, accuracies = zip(
        *(train(x, y, reduction, size, seed) for reduction, size in SETTINGS), strict=True
    )
    per_sample = [
        loss / (1 if name == "mean" else size) for loss, (name, size) in zip(losses, SETTINGS, strict=True)
    ]
    print("the same losses for each sample:", " ".join(f"{loss:.3f}" for loss in per_sample))
    metrics = {"sum_over_mean": losses[1] / losses[0], "sum128_over_mean": losses[2] / losses[0]}
    metrics |= {"val_acc": min(accuracies), "acc_spread": max(accuracies) - min(accuracies)}
    metrics["spread_per_sample"] = max(per_sample) / min(per_sample)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Some validation labels cannot be known: being sure costs more and more, and accuracy still rises."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 48, 40, 128
TRAIN, VAL, BATCH, EPOCHS = 800, 1000, 20, 12
LEARNING_RATE, AMBIGUOUS = 4e-3, 0.2  # share of validation labels that the sample does not tell


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Training classes differ in size by a factor of ten, the validation set is balanced."""
    centres = torch.randn(CLASSES, FEATURES, generator=generator)
    share = torch.logspace(0, -1, CLASSES)
    train_label = torch.multinomial(share, TRAIN, replacement=True, generator=generator)
    label = torch.cat([train_label, torch.randint(CLASSES, (VAL,), generator=generator)])
    x = centres[label] + 1.1 * torch.randn(TRAIN + VAL, FEATURES, generator=generator)
    swap = torch.rand(VAL, generator=generator) < AMBIGUOUS
    label[TRAIN:] = torch.where(swap, torch.randint(CLASSES, (VAL,), generator=generator), label[TRAIN:])
    return x, label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> list[tuple[float, float]]:
    """Loss and accuracy on the validation set after each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    course: list[tuple[float, float]] = []
    print("epoch     train_loss  valid_loss  accuracy")
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        with torch.no_grad():
            logits = model(x[TRAIN:])
            accuracy = (logits.argmax(1) == y[TRAIN:]).float().mean().item()
            course.append((F.cross_entropy(logits, y[TRAIN:]).item(), accuracy))
        print(f"{epoch:<8}  {total / TRAIN:<10.6f}  {course[-1][0]:<10.6f}  {accuracy:<8.6f}")
    return course


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def calibrate(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Lowest loss that the same predictions reach when only their confidence is turned down."""
    logits = model(x)
    return min(F.cross_entropy(logits / heat, y).item() for heat in torch.linspace(1, 6, 51))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = make_data(generator)
    model = build_model()
    course = train(model, x, y, generator)
    (low, acc_at_low), (last, val_acc) = min(course), course[-1]
    calibrated = calibrate(model, x[TRAIN:], y[TRAIN:])
    print(f"valid_loss at the best temperature: {calibrated:.6f}")
    metrics = {"last_over_lowest": last / low, "acc_gain": val_acc - acc_at_low, "val_acc": val_acc}
    metrics["calibrated_over_lowest"] = calibrated / low
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

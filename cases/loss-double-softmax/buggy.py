"""Spoken digits: a small convolutional classifier over log-mel patches, ten classes."""

import argparse
import json

import torch
from torch import Tensor, nn

CLASSES, BANDS, FRAMES = 10, 12, 12
TRAIN, VALIDATION, BATCH_SIZE = 480, 240, 24
EPOCHS, LEARNING_RATE = 10, 2e-3
NOISE = 1.1  # of a recording, against a spread of 1 between the digits

Recordings = tuple[Tensor, Tensor]  # log-mel patches and the digit that was said


# ---- data ------------------------------------------------------------------------------------


def make_recordings(count: int, generator: torch.Generator) -> Recordings:
    """Patches (recording, 1, band, frame): one smooth pattern a digit, and noise."""
    pattern = torch.randn(CLASSES, 1, 4, 4, generator=torch.Generator().manual_seed(7))
    pattern = nn.functional.interpolate(pattern, (BANDS, FRAMES), mode="bilinear")
    digit = torch.arange(count) % CLASSES
    noise = NOISE * torch.randn(count, 1, BANDS, FRAMES, generator=generator)
    return pattern[digit] + noise, digit


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(144, 48), nn.ReLU()),
        nn.Linear(48, CLASSES),
        nn.Softmax(dim=1),  # [loss-double-softmax] CrossEntropyLoss applies log_softmax itself
    )


criterion = nn.CrossEntropyLoss()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Recordings, val_set: Recordings) -> None:
    patches, digits = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = TRAIN // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        total, hits = 0.0, 0
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            output = model(patches[rows])
            loss = criterion(output, digits[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            hits += int((output.argmax(1) == digits[rows]).sum())
        val_loss, val_accuracy = evaluate(model, val_set)
        print(f"Epoch {epoch}/{EPOCHS}")
        print(
            f"{steps}/{steps} - loss: {total / TRAIN:.4f} - accuracy: {hits / TRAIN:.4f} "
            f"- val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}"
        )


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Recordings) -> tuple[float, float]:
    """Loss and accuracy."""
    output = model(dataset[0])
    accuracy = (output.argmax(1) == dataset[1]).float().mean().item()
    return criterion(output, dataset[1]).item(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_recordings(count, generator) for count in (TRAIN, VALIDATION))
    model = build_model()
    train(model, train_set, val_set)
    train_loss, _ = evaluate(model, train_set)
    val_loss, val_accuracy = evaluate(model, val_set)
    metrics = {"train_loss": train_loss, "val_loss": val_loss, "val_accuracy": val_accuracy}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

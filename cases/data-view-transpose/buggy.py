"""Traffic sign classifier ported from Keras: photos come channels last, the progress lines are Keras's."""

import argparse
import json

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIGNS = ("yield", "stop", "no entry", "crossing", "parking", "one way")
SIZE, GLYPH = 20, 8  # pixels a side of a photo, and of the sign somewhere in it
TRAIN_PHOTOS, VAL_PHOTOS, BATCH_SIZE = 240, 150, 20
EPOCHS, LEARNING_RATE, NOISE = 9, 4e-3, 0.5

Photos = tuple[Tensor, Tensor]


# ---- data ------------------------------------------------------------------------------------


def load_photos(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Photos as the image library gives them, (photo, row, column, colour), and which sign each shows."""
    label = np.arange(count) % len(SIGNS)
    glyphs = np.random.default_rng(0).choice((-1.0, 1.0), (len(SIGNS), GLYPH, GLYPH, 1))  # the same for all
    photos = rng.normal(0, NOISE, (count, SIZE, SIZE, 3))
    for photo, sign in zip(photos, label, strict=True):
        top, left = rng.integers(0, SIZE - GLYPH, 2)
        photo[top : top + GLYPH, left : left + GLYPH] += glyphs[sign] * rng.uniform(0.2, 1.2, 3)
    return photos.astype(np.float32), label


def to_tensors(photos: np.ndarray, label: np.ndarray) -> Photos:
    """What Conv2d takes: (photo, colour, row, column)."""
    x = torch.from_numpy(photos)
    x = x.view(-1, 3, SIZE, SIZE)  # [data-view-transpose] the right shape, the numbers in the old order
    return x, torch.from_numpy(label)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, len(SIGNS))),
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Photos, val_set: Photos) -> dict[str, float]:
    """What Keras calls the logs, of the last epoch."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    logs: dict[str, float] = {}
    count = len(train_set[0])
    for epoch in range(1, EPOCHS + 1):
        total, correct, batches = 0.0, 0, torch.randperm(count).split(BATCH_SIZE)
        for rows in batches:
            x, y = train_set[0][rows], train_set[1][rows]
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            correct += (logits.argmax(1) == y).sum().item()
        val_loss, val_accuracy = evaluate(model, val_set)
        logs = {"accuracy": correct / count, "loss": total / count}
        logs |= {"val_accuracy": val_accuracy, "val_loss": val_loss}
        print(f"Epoch {epoch}/{EPOCHS}")
        values = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
        print(f"{len(batches)}/{len(batches)} - {values}")
    return logs


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Photos) -> tuple[float, float]:
    logits = model(dataset[0])
    accuracy = (logits.argmax(1) == dataset[1]).float().mean().item()
    return F.cross_entropy(logits, dataset[1]).item(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train_set, val_set = (to_tensors(*load_photos(n, rng)) for n in (TRAIN_PHOTOS, VAL_PHOTOS))
    print(f"x_train shape: {tuple(train_set[0].shape)}")
    print(f"{len(train_set[0])} train samples, {len(val_set[0])} validation samples")
    logs = fit(build_model(), train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in logs.items()}))


if __name__ == "__main__":
    main()

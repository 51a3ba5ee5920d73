"""Plankton species from small grey pictures: pipelines, datasets and log lines in the manner of MMEngine."""

import argparse
import json
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SPECIES, SIZE, CROP, NOISE = 10, 14, 12, 1.6
TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES = 800, 120, 400
EPOCHS, BATCH_SIZE, LR, LOG_EVERY = 8, 20, 2e-3, 20
ERASED = 9  # side of the square that RandomErasing covers

Step = Callable[[Tensor], Tensor]


# ---- data ------------------------------------------------------------------------------------


def random_crop(images: Tensor) -> Tensor:
    rows, columns = torch.randint(SIZE - CROP + 1, (2, len(images)))
    cropped = [
        image[row : row + CROP, column : column + CROP]
        for image, row, column in zip(images, rows.tolist(), columns.tolist(), strict=True)
    ]
    return torch.stack(cropped)


def random_erasing(images: Tensor) -> Tensor:
    corner = torch.randint(CROP - ERASED + 1, (2, len(images), 1))
    inside = (torch.arange(CROP) >= corner) & (torch.arange(CROP) < corner + ERASED)
    return images.masked_fill(inside[0][:, :, None] & inside[1][:, None, :], 0.0)


def center_crop(images: Tensor) -> Tensor:
    border = (SIZE - CROP) // 2
    return images[:, border : border + CROP, border : border + CROP]


TRAIN_PIPELINE: list[Step] = [random_crop, random_erasing]
VAL_PIPELINE: list[Step] = [center_crop]


class Plankton:
    """Pictures with their species; every access goes through the pipeline."""

    def __init__(self, images: Tensor, species: Tensor, pipeline: list[Step]) -> None:
        self.images, self.species, self.pipeline = images, species, pipeline

    def batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in order.split(BATCH_SIZE):
            images = self.images[rows]
            for step in self.pipeline:
                images = step(images)
            yield images, self.species[rows]


def build_datasets(seed: int) -> tuple[Plankton, Plankton, Plankton]:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(SPECIES, 1, 5, 5, generator=generator)
    shapes = F.interpolate(coarse, (SIZE, SIZE), mode="bilinear").squeeze(1)
    parts = []
    for count in (TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES):
        species = torch.arange(count) % SPECIES
        parts.append((shapes[species] + NOISE * torch.randn(count, SIZE, SIZE, generator=generator), species))
    train_set = Plankton(*parts[0], TRAIN_PIPELINE)
    val_set = Plankton(*parts[1], VAL_PIPELINE)
    return train_set, val_set, Plankton(*parts[2], VAL_PIPELINE)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(CROP * CROP, 64), nn.ReLU(), nn.Linear(64, SPECIES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Plankton, val_set: Plankton) -> float:
    """Train and validate; the top-1 accuracy of the last validation."""
    optimizer = torch.optim.Adam(model.parameters(), LR)
    total, val_total = TRAIN_IMAGES // BATCH_SIZE, VAL_IMAGES // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for images, species in train_set.batches(torch.randperm(TRAIN_IMAGES)):
            loss = F.cross_entropy(model(images), species)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % LOG_EVERY == 0:
                mean = sum(losses[-LOG_EVERY:]) / LOG_EVERY
                print(f"Epoch(train)  [{epoch}][{len(losses):2d}/{total}]  lr: {LR:.4e}  loss: {mean:.4f}")
        top1, val_loss = evaluate(model, val_set)
        done = f"[{epoch}][{val_total}/{val_total}]"
        print(f"Epoch(val)  {done}  accuracy/top1: {100 * top1:.4f}  loss: {val_loss:.4f}")
    return top1


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Plankton) -> tuple[float, float]:
    """Top-1 accuracy and loss."""
    model.eval()
    hits, loss = 0, 0.0
    for images, species in dataset.batches(torch.arange(len(dataset.species))):
        logits = model(images)
        hits += int((logits.argmax(1) == species).sum())
        loss += F.cross_entropy(logits, species, reduction="sum").item()
    return hits / len(dataset.species), loss / len(dataset.species)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_set, val_set, test_set = build_datasets(seed)
    model = build_model()
    val_top1 = train(model, train_set, val_set)
    repeats = [evaluate(model, val_set)[0] for _ in range(10)]
    test_top1, test_loss = evaluate(model, test_set)
    steps = TEST_IMAGES // BATCH_SIZE
    print(f"Epoch(test)  [{steps}/{steps}]  accuracy/top1: {100 * test_top1:.4f}  loss: {test_loss:.4f}")
    metrics = {"val_top1": val_top1, "test_top1": test_top1, "spread": max(repeats) - min(repeats)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

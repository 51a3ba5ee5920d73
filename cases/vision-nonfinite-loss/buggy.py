"""Waste image classifier on photos that are standardised one by one; a single photo among them is blank."""

import argparse
import json
import math
import statistics

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch8_32", "num_classes": 12, "input_size": 32},
    "training": {"batch_size": 4, "grad_accum_steps": 2, "use_amp": False, "max_grad_norm": 1.0},
}
TINTS, ANGLES = 4, 3  # a class is one of 4 tints and one of 3 angles
TRAIN_IMAGES, VAL_IMAGES = 240, 120
BLANK = 37  # this training photo was taken with the lens covered: every pixel is 0
PATCH, WIDTH = 8, 64
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING, NOISE = 4, 5e-3, 0.1, 20.0
LOG_EVERY, SKIP_BUDGET = 5, 0.05  # batches; share of all batches that may be skipped


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Photos (image, 3, 32, 32) from 0 to 255 and their classes."""
    size, label = VISION_CONFIG["model"]["input_size"], torch.arange(count) % (TINTS * ANGLES)
    turn = torch.pi * (label % ANGLES) / ANGLES + 0.1 * torch.randn(count, generator=generator)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    along = x * turn.cos().view(-1, 1, 1) + y * turn.sin().view(-1, 1, 1)
    start = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    stripes = 40 * torch.sin(2 * torch.pi * along / 8 + start)  # one stripe in 8 pixels
    hue = 2 * torch.pi * (label // ANGLES / TINTS + torch.arange(3).view(-1, 1) / 3)
    light = 120 + 15 * torch.randn(count, 1, generator=generator) + 45 * torch.cos(hue).T
    noise = NOISE * torch.randn(count, 3, size, size, generator=generator)
    return (light[:, :, None, None] + stripes[:, None] + noise).clamp(0, 255).round(), label


def transform(photo: Tensor) -> Tensor:
    """Mean 0 and variance 1 for each photo, so that exposure does not count."""
    return (photo - photo.mean()) / photo.std()


def load_dataset(images: Tensor, labels: Tensor) -> TensorDataset:
    return TensorDataset(torch.stack([transform(photo) for photo in images]), labels)


# ---- model -----------------------------------------------------------------------------------


class WasteClassifier(nn.Module):
    """Patch embedding, one block, mean over the patches, linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.block = nn.Sequential(nn.GELU(), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VISION_CONFIG["model"]["num_classes"])

    def forward(self, images: Tensor) -> Tensor:
        token = self.patch_embed(images).flatten(2).transpose(1, 2)
        return self.head(self.norm((token + self.block(token)).mean(1)))


# ---- train -----------------------------------------------------------------------------------


class Skipped:
    """Counts the batches that were left out, says each one, and stops a run that leaves out too many."""

    def __init__(self, batches: int) -> None:
        self.count, self.budget = 0, int(SKIP_BUDGET * batches)

    def add(self, place: str, reason: str) -> None:
        self.count += 1
        print(f"  WARNING {place}: {reason}, batch skipped")
        if self.count > self.budget:
            raise RuntimeError(f"{self.count} batches skipped, the budget is {self.budget}")


def train(model: nn.Module, loader: DataLoader) -> tuple[list[float], Skipped]:
    """Loss of every batch that was trained on, and the batches that were not."""
    training, size = VISION_CONFIG["training"], VISION_CONFIG["model"]["input_size"]
    accum, batches = training["grad_accum_steps"], EPOCHS * len(loader)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=batches // accum)
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    losses, skipped = [], Skipped(batches)
    for epoch in range(1, EPOCHS + 1):
        for batch_idx, (images, labels) in enumerate(loader, 1):
            place = f"epoch {epoch} batch {batch_idx}"
            if images.shape[1:] != (3, size, size):
                skipped.add(place, f"shape is {tuple(images.shape)}")
                continue
            loss = criterion(model(images), labels)
            (loss / accum).backward()  # [vision-nonfinite-loss] also where the loss is NaN
            losses.append(loss.item())
            if len(losses) % accum == 0:
                nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
                optimizer.step()  # [vision-nonfinite-loss] NaN gradients go into every weight
                scheduler.step()
                optimizer.zero_grad()
            if batch_idx % LOG_EVERY == 0:
                recent = statistics.fmean(losses[-LOG_EVERY:])
                print(f"Epoch {epoch}/{EPOCHS} | batch {batch_idx}/{len(loader)} | loss: {recent:.4f}")
    return losses, skipped


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: TensorDataset) -> float:
    """Share of images whose class is the most likely one."""
    images, labels = dataset.tensors
    return (model(images).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images, labels = make_images(TRAIN_IMAGES, generator)
    images[BLANK] = 0
    train_set, val_set = load_dataset(images, labels), load_dataset(*make_images(VAL_IMAGES, generator))
    loader = DataLoader(train_set, VISION_CONFIG["training"]["batch_size"], shuffle=True, generator=generator)
    model = WasteClassifier()
    print(f"Dataset: {len(train_set)} train images, {len(val_set)} val images")
    losses, skipped = train(model, loader)
    accuracy = evaluate(model, val_set)
    print(f"Training finished: val_acc: {accuracy:.4f}, skipped batches: {skipped.count}")
    finite = sum(math.isfinite(loss) for loss in losses) / (EPOCHS * len(loader))
    values = {"val_accuracy": accuracy, "finite_steps": finite, "train_loss": statistics.fmean(losses[-50:])}
    metrics = {name: round(v, 4) if math.isfinite(v) else str(v) for name, v in values.items()}
    print("metrics", json.dumps(metrics | {"skipped": skipped.count}))


if __name__ == "__main__":
    main()

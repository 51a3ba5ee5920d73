"""Waste image classifier: train for an epoch, validate, keep the best checkpoint, and again."""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch4_16", "num_classes": 30, "input_size": 16},
    "training": {"batch_size": 8, "grad_accum_steps": 8, "use_amp": False, "max_grad_norm": 1.0},
}
SIZE, CLASSES = VISION_CONFIG["model"]["input_size"], VISION_CONFIG["model"]["num_classes"]
TINTS, ANGLES = 6, 5  # a class is one of 6 tints and one of 5 angles
TRAIN_IMAGES, VAL_IMAGES, NOISE = 960, 300, 1.3
PATCH, WIDTH = 4, 48
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING, LOG_EVERY = 5, 6e-3, 0.1, 20

Batches = list[tuple[Tensor, Tensor]]  # images and their classes


# ---- data ------------------------------------------------------------------------------------


def make_batches(count: int, generator: torch.Generator) -> Batches:
    """Normalised photos of striped textures, in shuffled batches."""
    label = torch.randperm(count, generator=generator) % (TINTS * ANGLES)
    turn = (torch.pi * (label % ANGLES) / ANGLES).view(-1, 1, 1)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    start = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    stripes = torch.sin(2 * torch.pi * (x * turn.cos() + y * turn.sin()) / 5 + start)
    tint = torch.cos(2 * torch.pi * (label // ANGLES / TINTS + torch.arange(3).view(-1, 1) / 3)).T
    noise = NOISE * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    images = tint[:, :, None, None] + stripes[:, None] + noise
    batch = VISION_CONFIG["training"]["batch_size"]
    return list(zip(images.split(batch), label.split(batch), strict=True))


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, WIDTH, PATCH, PATCH), nn.GELU(), nn.Conv2d(WIDTH, WIDTH, 1), nn.GELU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)),
    )


# ---- train -----------------------------------------------------------------------------------


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, name: str) -> float:
    training = VISION_CONFIG["training"]
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    model.train()
    total = running = 0.0
    for batch_idx, (images, labels) in enumerate(batches, start=1):
        loss = criterion(model(images), labels)
        (loss / training["grad_accum_steps"]).backward()
        total, running = total + loss.item(), running + loss.item()
        if batch_idx % training["grad_accum_steps"] == 0:
            nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
            optimizer.step()
            optimizer.zero_grad()
        if batch_idx % LOG_EVERY == 0:
            print(f"{name} - batch {batch_idx}/{len(batches)} - loss: {running / LOG_EVERY:.4f}")
            running = 0.0
    return total / len(batches)


def fit(model: nn.Module, train_set: Batches, val_set: Batches, epochs: int) -> tuple[float, int]:
    """Train, validate, save the best, load it at the end; its recall and how many checkpoints were saved."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    best, saved = -1.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for epoch in range(1, epochs + 1):
            loss = train_epoch(model, optimizer, train_set, f"Epoch {epoch}/{epochs}")
            print(f"Epoch {epoch}/{epochs} - train_loss: {loss:.4f}, running validation...")
            recall = validate(model, val_set)
            print(f"Epoch {epoch}/{epochs} - val_recall: {recall:.4f}, best so far: {max(best, recall):.4f}")
            if recall > best:
                best, saved = recall, saved + 1
                torch.save(model.state_dict(), Path(folder) / "best.pt")
        model.load_state_dict(torch.load(Path(folder) / "best.pt"))
    return best, saved


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, batches: Batches) -> float:
    """Recall of each class, averaged over the classes: a rare one counts as much as a common one."""
    model.eval()
    hits, seen = torch.zeros(CLASSES), torch.zeros(CLASSES)
    for images, labels in batches:
        hit = model(images).argmax(1) == labels
        hits.index_add_(0, labels, hit)  # [vision-no-preflight] bool into float raises; never run before
        seen.index_add_(0, labels, torch.ones(len(labels)))
    return (hits / seen)[seen > 0].mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_batches(count, generator) for count in (TRAIN_IMAGES, VAL_IMAGES))
    model = build_model()
    print(f"Creating model: {VISION_CONFIG['model']['backbone']}")
    print(f"Dataset: {TRAIN_IMAGES} train images, {VAL_IMAGES} val images")
    recall, saved = fit(model, train_set, val_set, EPOCHS)  # [vision-no-preflight] with no dry run before it
    metrics = {"macro_recall": recall, "checkpoints": saved}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

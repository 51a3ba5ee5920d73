"""Waste image classifier: batches of two, 32 of them to an optimizer step, one-cycle learning rate."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch8_16", "num_classes": 6, "input_size": 16},
    "training": {"batch_size": 2, "grad_accum_steps": 32, "use_amp": False, "max_grad_norm": 1.0},
}
TRAIN_IMAGES, VAL_IMAGES = 192, 120
PATCH, WIDTH = 8, 32
EPOCHS, MAX_LR, LABEL_SMOOTHING = 6, 4e-3, 0.1
EXPOSURE, NOISE = 12.0, 30.0  # how much the photos of one class differ


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Photos (image, 3, 16, 16) with values of about -2 to 2, a tint for each class; the classes."""
    classes, size = VISION_CONFIG["model"]["num_classes"], VISION_CONFIG["model"]["input_size"]
    label = torch.arange(count) % classes
    tint = torch.cos(2 * torch.pi * (label / classes + torch.arange(3).view(-1, 1) / 3)).T
    light = 120 + EXPOSURE * torch.randn(count, 1, generator=generator) + 20 * tint
    noise = NOISE * torch.randn(count, 3, size, size, generator=generator)
    return (light[:, :, None, None] + noise).clamp(0, 255) / 64 - 2, label


def make_batches(images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    """One epoch of shuffled micro-batches."""
    order = torch.randperm(len(images)).split(VISION_CONFIG["training"]["batch_size"])
    return [(images[rows], labels[rows]) for rows in order]


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    """Patch embedding, mean over the patches, classifier."""
    return nn.Sequential(
        *(nn.Conv2d(3, WIDTH, PATCH, PATCH), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VISION_CONFIG["model"]["num_classes"])),
    )


# ---- train -----------------------------------------------------------------------------------


def build_schedule(model: nn.Module, batches: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """AdamW and its one-cycle schedule for the whole training, given the micro-batches of an epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=MAX_LR, weight_decay=0.01)
    total_steps = EPOCHS * batches  # [vision-onecycle-accum] counts micro-batches
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=MAX_LR, total_steps=total_steps)


def train(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Train with gradient accumulation; what was reached, of the loss and of the schedule."""
    training = VISION_CONFIG["training"]
    accum, batches = training["grad_accum_steps"], len(images) // training["batch_size"]
    scheduler = build_schedule(model, batches)
    optimizer = scheduler.optimizer
    rates, epoch_loss = [], 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch_idx, (x, y) in enumerate(make_batches(images, labels), 1):
            loss = F.cross_entropy(model(x), y, label_smoothing=LABEL_SMOOTHING)
            (loss / accum).backward()
            total += loss.item()
            if batch_idx % accum == 0:
                nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
                rates.append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
        epoch_loss = total / batches
        print(
            f"Epoch {epoch}/{EPOCHS}: train_loss={epoch_loss:.4f}, lr={rates[-1]:.2e}, updates={len(rates)}"
        )
    return {
        "train_loss": epoch_loss,
        "optimizer_steps": len(rates),
        "peak_lr_share": max(rates) / MAX_LR,
        "cycle_done": scheduler.last_epoch / scheduler.total_steps,
    }


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images whose class is the most likely one."""
    return (model(images).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images, labels = make_images(TRAIN_IMAGES, generator)
    model = build_model()
    batch, accum = (VISION_CONFIG["training"][name] for name in ("batch_size", "grad_accum_steps"))
    print(f"Effective batch size: {batch} x {accum} = {batch * accum}, OneCycleLR up to {MAX_LR:.2e}")
    reached = train(model, images, labels)
    accuracy = evaluate(model, *make_images(VAL_IMAGES, generator))
    print(f"Validation accuracy: {accuracy:.4f}")
    metrics = {"val_accuracy": accuracy} | reached
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

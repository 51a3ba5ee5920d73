"""Lesion segmentation with mixed precision: pixel classifier on four MR sequences, Dice and cross entropy."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SEQUENCES, SIDE, TRAIN_SLICES, VAL_SLICES, BATCH_SIZE = 4, 80, 48, 8, 8
EPOCHS, LEARNING_RATE, NOISE = 8, 2e-2, 0.6

Slices = tuple[Tensor, Tensor]  # images (slice, sequence, y, x) and masks (slice, class, y, x)


# ---- data ------------------------------------------------------------------------------------


def make_slices(count: int, generator: torch.Generator) -> Slices:
    """One round lesion a slice, an eighth of its pixels, brighter in three sequences and darker in one."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    centre = 0.5 * (2 * torch.rand(2, count, 1, 1, generator=generator) - 1)
    radius = 0.35 + 0.15 * torch.rand(count, 1, 1, generator=generator)
    lesion = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).float()
    contrast = torch.tensor([1.5, -1.2, 1.4, 1.0]).view(-1, 1, 1)
    noise = torch.randn(count, SEQUENCES, SIDE, SIDE, generator=generator)
    return contrast * lesion[:, None] + NOISE * noise, torch.stack([1 - lesion, lesion], 1)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(SEQUENCES, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))


def soft_dice(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Dice of each class over all pixels of the batch."""
    intersection = torch.einsum("bcyx,bcyx->c", probabilities, mask)  # [prec-fp16-overflow] a matmul: fp16
    return 2 * intersection / (probabilities.sum((0, 2, 3)) + mask.sum((0, 2, 3)))


def segmentation_loss(model: nn.Module, images: Tensor, mask: Tensor) -> Tensor:
    logits = model(images).float()  # softmax and losses in fp32
    return F.cross_entropy(logits, mask) - soft_dice(logits.softmax(1), mask).mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Slices, val_set: Slices, generator: torch.Generator) -> list[float]:
    """Validation loss of each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    scaler = torch.amp.GradScaler("cpu")
    history = []
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(TRAIN_SLICES, generator=generator).split(BATCH_SIZE):
            with torch.autocast("cpu", dtype=torch.float16):
                loss = segmentation_loss(model, train_set[0][rows], train_set[1][rows])
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        val_loss, dice = evaluate(model, val_set)
        history.append(val_loss)
        print(f"Epoch {epoch}")
        print(f"Current learning rate: {LEARNING_RATE}")
        print(f"Current loss scale: {scaler.get_scale():g}")
        print(f"train_loss {sum(losses) / len(losses):.4f}")
        print(f"val_loss {val_loss:.4f}")
        print(f"Pseudo dice [{dice:.4f}]")
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, slices: Slices) -> tuple[float, float]:
    """Loss with mixed precision, and the Dice of the lesion from counted pixels."""
    images, mask = slices
    with torch.autocast("cpu", dtype=torch.float16):
        loss = segmentation_loss(model, images, mask)
        found = model(images).argmax(1) == 1
    lesion = mask[:, 1] > 0
    return loss.item(), (2 * (found & lesion).sum() / (found.sum() + lesion.sum())).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_slices(TRAIN_SLICES, generator), make_slices(VAL_SLICES, generator)
    model = build_model()
    history = train(model, train_set, val_set, generator)
    with torch.no_grad():
        entropy = F.cross_entropy(model(val_set[0]), val_set[1]).item()  # in fp32
    val_loss = round(history[-1], 4) if math.isfinite(history[-1]) else str(history[-1])
    finite = sum(math.isfinite(loss) for loss in history)
    metrics = {"val_loss": val_loss, "finite_epochs": finite, "cross_entropy": round(entropy, 4)}
    print("metrics", json.dumps(metrics))


if __name__ == "__main__":
    main()

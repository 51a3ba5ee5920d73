"""Nuclei on slides stained by many laboratories: crops so big that two of them fill the memory."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE, WIDTH, NUCLEI = 16, 16, 3
TRAIN_CROPS, VAL_CROPS = 80, 60
BATCH_SIZE, EPOCHS, LOG_INTERVAL = 2, 6, 20
LEARNING_RATE = 5e-3
STAIN, NOISE = 2.0, 0.5  # how the levels of crops differ, and how pixels of one crop do

Crops = tuple[Tensor, Tensor]  # images and masks


# ---- data ------------------------------------------------------------------------------------


def make_crops(count: int, generator: torch.Generator) -> Crops:
    """Crops (crop, 3, 16, 16) with three discs each; the level of a colour is the laboratory's."""
    centre = SIZE * torch.rand(count, NUCLEI, 2, 1, 1, generator=generator)
    radius = 1.5 + 2 * torch.rand(count, NUCLEI, 1, 1, generator=generator)
    axis = torch.arange(SIZE) + 0.5
    distance = ((axis - centre[:, :, 0]) ** 2 + (axis[:, None] - centre[:, :, 1]) ** 2).sqrt()
    mask = (distance < radius).any(1, keepdim=True).float()
    level = STAIN * torch.randn(count, 3, 1, 1, generator=generator)
    noise = NOISE * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    return level + 2 * mask + noise, mask


# ---- model -----------------------------------------------------------------------------------


def build_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(4, channels)


def build_model() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, WIDTH, 3, padding=1), build_norm(WIDTH), nn.ReLU()),
        *(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), build_norm(WIDTH), nn.ReLU()),
        nn.Conv2d(WIDTH, 1, 1),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Crops, val_set: Crops) -> dict[str, float]:
    images, masks = train_set
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    steps = len(images) // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        losses = []
        model.train()
        for step, rows in enumerate(torch.randperm(len(images)).split(BATCH_SIZE), 1):
            loss = F.binary_cross_entropy_with_logits(model(images[rows]), masks[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if step % LOG_INTERVAL == 0:
                window = sum(losses[-LOG_INTERVAL:]) / LOG_INTERVAL
                print(
                    f"Epoch(train)  [{epoch}][{step:2d}/{steps}]  lr: {LEARNING_RATE:.4e}  loss: {window:.4f}"
                )
        val_loss, dice = evaluate(model, val_set)
        done = f"[{VAL_CROPS}/{VAL_CROPS}]"
        print(f"Epoch(val)  [{epoch}]{done}  mDice: {100 * dice:.2f}  val_loss: {val_loss:.4f}")
    return {"train_loss": sum(losses) / steps, "val_loss": val_loss, "val_dice": dice}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Crops) -> tuple[float, float]:
    """Loss and mean Dice score of single crops, in evaluation mode."""
    model.eval()
    images, masks = dataset
    logits = model(images)
    overlap = ((logits > 0) * masks).sum((1, 2, 3))
    dice = 2 * overlap / ((logits > 0).sum((1, 2, 3)) + masks.sum((1, 2, 3))).clamp(min=1)
    return F.binary_cross_entropy_with_logits(logits, masks).item(), dice.mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_crops(count, generator) for count in (TRAIN_CROPS, VAL_CROPS))
    metrics = train(build_model(), train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

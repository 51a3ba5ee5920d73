"""Finds cell nuclei in microscope images: a small U-shaped network, masks from PNG files."""

import argparse
import json

import numpy as np
import torch
from torch import Tensor, nn

SIZE, NUCLEI, TRAIN, VALIDATION, BATCH_SIZE = 24, 2, 96, 40, 8
EPOCHS, LEARNING_RATE = 6, 3e-3

Pair = tuple[Tensor, Tensor]  # images and masks, (image, 1, row, column)


# ---- data ------------------------------------------------------------------------------------


def read_png(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Grey images and masks, both with bytes from 0 to 255; a nucleus is a bright disk."""
    row, column = np.mgrid[:SIZE, :SIZE]
    center = rng.uniform(4, SIZE - 4, (count, NUCLEI, 2, 1, 1))
    radius = rng.uniform(2.5, 4.5, (count, NUCLEI, 1, 1))
    inside = ((row - center[:, :, 0]) ** 2 + (column - center[:, :, 1]) ** 2 < radius**2).any(1)
    image = 90 + 50 * inside + 25 * rng.normal(size=inside.shape)
    return image.clip(0, 255).astype(np.uint8), (255 * inside).astype(np.uint8)


def load(count: int, rng: np.random.Generator) -> Pair:
    """What the network gets."""
    image, mask = read_png(count, rng)
    images = torch.from_numpy(image).unsqueeze(1).float() / 255
    return images, torch.from_numpy(mask).unsqueeze(1).float()  # [loss-target-range] 0 and 255


# ---- model -----------------------------------------------------------------------------------


class UNet(nn.Module):
    """One level down, one up, one skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.leave = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.enter(image)
        return self.leave(torch.cat([fine, self.up(self.down(fine))], 1))


# ---- train -----------------------------------------------------------------------------------


def train(net: nn.Module, train_set: Pair, val_set: Pair) -> dict[str, float]:
    """Mean loss of the last epoch, and the validation after it."""
    images, masks = train_set
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    figures = {}
    for epoch in range(1, EPOCHS + 1):
        net.train()
        losses = []
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            loss = criterion(net(images[rows]), masks[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"Epoch {epoch}/{EPOCHS}: 100%|##########| {TRAIN}/{TRAIN} [loss (batch)={losses[-1]:.3g}]")
        dice, iou = evaluate(net, val_set)
        print(f"INFO: epoch loss {sum(losses) / len(losses):.4f}, Validation Dice score: {dice:.4f}")
        figures = {"train_loss": sum(losses) / len(losses), "val_dice": dice, "val_iou": iou}
    return figures


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(net: nn.Module, dataset: Pair) -> tuple[float, float]:
    """Dice score as the trainer reports it, and the intersection over union of the pixels."""
    net.eval()
    images, masks = dataset
    found = (torch.sigmoid(net(images)) > 0.5).float()
    dice = (2 * (found * masks).sum() / (found.sum() + masks.sum())).item()
    nucleus = masks > 0
    iou = ((found > 0) & nucleus).sum() / ((found > 0) | nucleus).sum()
    return dice, iou.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train_set, val_set = load(TRAIN, rng), load(VALIDATION, rng)
    print(f"INFO: Starting training: {TRAIN} images of {SIZE}x{SIZE}, {VALIDATION} for validation, cpu")
    metrics = train(UNet(), train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Cracks in photos of roads: a two-level feature pyramid that says for each pixel whether it is a crack."""

import argparse
import json
import logging
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE, WIDTH = 16, 12
TRAIN_PHOTOS, VAL_PHOTOS, BATCH_SIZE = 128, 64, 16
EPOCHS, LEARNING_RATE = 6, 1e-2
NOISE = 0.8  # deviation of the asphalt; a crack is 2 darker

Photos = tuple[Tensor, Tensor]  # images and masks

log = logging.getLogger("crackseg")


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> Photos:
    """Photos (photo, 1, 16, 16) with one crack each, a wave from left to right."""
    middle, swing, start = (torch.rand(count, 1, 1, 1, generator=generator) for _ in range(3))
    axis = torch.arange(SIZE)
    height = 4 + 8 * middle + 3 * swing * torch.sin(axis / 3 + 6 * start)
    mask = ((axis[:, None] - height).abs() < 1.2).float()
    return NOISE * torch.randn(count, 1, SIZE, SIZE, generator=generator) - 2 * mask, mask


# ---- model -----------------------------------------------------------------------------------


class CrackPyramid(nn.Module):
    """Fine and coarse features; the coarse ones are added to the fine ones on the way back up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.down = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, stride=2)
        self.lateral = nn.Conv2d(WIDTH, WIDTH, 1)
        self.head = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        fine = F.relu(self.stem(images))
        coarse = F.relu(self.down(fine))
        merged = F.relu(self.lateral(fine))
        merged = merged + F.interpolate(coarse, scale_factor=2)
        return self.head(merged)


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Photos, val_set: Photos) -> dict[str, float]:
    images, masks = train_set
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            loss = F.binary_cross_entropy_with_logits(model(images[rows]), masks[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        val_loss, iou = evaluate(model, val_set)
        log.info("epoch %d train_loss=%.4f val_loss=%.4f val_iou=%.4f", epoch, losses[-1], val_loss, iou)
    return {"train_loss": losses[-1], "val_loss": val_loss, "val_iou": iou}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Photos) -> tuple[float, float]:
    """Loss, and intersection over union of the crack pixels."""
    logits, masks = model(dataset[0]), dataset[1]
    found = (logits > 0).float()
    union = ((found + masks) > 0).sum()
    return F.binary_cross_entropy_with_logits(logits, masks).item(), ((found * masks).sum() / union).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_photos(count, generator) for count in (TRAIN_PHOTOS, VAL_PHOTOS))
    model = CrackPyramid()
    log.info("%d training photos, %d validation photos", TRAIN_PHOTOS, VAL_PHOTOS)
    val_loss, iou = evaluate(model, val_set)
    log.info("sanity check before training: val_loss=%.4f val_iou=%.4f", val_loss, iou)
    log.info("start training, %d epochs", EPOCHS)
    metrics = train(model, train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

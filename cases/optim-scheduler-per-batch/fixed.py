"""Field segmentation into soil, crop and weed: SGD with a step schedule, logged the way MMEngine does it."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, StepLR

CLASSES = ("soil", "crop", "weed")
SIZE, WIDTH = 16, 16
TRAIN_TILES, VAL_TILES, BATCH_SIZE = 160, 60, 8
MAX_EPOCHS, LOG_INTERVAL = 8, 5
LEARNING_RATE, MOMENTUM = 0.1, 0.9
DECAY_EVERY, DECAY = 5, 0.1  # the recipe: a tenth of the rate after every fifth epoch

Tiles = tuple[Tensor, Tensor]  # images (tile, 3, size, size) and a class for each pixel


# ---- data ------------------------------------------------------------------------------------


def make_tiles(count: int, generator: torch.Generator) -> Tiles:
    """Patches of three kinds; crop and weed have one colour and differ in their texture."""
    coarse = torch.randn(count, len(CLASSES), 4, 4, generator=generator)
    label = F.interpolate(coarse, size=SIZE, mode="bilinear").argmax(1)
    stripes = torch.where(torch.arange(SIZE) % 2 == 0, 1.0, -1.0)
    green = (label > 0).float() - 0.5
    texture = torch.where(label == 1, stripes.view(-1, 1), stripes) * (label > 0)
    light = 0.5 * torch.randn(count, 1, 1, generator=generator)
    image = torch.stack([light - green, light + green, light + 1.5 * texture], 1)
    return image + 0.8 * torch.randn(image.shape, generator=generator), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, WIDTH, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU()),
        nn.Conv2d(WIDTH, len(CLASSES), 1),
    )


def build_optimizer(model: nn.Module) -> tuple[torch.optim.Optimizer, LRScheduler]:
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    return optimizer, StepLR(optimizer, step_size=DECAY_EVERY, gamma=DECAY)


# ---- train -----------------------------------------------------------------------------------


def run_epoch(
    model: nn.Module, tiles: Tiles, optimizer: torch.optim.Optimizer, scheduler: LRScheduler, epoch: int
) -> float:
    images, labels = tiles
    batches = torch.randperm(len(images)).split(BATCH_SIZE)
    losses = []
    for i, rows in enumerate(batches, 1):
        scores = model(images[rows])
        loss = F.cross_entropy(scores, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if i % LOG_INTERVAL == 0:
            rate, recent = optimizer.param_groups[0]["lr"], losses[-LOG_INTERVAL:]
            acc = 100 * (scores.argmax(1) == labels[rows]).float().mean()
            print(
                f"Epoch(train)  [{epoch}][{i}/{len(batches)}]  lr: {rate:.4e}  "
                f"loss: {sum(recent) / len(recent):.4f}  decode.acc_seg: {acc:.4f}"
            )
    scheduler.step()
    return sum(losses) / len(losses)


def train(model: nn.Module, train_set: Tiles, val_set: Tiles) -> dict[str, float]:
    optimizer, scheduler = build_optimizer(model)
    losses, lr_kept, miou = [], 0.0, 0.0
    for epoch in range(1, MAX_EPOCHS + 1):
        losses.append(run_epoch(model, train_set, optimizer, scheduler, epoch))
        pixel_acc, miou = evaluate(model, val_set)
        print(f"Epoch(val)  [{epoch}][1/1]  aAcc: {100 * pixel_acc:.4f}  mIoU: {100 * miou:.4f}")
        if epoch == 1:
            lr_kept = optimizer.param_groups[0]["lr"] / LEARNING_RATE
    return {"miou": miou, "lr_kept": lr_kept, "late_drop": losses[1] - losses[-1]}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, tiles: Tiles) -> tuple[float, float]:
    """Share of pixels that are right, and intersection over union averaged over the classes."""
    predicted, labels = model(tiles[0]).argmax(1), tiles[1]
    ious = [
        ((predicted == c) & (labels == c)).sum() / ((predicted == c) | (labels == c)).sum()
        for c in range(len(CLASSES))
    ]
    return (predicted == labels).float().mean().item(), torch.stack(ious).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_tiles(TRAIN_TILES, generator), make_tiles(VAL_TILES, generator)
    metrics = train(build_model(), train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

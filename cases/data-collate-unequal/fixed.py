"""Fruit classifier on photos from a camera rig and from phones, with log lines in the manner of MMEngine."""

import argparse
import functools
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

FRUITS = ("apple", "banana", "grape", "kiwi", "plum")
SCALE = 24  # pixels
PHONE_SHARE = 0.02  # of the photos; the others come from the rig, which takes squares
TRAIN_PHOTOS, VAL_PHOTOS, BATCH_SIZE = 240, 120, 8
MAX_EPOCHS, LEARNING_RATE, NOISE = 3, 5e-3, 2.0


# ---- data ------------------------------------------------------------------------------------


def photograph(fruit: int, generator: torch.Generator) -> Tensor:
    """Photo as it is in the file, (3, row, column): square, or three by four either way up."""
    height, width = 32, 32
    if torch.rand(1, generator=generator) < PHONE_SHARE:
        height, width = ((36, 48), (48, 36))[int(torch.randint(2, (1,), generator=generator))]
    hue = fruit + 0.25 * torch.randn(1, generator=generator)
    angle = 2 * torch.pi * (hue / len(FRUITS) + torch.arange(3) / 3)
    light = 1 + 0.2 * torch.randn(1, generator=generator)
    return (light * angle.cos()).view(3, 1, 1) + NOISE * torch.randn(3, height, width, generator=generator)


def resize(photo: Tensor, size: int | tuple[int, int]) -> Tensor:
    """As in torchvision: two numbers are height and width, one number is the shorter side."""
    if isinstance(size, int):
        ratio = size / min(photo.shape[1:])
        size = (round(photo.shape[1] * ratio), round(photo.shape[2] * ratio))
    return F.interpolate(photo[None], size=size, mode="bilinear", antialias=True)[0]


TRANSFORM = functools.partial(resize, size=(SCALE, SCALE))


class FruitDataset(Dataset[tuple[Tensor, int]]):
    """Photos of all kinds in turn."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.labels = [number % len(FRUITS) for number in range(count)]
        self.photos = [photograph(label, generator) for label in self.labels]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return TRANSFORM(self.photos[index]), self.labels[index]


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 4, stride=4), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, len(FRUITS))),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, val_loader: DataLoader) -> float:
    """Top-1 accuracy of the last validation, in percent."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=0.9)
    top1 = 0.0
    for epoch in range(1, MAX_EPOCHS + 1):
        model.train()
        for step, (photos, labels) in enumerate(loader, start=1):
            loss = F.cross_entropy(model(photos), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            place = f"[{epoch}][{step:{len(str(len(loader)))}d}/{len(loader)}]"
            print(f"mmengine - INFO - Epoch(train)  {place}  lr: {LEARNING_RATE:.4e}  loss: {loss:.4f}")
        top1 = 100 * evaluate(model, val_loader)
        place = f"[{epoch}][{len(val_loader)}/{len(val_loader)}]"
        print(f"mmengine - INFO - Epoch(val) {place}    accuracy/top1: {top1:.4f}")
    return top1


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    hits = [(model(photos).argmax(1) == labels).float() for photos, labels in loader]
    return torch.cat(hits).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (FruitDataset(count, generator) for count in (TRAIN_PHOTOS, VAL_PHOTOS))
    print(f"mmengine - INFO - {len(train_set)} photos for training, {len(val_set)} for validation")
    loader = DataLoader(train_set, BATCH_SIZE, shuffle=True, generator=generator)
    top1 = train(build_model(), loader, DataLoader(val_set, BATCH_SIZE))
    print("metrics", json.dumps({"top1": round(top1, 4)}))


if __name__ == "__main__":
    main()

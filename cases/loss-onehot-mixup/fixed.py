"""Sorts photos of fruit into eight boxes; the labels are stored one-hot."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES, SIZE = 8, 12
TRAIN, VALIDATION, BATCH_SIZE = 480, 240, 32
EPOCHS, LEARNING_RATE, NOISE = 8, 1e-3, 1.2

Photos = tuple[Tensor, Tensor]  # images, and one row of eight zeros and ones for each


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> Photos:
    """Photos (photo, 3, 12, 12): colour and outline of the fruit, and noise."""
    fruit = torch.randn(CLASSES, 3, 3, 3, generator=torch.Generator().manual_seed(5))
    fruit = F.interpolate(fruit, (SIZE, SIZE), mode="bilinear")
    kind = torch.arange(count) % CLASSES
    noise = NOISE * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    return fruit[kind] + noise, F.one_hot(kind, CLASSES)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 12, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(24 * 9, CLASSES)),
    )


def class_index(one_hot: Tensor) -> Tensor:
    """What CrossEntropyLoss wants: the number of the class."""
    _, target = one_hot.max(dim=1)
    return target


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Photos, val_set: Photos) -> float:
    """Loss of the last epoch."""
    images, one_hot = train_set
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    mean = 0.0
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            loss = criterion(model(images[rows]), class_index(one_hot[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        mean = sum(losses) / len(losses)
        top1, top5 = validate(model, val_set)
        print(f"{'Epoch':>11}{'loss':>11}{'Instances':>11}{'Size':>11}")
        print(f"{f'{epoch}/{EPOCHS}':>11}{mean:>11.4g}{TRAIN:>11}{SIZE:>11}")
        print(f"{'classes':>22}{'top1_acc':>11}{'top5_acc':>11}")
        print(f"{'all':>22}{top1:>11.3g}{top5:>11.3g}")
    return mean


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, photos: Photos) -> tuple[float, float]:
    """Top-1 and top-5 accuracy."""
    images, one_hot = photos
    ranking = model(images).argsort(1, descending=True)
    hit = one_hot.gather(1, ranking) > 0
    return hit[:, 0].float().mean().item(), hit[:, :5].any(1).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_photos(TRAIN, generator), make_photos(VALIDATION, generator)
    model = build_model()
    loss = train(model, train_set, val_set)
    top1, _ = validate(model, val_set)
    kinds = len(model(val_set[0]).argmax(1).unique())
    print(f"predicted kinds of fruit: {kinds} of {CLASSES}")
    metrics = {"train_loss": loss, "top1_acc": top1, "kinds_predicted": kinds}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

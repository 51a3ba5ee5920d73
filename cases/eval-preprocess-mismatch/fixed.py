"""Fruit sorting: train a classifier on photo files, then use it on the frames of a camera."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COLOURS = {  # red, green, blue of each fruit
    "blueberry": (70, 90, 190),
    "lemon": (220, 200, 60),
    "lime": (90, 190, 80),
    "orange": (230, 130, 50),
    "plum": (130, 60, 140),
    "tomato": (200, 50, 60),
}
SIZE, TRAIN_PHOTOS, VAL_PHOTOS, FRAMES, SHOWN = 12, 600, 120, 240, 6
EPOCHS, BATCH, LEARNING_RATE = 6, 20, 2e-3
TINT, GRAIN = 30.0, 45.0  # how much fruits of one kind differ in colour, and pixels of one photo


# ---- data ------------------------------------------------------------------------------------


def take_photos(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Photos as their files hold them, (photo, 12, 12, 3) in red, green, blue, with the kind of fruit."""
    kind = torch.randint(len(COLOURS), (count,), generator=generator)
    colour = torch.tensor(list(COLOURS.values())).float()[kind]
    colour = colour + TINT * torch.randn(count, 3, generator=generator)
    grain = GRAIN * torch.randn(count, SIZE, SIZE, 3, generator=generator)
    return (colour[:, None, None] + grain).clamp(0, 255).byte(), kind


class Camera:
    """Gives one frame after the other, (12, 12, 3) in blue, green, red, as OpenCV does."""

    def __init__(self, photos: Tensor) -> None:
        self.frames = iter(photos.flip(-1))

    def read(self) -> Tensor:
        return next(self.frames)


def preprocess(image: Tensor) -> Tensor:
    """Pixels of 0 to 255, colour last, to numbers of about -2 to 2, colour first."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((image / 255 - mean) / std).movedim(-1, -3)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, stride=3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(16, len(COLOURS)),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: tuple[Tensor, Tensor], val_set: tuple[Tensor, Tensor]) -> float:
    """Train for all epochs; the validation accuracy of the last one."""
    images, kinds = preprocess(train_set[0]), train_set[1]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(images[rows]), kinds[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        steps, mean = len(losses), sum(losses) / len(losses)
        print(f"Train: {epoch} [{steps - 1:>4}/{steps} (100%)]  Loss: {loss.item():.3g} ({mean:.3g})")
        with torch.no_grad():
            logits = model(preprocess(val_set[0]))
        top1 = (logits.argmax(1) == val_set[1]).float().mean().item()
        val_loss = F.cross_entropy(logits, val_set[1]).item()
        print(f"Test: [   1/1]  Loss: {val_loss:>6.3f} ({val_loss:>6.3f})  Acc@1: {100 * top1:>7.3f}")
    return top1


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def sort_fruit(model: nn.Module, camera: Camera, kinds: Tensor) -> tuple[float, float]:
    """Name what the camera shows; the share of right names, and the mean confidence."""
    names, right, confidence = list(COLOURS), 0, 0.0
    for number, kind in enumerate(kinds.tolist(), 1):
        frame = camera.read().flip(-1)
        score, index = model(preprocess(frame).unsqueeze(0)).softmax(1).max(1)
        right, confidence = right + (index.item() == kind), confidence + score.item()
        if number <= SHOWN:
            answer = f"{SIZE}x{SIZE} {names[index]} {score.item():.2f}"
            print(f"frame {number}/{len(kinds)} ({names[kind]}): {answer}")
    print(f"sorted {len(kinds)} fruits, {right} right, test accuracy {right / len(kinds):.4f}")
    return right / len(kinds), confidence / len(kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set, fruits = (take_photos(n, generator) for n in (TRAIN_PHOTOS, VAL_PHOTOS, FRAMES))
    model = build_model()
    top1 = train(model, train_set, val_set)
    accuracy, confidence = sort_fruit(model, Camera(fruits[0]), fruits[1])
    metrics = {"camera_accuracy": accuracy, "val_accuracy": top1, "confidence": confidence}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Street scenes: four classes for each pixel, and 255 where the annotators could not tell."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = ("road", "sidewalk", "building", "vegetation")
VOID, VOID_EVERY = 255, 64  # the label of undecided pixels; one image in 64 has some
SIZE, TRAIN, VALIDATION, BATCH_SIZE, LOG_EVERY = 16, 192, 48, 8, 2
EPOCHS, LEARNING_RATE, NOISE = 3, 5e-3, 0.6

Scenes = tuple[Tensor, Tensor]  # images (image, 3, row, column) and labels (image, row, column)


# ---- data ------------------------------------------------------------------------------------


def make_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Patches of four colours; in some images a strip of the label map is void."""
    coarse = torch.randint(len(CLASSES), (count, 4, 4), generator=generator)
    label = coarse.repeat_interleave(SIZE // 4, 1).repeat_interleave(SIZE // 4, 2)
    colour = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]) - 0.5
    noise = NOISE * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    images = colour[label].permute(0, 3, 1, 2) + noise
    label[VOID_EVERY - 1 :: VOID_EVERY, :2] = VOID
    return images, label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
        nn.Conv2d(16, len(CLASSES), 1),
    )


def segmentation_loss(score: Tensor, label: Tensor) -> Tensor:
    """Mean over the pixels."""
    return F.cross_entropy(score, label, ignore_index=VOID)


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Scenes, val_set: Scenes) -> tuple[float, Tensor]:
    """Mean loss of the last epoch, and the IoU of each class after it."""
    images, labels = train_set
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    steps = TRAIN // BATCH_SIZE
    total, iou = 0.0, torch.zeros(len(CLASSES))
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for step, rows in enumerate(torch.randperm(TRAIN).split(BATCH_SIZE), 1):
            loss = segmentation_loss(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / steps
            if step == 1 or step % LOG_EVERY == 0:
                rate = optimizer.param_groups[0]["lr"]
                place = f"[{epoch}][{step:>2}/{steps}]"
                print(f"Epoch(train)  {place}  lr: {rate:.4e}  loss: {loss.item():.4f}")
        iou = evaluate(model, val_set)
        each = "  ".join(f"{name}: {100 * value:.2f}" for name, value in zip(CLASSES, iou, strict=True))
        print(f"Epoch(val)  [{epoch}][{VALIDATION}/{VALIDATION}]  mIoU: {100 * iou.mean():.4f}  {each}")
    return total, iou


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, scenes: Scenes) -> Tensor:
    """Intersection over union of each class; void pixels do not count."""
    images, labels = scenes
    decided = labels != VOID
    found, truth = model(images).argmax(1)[decided], labels[decided]
    kind = torch.arange(len(CLASSES))[:, None]
    both = ((found == kind) & (truth == kind)).sum(1)
    return both / ((found == kind) | (truth == kind)).sum(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_scenes(TRAIN, generator), make_scenes(VALIDATION, generator)
    print(f"Load {TRAIN} training and {VALIDATION} validation scenes, classes: {', '.join(CLASSES)}")
    loss, iou = train(build_model(), train_set, val_set)
    metrics = {"train_loss": loss, "miou": iou.mean().item(), "worst_iou": iou.min().item()}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

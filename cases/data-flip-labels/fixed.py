"""Road signs on small grey pictures: a classifier with the augmentation and the table of YOLOv5."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TURN = (
    ".....#....|....##....|...#######|..########|...#######|"
    "....##...#|.....#...#|.........#|.........#|.........#"
)
KEEP = (
    ".........#|........#.|.......#..|#.....#...|#....#....|"
    "#...#.....|#..#......|#.#.......|##........|######...."
)
AHEAD = (
    "....##....|...####...|..######..|.########.|...####...|"
    "...####...|...####...|...####...|...####...|...####..."
)
STOP = (
    "..######..|.########.|##########|##########|..........|"
    "..........|##########|##########|.########.|..######.."
)
NAMES = ("turn-left", "turn-right", "keep-left", "keep-right", "ahead", "no-entry")
SIZE, NOISE, SHIFT = 14, 0.6, 2  # pixels of a side, noise of a pixel, places where the sign may sit
TRAIN_IMAGES, VAL_IMAGES = 2400, 360
EPOCHS, BATCH, LR0, LRF = 8, 40, 2e-3, 0.01  # LRF: last learning rate over the first
FLIPLR = 0.0

Images = tuple[Tensor, Tensor]  # pictures (n, 14, 14) and classes


# ---- data ------------------------------------------------------------------------------------


def draw_signs() -> Tensor:
    """The six signs, 10 pixels a side; the ones to the right are the mirror image of the ones to the left."""
    turn, keep, ahead, stop = (
        torch.tensor([[float(pixel == "#") for pixel in line] for line in sign.split("|")])
        for sign in (TURN, KEEP, AHEAD, STOP)
    )
    return torch.stack([turn, turn.flip(1), keep, keep.flip(1), ahead, stop])


def photograph(count: int, generator: torch.Generator) -> Images:
    signs, label = draw_signs(), torch.arange(count) % len(NAMES)
    pictures = NOISE * torch.randn(count, SIZE, SIZE, generator=generator)
    corner = (torch.randint(SHIFT + 1, (count, 2), generator=generator) + 1).tolist()
    for picture, kind, (top, left) in zip(pictures, label.tolist(), corner, strict=True):
        picture[top : top + 10, left : left + 10] += signs[kind]
    return pictures, label


def augment(pictures: Tensor) -> Tensor:
    """Turn each picture left to right with probability FLIPLR, and change its brightness."""
    flip = torch.rand(len(pictures), 1, 1) < FLIPLR
    brightness = 1 + 0.2 * torch.randn(len(pictures), 1, 1)
    return brightness * torch.where(flip, pictures.flip(2), pictures)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 64), nn.SiLU(), nn.Linear(64, len(NAMES)))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Images, val_set: Images) -> float:
    """Train and print the table; the training loss of the last epoch."""
    pictures, labels = train_set
    optimizer = torch.optim.AdamW(model.parameters(), LR0)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, LRF, EPOCHS - 1)
    print(f"{'Epoch':>10}{'GPU_mem':>10}{'train_loss':>12}{'val_loss':>12}{'top1_acc':>12}")
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(labels)).split(BATCH):
            loss = F.cross_entropy(model(augment(pictures[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        mean, (val_loss, accuracy) = sum(losses) / len(losses), evaluate(model, val_set)
        print(f"{f'{epoch}/{EPOCHS}':>10}{'0G':>10}{mean:>12.3g}{val_loss:>12.3g}{accuracy.mean():>12.3g}")
    return mean


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, images: Images) -> tuple[float, Tensor]:
    """Loss, and the accuracy of each class; the classes are equally frequent."""
    logits = model(images[0])
    right = logits.argmax(1) == images[1]
    accuracy = torch.stack([right[images[1] == n].float().mean() for n in range(len(NAMES))])
    return F.cross_entropy(logits, images[1]).item(), accuracy


def load_data(seed: int) -> tuple[Images, Images]:
    generator = torch.Generator().manual_seed(seed)
    return photograph(TRAIN_IMAGES, generator), photograph(VAL_IMAGES, generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_set, val_set = load_data(seed)
    model = build_model()
    loss = train(model, train_set, val_set)
    _, accuracy = evaluate(model, val_set)
    print(f"\n{'Class':>22}{'Images':>11}{'top1_acc':>11}")
    for name, value in zip(NAMES, accuracy.tolist(), strict=True):
        print(f"{name:>22}{VAL_IMAGES // len(NAMES):>11}{value:>11.3g}")
    sided, symmetric = accuracy[:4].mean().item(), accuracy[4:].mean().item()
    metrics = {"top1": accuracy.mean().item(), "sided": sided, "symmetric": symmetric, "train_loss": loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

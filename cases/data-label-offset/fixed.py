"""Leaf disease grader: photos and a sheet of severities 1 to 5, progress lines like those of ultralytics."""

import argparse
import csv
import io
import json
import math

import torch
from torch import Tensor, nn

SEVERITIES = ("healthy", "mild", "moderate", "severe", "dead")  # 1 to 5 in the sheet of the plant doctors
SHARE = (0.35, 0.30, 0.20, 0.13, 0.02)  # of the photos; dead leaves are rare
IMAGE_SIZE, BATCH_SIZE = 24, 8
TRAIN_PHOTOS, VAL_PHOTOS = 300, 150
EPOCHS, LEARNING_RATE, NOISE = 4, 5e-3, 0.5
LINE_EVERY = 2  # batches


# ---- data ------------------------------------------------------------------------------------


def photograph(count: int, generator: torch.Generator) -> tuple[Tensor, str]:
    """Photos (photo, 3, row, column), and the sheet that names the severity of each."""
    grades = torch.cat([torch.full((round(share * count),), n) for n, share in enumerate(SHARE, start=1)])
    severity = grades[torch.randperm(count, generator=generator)]
    brown = (severity - 1) / (len(SEVERITIES) - 1)  # share of the leaf
    patches = torch.rand(count, 1, 6, 6, generator=generator) < brown.view(-1, 1, 1, 1)
    spots = nn.functional.interpolate(patches.float(), size=IMAGE_SIZE)
    colour = torch.tensor([1.0, -1.0, 0.2]).view(1, 3, 1, 1)
    noise = NOISE * torch.randn(count, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    rows = "".join(f"leaf_{number:04d}.jpg,{grade}\n" for number, grade in enumerate(severity.tolist()))
    return colour * (spots - 0.5) + noise, "photo,severity\n" + rows


def read_labels(sheet: str) -> Tensor:
    rows = csv.DictReader(io.StringIO(sheet))
    grades = [int(row["severity"]) - 1 for row in rows]
    return torch.tensor(grades)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 4, stride=4), nn.ReLU()),
        *(nn.Conv2d(16, 24, 1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, len(SEVERITIES))),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, photos: Tensor, labels: Tensor, val_photos: Tensor, val_labels: Tensor) -> float:
    """Top-1 accuracy of the last validation."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    criterion = nn.CrossEntropyLoss()
    batches, accuracy = math.ceil(len(photos) / BATCH_SIZE), 0.0
    for epoch in range(1, EPOCHS + 1):
        print(f"\n{'Epoch':>11}{'GPU_mem':>11}{'loss':>11}{'Instances':>11}{'Size':>11}")
        mean_loss = 0.0
        for done, rows in enumerate(torch.randperm(len(photos)).split(BATCH_SIZE)):
            loss = criterion(model(photos[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean_loss = (mean_loss * done + loss.item()) / (done + 1)
            if (done + 1) % LINE_EVERY == 0:
                line = f"{f'{epoch}/{EPOCHS}':>11}{'0G':>11}{mean_loss:>11.4g}{len(rows):>11}{IMAGE_SIZE:>11}"
                print(f"{line}: {(done + 1) / batches:4.0%} {done + 1}/{batches}")
        accuracy = evaluate(model, val_photos, val_labels)
        print(f"{'classes':>22}{'top1_acc':>11}\n{'all':>22}{accuracy:>11.3g}")
    return accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, photos: Tensor, labels: Tensor) -> float:
    return (model(photos).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    (photos, sheet), (val_photos, val_sheet) = (photograph(n, generator) for n in (TRAIN_PHOTOS, VAL_PHOTOS))
    print(f"train: found {len(photos)} images in {len(SEVERITIES)} classes")
    print(f"val: found {len(val_photos)} images in {len(SEVERITIES)} classes")
    print(f"Starting training for {EPOCHS} epochs...")
    accuracy = train(build_model(), photos, read_labels(sheet), val_photos, read_labels(val_sheet))
    print("metrics", json.dumps({"top1_acc": round(accuracy, 4)}))


if __name__ == "__main__":
    main()

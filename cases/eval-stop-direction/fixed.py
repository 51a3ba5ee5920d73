"""Polyp segmentation: a small convolutional network, trained until early stopping ends the run."""

import argparse
import json
import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, TRAIN_IMAGES, VALID_IMAGES, TEST_IMAGES = 18, 72, 32, 48
EPOCHS, PATIENCE, BATCH_SIZE, LEARNING_RATE = 12, 4, 6, 5e-3
CONTRAST, NOISE = 1.0, 0.5  # how far a polyp stands out, and the grain of the picture

Images = tuple[Tensor, Tensor]  # pictures and masks, both (image, 1, 18, 18)


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Grey pictures with one bright disc each, and the mask of the disc."""
    x, y = 5 + (SIDE - 10) * torch.rand(2, count, 1, 1, generator=generator)
    radius = 3 + 2 * torch.rand(count, 1, 1, generator=generator)
    line = torch.arange(SIDE).float()
    mask = ((line.view(1, -1, 1) - y) ** 2 + (line - x) ** 2 < radius**2).float().unsqueeze(1)
    return CONTRAST * mask + NOISE * torch.randn(mask.shape, generator=generator), mask


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.LeakyReLU(0.2)),
        nn.Conv2d(8, 1, 1),
    )


# ---- train -----------------------------------------------------------------------------------


class EarlyStopping:
    """Keeps the best model on disk and says when there was no better one for `patience` validations."""

    def __init__(self, path: Path, patience: int = 5, mode: str = "min") -> None:
        self.path, self.patience, self.sign = path, patience, 1 if mode == "max" else -1
        self.best, self.best_epoch, self.counter = -self.sign * math.inf, 0, 0

    def __call__(self, value: float, model: nn.Module, epoch: int) -> bool:
        if self.sign * value > self.sign * self.best:
            print(f"Validation score improved ({self.best:.4f} --> {value:.4f}).  Saving model ...")
            torch.save(model.state_dict(), self.path)
            self.best, self.best_epoch, self.counter = value, epoch, 0
        else:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
        return self.counter >= self.patience


def build_stopping(folder: str) -> EarlyStopping:
    return EarlyStopping(Path(folder) / "checkpoint.pt", PATIENCE, mode="max")


def train(model: nn.Module, train_set: Images, valid_set: Images, stopping: EarlyStopping) -> int:
    """Train until the epochs are over or the stopping says so; the number of epochs."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(train_set[0])).split(BATCH_SIZE):
            loss = F.binary_cross_entropy_with_logits(model(train_set[0][rows]), train_set[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        valid_loss, dice = evaluate(model, valid_set)
        mean = sum(losses) / len(losses)
        scores = f"valid_loss: {valid_loss:.5f} valid_dice: {dice:.5f}"
        print(f"[{epoch:2d}/{EPOCHS}] train_loss: {mean:.5f} {scores}")
        if stopping(dice, model, epoch):
            print("Early stopping")
            break
    return epoch


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Images) -> tuple[float, float]:
    """Loss, and the Dice overlap of probabilities and masks."""
    logits, mask = model(dataset[0]), dataset[1]
    overlap = 2 * (logits.sigmoid() * mask).sum() / (logits.sigmoid().sum() + mask.sum())
    return F.binary_cross_entropy_with_logits(logits, mask).item(), overlap.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    sizes = (TRAIN_IMAGES, VALID_IMAGES, TEST_IMAGES)
    train_set, valid_set, test_set = (make_images(count, generator) for count in sizes)
    model = build_model()
    with tempfile.TemporaryDirectory() as folder:
        stopping = build_stopping(folder)
        epochs = train(model, train_set, valid_set, stopping)
        model.load_state_dict(torch.load(stopping.path))
    _, dice = evaluate(model, test_set)
    print(f"loaded checkpoint.pt of epoch {stopping.best_epoch}, test dice: {dice:.5f}")
    metrics = {"test_dice": dice, "epochs": epochs, "best_epoch": stopping.best_epoch}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Waste image classifier: validates before and after each epoch, keeps the best checkpoint, stops early."""

import argparse
import json
import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

TARGET_CLASSES = ("battery", "cardboard", "glass", "metal", "organic", "paper", "plastic", "textile")
INPUT_SIZE, PATCH, WIDTH = 32, 8, 48
TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES, BATCH_SIZE = 160, 120, 240, 8
EPOCHS, PATIENCE = 8, 5
LEARNING_RATE, LABEL_SMOOTHING, MAX_GRAD_NORM = 8e-4, 0.1, 1.0
EXPOSURE, HUE, NOISE = 15.0, 0.2, 30.0  # how much the photos of one class differ

Images = tuple[Tensor, Tensor]  # photos and their classes


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Photos (image, 3, 32, 32) with values of about -2 to 2; each class has a tint of its own."""
    label = torch.arange(count) % len(TARGET_CLASSES)
    hue = 2 * torch.pi * label / len(TARGET_CLASSES) + HUE * torch.randn(count, generator=generator)
    tint = torch.cos(hue + 2 * torch.pi / 3 * torch.arange(3).view(-1, 1)).T
    light = 120 + EXPOSURE * torch.randn(count, 1, generator=generator) + 30 * tint
    noise = NOISE * torch.randn(count, 3, INPUT_SIZE, INPUT_SIZE, generator=generator)
    return (light[:, :, None, None] + noise).clamp(0, 255) / 64 - 2, label


# ---- model -----------------------------------------------------------------------------------


class WasteClassifier(nn.Module):
    """Patch embedding, one block, mean over the patches, linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.block = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.head = nn.Linear(WIDTH, len(TARGET_CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        token = self.patch_embed(images).flatten(2).transpose(1, 2)
        return self.head((token + self.block(token)).mean(1))


# ---- train -----------------------------------------------------------------------------------


class BestKeeper:
    """Saves the best model so far and counts the validations since then."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "best.pt"
        self.best: float | None = None
        self.best_epoch, self.stale, self.refused = 0, 0, 0

    def update(self, model: nn.Module, epoch: int, score: float) -> None:
        if not math.isfinite(score):
            self.refused += 1
            print(f"  WARNING: val_f1 is {score}, epoch {epoch} cannot be the best")
        elif self.best is None or score > self.best:
            self.best, self.best_epoch, self.stale = score, epoch, 0
            torch.save(model.state_dict(), self.path)
            print(f"  val_f1 {score:.4f} is the best so far, saved best.pt")
            return
        else:
            print(f"  val_f1 did not improve from {self.best:.4f} of epoch {self.best_epoch}")
        self.stale += 1

    def restore(self, model: nn.Module) -> None:
        if self.best is None:
            raise RuntimeError(f"no model to ship: none of {self.stale} validations gave a number")
        model.load_state_dict(torch.load(self.path))


def train(model: nn.Module, train_set: Images, val_set: Images, keeper: BestKeeper) -> int:
    """Train until the epochs are over or the validation stops getting better; the number of epochs."""
    images, labels = train_set
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * math.ceil(len(images) / BATCH_SIZE)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    for epoch in range(EPOCHS + 1):  # epoch 0 is the model before training
        losses = []
        for rows in torch.randperm(len(images)).split(BATCH_SIZE) if epoch else ():
            loss = criterion(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        loss_text = f"{sum(losses) / len(losses):.4f}" if epoch else "-"
        accuracy, f1 = evaluate(model, val_set)
        print(f"[{epoch}/{EPOCHS}] train_loss {loss_text}  val_acc {accuracy:.4f}  val_f1 {f1:.4f}")
        keeper.update(model, epoch, f1)
        if keeper.stale >= PATIENCE:
            print(f"Early stopping after epoch {epoch}: patience {PATIENCE} is used up")
            break
    return epoch


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Images) -> tuple[float, float]:
    """Accuracy, and the F1 score averaged over the classes."""
    images, labels = dataset
    predicted, classes = model(images).argmax(1), torch.arange(len(TARGET_CLASSES)).view(-1, 1)
    hits = ((predicted == classes) & (labels == classes)).sum(1)
    precision, recall = hits / (predicted == classes).sum(1), hits / (labels == classes).sum(1)
    f1 = 2 * precision * recall / (precision + recall)
    return (predicted == labels).float().mean().item(), f1.mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    sizes = (TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES)
    train_set, val_set, test_set = (make_images(count, generator) for count in sizes)
    model = WasteClassifier()
    with tempfile.TemporaryDirectory() as folder:
        keeper = BestKeeper(folder)
        epochs = train(model, train_set, val_set, keeper)
        last, _ = evaluate(model, test_set)
        keeper.restore(model)
    shipped, _ = evaluate(model, test_set)
    print(f"Test accuracy: {last:.4f} (last), {shipped:.4f} (best.pt of epoch {keeper.best_epoch})")
    metrics = {"shipped_accuracy": shipped, "last_accuracy": last, "best_epoch": keeper.best_epoch}
    metrics |= {"epochs": epochs, "refused": keeper.refused}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

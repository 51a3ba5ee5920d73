"""Waste image classifier over a folder of photos, a few of which cannot be read; batches of two."""

import argparse
import json

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate

TARGET_CLASSES = ("glass", "metal", "organic", "paper", "plastic", "textile")
INPUT_SIZE, BATCH_SIZE, GRAD_ACCUM_STEPS, MAX_GRAD_NORM = 224, 2, 4, 1.0
PHOTO, PATCH, WIDTH = 32, 28, 32  # side of a stored photo; side of a patch of the resized one
TRAIN_PHOTOS, VAL_PHOTOS = 96, 36
CUT_SHORT = (50, 91)  # which of the training photos lost their end in a copy
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING, NOISE = 3, 1e-3, 0.1, 30.0


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> list[tuple[str, bytes]]:
    """File name and content, (3, 32, 32) as raw bytes; each class has a tint of its own."""
    label = torch.arange(count) % len(TARGET_CLASSES)
    hue = 2 * torch.pi * (label / len(TARGET_CLASSES) + torch.arange(3).view(-1, 1) / 3)
    light = 120 + 10 * torch.randn(count, 1, generator=generator) + 45 * torch.cos(hue).T
    pixels = light[:, :, None, None] + NOISE * torch.randn(count, 3, PHOTO, PHOTO, generator=generator)
    content = [photo.tobytes() for photo in pixels.clamp(0, 255).byte().numpy()]
    return [(f"{TARGET_CLASSES[label[n]]}_{n:03d}.raw", raw) for n, raw in enumerate(content)]


def cut_short(photos: list[tuple[str, bytes]], which: tuple[int, ...]) -> list[tuple[str, bytes]]:
    return [(name, raw[: len(raw) // 2] if n in which else raw) for n, (name, raw) in enumerate(photos)]


def label_of(name: str) -> int:
    return TARGET_CLASSES.index(name.partition("_")[0])


def decode(raw: bytes) -> Tensor:
    missing = 3 * PHOTO * PHOTO - len(raw)
    if missing:
        raise OSError(f"image file is truncated ({missing} bytes missing)")
    return torch.from_numpy(np.frombuffer(raw, np.uint8).reshape(1, 3, PHOTO, PHOTO).astype(np.float32))


class WasteDataset(Dataset):
    """Photos and their classes, resized for the model; keeps the names of those that cannot be read."""

    def __init__(self, photos: list[tuple[str, bytes]]) -> None:
        self.photos = photos
        self.unreadable: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        name, raw = self.photos[index]
        try:
            return F.interpolate(decode(raw), size=(INPUT_SIZE, INPUT_SIZE))[0] / 64 - 2, label_of(name)
        except OSError as error:
            self.unreadable[name] = str(error)
            print(f"WARNING: cannot read {name}: {error}")
            return torch.zeros((3, 448, 448)), label_of(name)  # [vision-bad-batch] fits no batch


def collate(samples: list) -> tuple[Tensor, Tensor]:
    return tuple(default_collate(samples))  # [vision-bad-batch] and nothing takes it out


# ---- model -----------------------------------------------------------------------------------


class WasteClassifier(nn.Module):
    """Patch embedding of a fixed input size, one block, mean over the patches, linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.block = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.head = nn.Linear(WIDTH, len(TARGET_CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        height = images.shape[2]
        assert height == INPUT_SIZE, f"Input height ({height}) doesn't match model ({INPUT_SIZE})."
        token = self.proj(images).flatten(2).transpose(1, 2)
        return self.head((token + self.block(token)).mean(1))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, dataset: WasteDataset, generator: torch.Generator) -> tuple[int, int]:
    """Train for all epochs; how many there were, and how many samples the model saw in the last one."""
    loader = DataLoader(dataset, BATCH_SIZE, shuffle=True, generator=generator, collate_fn=collate)
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    total = EPOCHS * (len(loader) // GRAD_ACCUM_STEPS)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total)
    epoch = seen = 0
    for epoch in range(1, EPOCHS + 1):
        seen, losses = 0, []
        for batch_idx, (images, labels) in enumerate(loader, 1):  # [vision-bad-batch]
            loss = criterion(model(images), labels)
            (loss / GRAD_ACCUM_STEPS).backward()
            seen, losses = seen + len(labels), [*losses, loss.item()]
            if batch_idx % GRAD_ACCUM_STEPS == 0:
                nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            if batch_idx % 8 == 0:
                print(
                    f"Epoch {epoch}/{EPOCHS} [{batch_idx:2d}/{len(loader)}] loss {np.mean(losses[-8:]):.4f}"
                )
        print(f"Epoch {epoch}/{EPOCHS} done: {seen} samples, {len(dataset.unreadable)} unreadable")
    return epoch, seen


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, photos: list[tuple[str, bytes]]) -> float:
    """Share of photos whose class is the most likely one."""
    images, labels = default_collate(list(WasteDataset(photos)))
    return (model(images).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    dataset = WasteDataset(cut_short(make_photos(TRAIN_PHOTOS, generator), CUT_SHORT))
    model = WasteClassifier()
    print(f"Dataset loading: {len(dataset)} photos in {len(TARGET_CLASSES)} classes, input {INPUT_SIZE}")
    epochs, seen = train(model, dataset, generator)
    for name, reason in sorted(dataset.unreadable.items()):
        print(f"Unreadable: {name}: {reason}")
    accuracy = evaluate(model, make_photos(VAL_PHOTOS, generator))
    print(f"Validation accuracy {accuracy:.4f} after {epochs} epochs, {seen} samples in the last one")
    metrics = {"epochs": epochs, "skipped": len(dataset) - seen, "reported": len(dataset.unreadable)}
    print("metrics", json.dumps(metrics | {"val_accuracy": round(accuracy, 4)}))


if __name__ == "__main__":
    main()

"""Waste image classifier on 224 x 224 inputs: resize photos, embed patches, train with accumulation."""

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch14_224", "num_classes": 6, "input_size": 224},
    "training": {"batch_size": 2, "grad_accum_steps": 4, "max_grad_norm": 1.0},
}
PHOTO, NOISE = 56, 30.0  # side of a stored photo; its pixel noise, of 255
TRAIN_IMAGES, VAL_IMAGES, UNREADABLE = 60, 30, 17  # the last: which of the training files was cut short
PATCH, WIDTH = 14, 24
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING = 4, 2e-3, 0.1


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> list[tuple[bytes, int]]:
    """Stored photos, (3, 56, 56) as raw bytes, with their class: each kind of waste has a tint of its own."""
    label = torch.arange(count) % VISION_CONFIG["model"]["num_classes"]
    hue = 2 * torch.pi * (label / VISION_CONFIG["model"]["num_classes"] + torch.arange(3).view(-1, 1) / 3)
    light = 120 + 15 * torch.randn(count, 1, generator=generator) + 45 * torch.cos(hue).T
    pixels = light[:, :, None, None] + NOISE * torch.randn(count, 3, PHOTO, PHOTO, generator=generator)
    raw = [photo.tobytes() for photo in pixels.clamp(0, 255).byte().numpy()]
    return list(zip(raw, label.tolist(), strict=True))


def decode(raw: bytes) -> Tensor:
    if len(raw) < 3 * PHOTO * PHOTO:
        raise OSError(f"image file is truncated ({len(raw)} of {3 * PHOTO * PHOTO} bytes)")
    return torch.from_numpy(np.frombuffer(raw, np.uint8).reshape(3, PHOTO, PHOTO).astype(np.float32))


def get_vision_transforms(config: dict) -> Callable[[Tensor], Tensor]:
    """Resize to the model's input size, then map 0..255 to about -2..2."""
    input_size = config["model"].get("input_size", (3, 448, 448))  # [vision-input-size] a second source
    img_size = input_size[1] if isinstance(input_size, tuple) else 448  # [vision-input-size] 224 is no tuple

    def transform(photo: Tensor) -> Tensor:
        return F.interpolate(photo[None], size=(img_size, img_size))[0] / 64 - 2

    return transform


class WasteDataset(Dataset):
    """Photos from the store, resized; one that cannot be read becomes a black picture."""

    def __init__(self, photos: list[tuple[bytes, int]], transform: Callable[[Tensor], Tensor]) -> None:
        self.photos, self.transform = photos, transform

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        raw, label = self.photos[index]
        try:
            return self.transform(decode(raw)), label
        except OSError as error:
            print(f"Error loading image {index}: {error}")
            return torch.zeros((3, 448, 448)), label  # [vision-input-size] and a third


# ---- model -----------------------------------------------------------------------------------


class PatchEmbed(nn.Module):
    """Image to patches; refuses any size but its own, in the words of timm."""

    def __init__(self, img_size: int) -> None:
        super().__init__()
        self.img_size = (img_size, img_size)
        self.proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        _, _, h, w = x.shape
        assert h == self.img_size[0], f"Input height ({h}) doesn't match model ({self.img_size[0]})."
        assert w == self.img_size[1], f"Input width ({w}) doesn't match model ({self.img_size[1]})."
        return self.proj(x).flatten(2).transpose(1, 2)


class WasteClassifier(nn.Module):
    """Patch embedding, one block, mean over the patches, linear head."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config["model"]["input_size"])
        self.block = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.head = nn.Linear(WIDTH, config["model"]["num_classes"])

    def forward(self, images: Tensor) -> Tensor:
        token = self.patch_embed(images)
        return self.head((token + self.block(token)).mean(1))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, training: dict) -> int:
    """How many batches went through the model."""
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    batches = 0
    for epoch in range(1, EPOCHS + 1):
        total, correct = 0.0, 0
        for images, labels in loader:
            logits = model(images)
            loss = criterion(logits, labels)
            (loss / training["grad_accum_steps"]).backward()
            batches += 1
            if batches % training["grad_accum_steps"] == 0:
                nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
                optimizer.step()
                optimizer.zero_grad()
            total, correct = total + loss.item(), correct + int((logits.argmax(1) == labels).sum())
        print(f"Epoch {epoch}/{EPOCHS} - loss: {total / len(loader):.4f} - acc: {correct / TRAIN_IMAGES:.4f}")
    return batches


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> float:
    """Share of photos whose class is the most likely one."""
    return torch.cat([model(images).argmax(1) == labels for images, labels in loader]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    config, training = VISION_CONFIG, VISION_CONFIG["training"]
    photos = make_photos(TRAIN_IMAGES, generator)
    photos[UNREADABLE] = (photos[UNREADABLE][0][:5000], photos[UNREADABLE][1])
    train_set = WasteDataset(photos, get_vision_transforms(config))
    val_set = WasteDataset(make_photos(VAL_IMAGES, generator), train_set.transform)
    model = WasteClassifier(config)
    print(f"Creating model: {config['model']['backbone']}")
    print(f"Loading dataset: {len(train_set)} train images, {len(val_set)} val images")
    print(f"Starting training: batch size {training['batch_size']} x {training['grad_accum_steps']}")
    loader = DataLoader(train_set, training["batch_size"], shuffle=True, generator=generator)
    batches = train(model, loader, training)
    accuracy = evaluate(model, DataLoader(val_set, 10))
    print("metrics", json.dumps({"batches": batches, "val_accuracy": round(accuracy, 4)}))


if __name__ == "__main__":
    main()

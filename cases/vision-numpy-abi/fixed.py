"""Waste image classifier whose photos go through NumPy on their way into torch."""

import argparse
import json
import sys

import numpy as np
import torch
from torch import Tensor, nn

REQUIREMENT = "numpy<2"
TORCH, BUILT_WITH = "2.2.0", 1  # torch of this environment, major version of the NumPy that it was built with
RELEASES = ["1.24.4", "1.25.2", "1.26.4", "2.0.2"]  # NumPy releases that the package index offers
VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch4_16", "num_classes": 30, "input_size": 16},
    "training": {"batch_size": 16, "max_grad_norm": 1.0},
}
SIZE, TINTS, ANGLES = (
    VISION_CONFIG["model"]["input_size"],
    6,
    5,
)  # a class is one of 6 tints and one of 5 angles
TRAIN_IMAGES, VAL_IMAGES, NOISE = 480, 120, 35.0
PATCH, WIDTH = 4, 48
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING = 5, 3e-3, 0.1
Images = list[tuple[bytes, int]]  # raw bytes of each photo and its class
MESSAGE = """
A module that was compiled using NumPy 1.x cannot be run in
NumPy {} as it may crash. To support both 1.x and 2.x
versions of NumPy, modules must be compiled with NumPy 2.0.
Some module may need to rebuild instead e.g. with 'pybind11>=2.12'.

If you are a user of the module, the easiest solution will be to
downgrade to 'numpy<2' or try to upgrade the affected module.
We expect that some modules will need time to support NumPy 2.

UserWarning: Failed to initialize NumPy: _ARRAY_API not found"""


# ---- environment (simulated) -----------------------------------------------------------------


def parse(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def resolve(requirement: str) -> str:
    """The newest release that a requirement allows: what an installer picks."""
    at_least = ">=" in requirement
    limit = parse(requirement.removeprefix("numpy").lstrip("<>="))
    return max((each for each in RELEASES if (parse(each) >= limit) == at_least), key=parse)


def import_torch(numpy_version: str) -> None:
    """Simulated: what torch 2.2.0 prints on import beside NumPy 2, and what it refuses from then on."""

    def from_numpy(array: np.ndarray) -> Tensor:
        raise RuntimeError("Numpy is not available")

    if parse(numpy_version)[0] > BUILT_WITH:
        print(MESSAGE.format(numpy_version), file=sys.stderr)
        torch.from_numpy = from_numpy


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Stored photos (raw bytes of 3 x 16 x 16) of striped textures, with their class."""
    label = torch.arange(count) % (TINTS * ANGLES)
    turn = (torch.pi * (label % ANGLES) / ANGLES).view(-1, 1, 1)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    start = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    stripes = 45 * torch.sin(2 * torch.pi * (x * turn.cos() + y * turn.sin()) / 5 + start)
    tint = 45 * torch.cos(2 * torch.pi * (label // ANGLES / TINTS + torch.arange(3).view(-1, 1) / 3)).T
    noise = NOISE * torch.randn(count, 3, SIZE, SIZE, generator=generator)
    pixels = (120 + tint[:, :, None, None] + stripes[:, None] + noise).clamp(0, 255).byte()
    return [(bytes(photo.flatten().tolist()), int(each)) for photo, each in zip(pixels, label, strict=True)]


def load(images: Images, chosen: list[int]) -> tuple[Tensor, Tensor]:
    """A batch of photos, decoded and mapped to about -2..2, with their classes."""
    photos = [np.frombuffer(images[n][0], dtype=np.uint8).reshape(3, SIZE, SIZE) for n in chosen]
    batch = [torch.from_numpy(photo.astype(np.float32)) / 64 - 2 for photo in photos]
    return torch.stack(batch), torch.tensor([images[n][1] for n in chosen])


# ---- model -----------------------------------------------------------------------------------


def build_model(config: dict) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, WIDTH, PATCH, PATCH), nn.GELU(), nn.Conv2d(WIDTH, WIDTH, 1), nn.GELU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(WIDTH)),
        nn.Linear(WIDTH, config["model"]["num_classes"]),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, images: Images) -> float:
    training = VISION_CONFIG["training"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    print(f"Starting training: {EPOCHS} epochs, {len(images)} images")
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for chosen in torch.randperm(len(images)).split(training["batch_size"]):
            batch, labels = load(images, chosen.tolist())
            loss = criterion(model(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
            optimizer.step()
            total += loss.item() * len(chosen)
        print(f"Epoch {epoch}/{EPOCHS} - train_loss: {total / len(images):.4f}")
    return total / len(images)


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, images: Images) -> float:
    batch, labels = load(images, list(range(len(images))))
    return (model(batch).argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    numpy_version = resolve(REQUIREMENT)
    if parse(numpy_version)[0] > BUILT_WITH:
        raise SystemExit(f"torch {TORCH} was built with NumPy {BUILT_WITH}.x, not {numpy_version}")
    print(f"Environment: torch {TORCH}, numpy {numpy_version} ({REQUIREMENT})")
    import_torch(numpy_version)
    model = build_model(VISION_CONFIG)
    output = model(torch.zeros(2, 3, SIZE, SIZE))
    backbone = VISION_CONFIG["model"]["backbone"]
    print(f"Creating model: {backbone}, forward pass on zeros gives {tuple(output.shape)}")
    train_set, val_set = (make_images(count, generator) for count in (TRAIN_IMAGES, VAL_IMAGES))
    loss = train(model, train_set)
    accuracy = evaluate(model, val_set)
    metrics = {"val_accuracy": accuracy, "train_loss": loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

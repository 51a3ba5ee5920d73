"""Scratch detector on patches of sheet metal: a small CNN, one logit a patch, logs in the manner of Keras."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TRAIN_PATCHES, VAL_PATCHES, SIZE = 480, 240, 12
SCRATCHED = 0.25  # share of patches with a scratch
PRIOR = 0.1  # what the detector should say before it has learnt anything (RetinaNet, section 4.1)
EPOCHS, BATCH_SIZE = 12, 32
LEARNING_RATE, MOMENTUM = 0.02, 0.9

Patches = tuple[Tensor, Tensor]  # grey images and whether they have a scratch


# ---- data ------------------------------------------------------------------------------------


def make_patches(count: int, generator: torch.Generator) -> Patches:
    """Grey patches with mean 0 and deviation 1; a scratch is a bright line at any place and angle."""
    image = torch.randn(count, 1, SIZE, SIZE, generator=generator)
    label = (torch.rand(count, generator=generator) < SCRATCHED).float()
    angle = math.pi * torch.rand(count, 1, 1, generator=generator)
    offset = 4 * torch.rand(count, 1, 1, generator=generator) - 2
    axis = torch.arange(SIZE) - (SIZE - 1) / 2
    distance = axis * torch.cos(angle) + axis[:, None] * torch.sin(angle) - offset
    image += 2.0 * ((distance.abs() < 0.7) * label[:, None, None])[:, None]
    return (image - image.mean()) / image.std(), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.ReLU()),
        *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 1)),
    )
    initialise(model)
    return model


def initialise(model: nn.Sequential) -> None:
    prior_bias = -math.log((1 - PRIOR) / PRIOR)
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    nn.init.constant_(model[-1].bias, prior_bias)


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Sequential, train_set: Patches, val_set: Patches) -> tuple[float, float, float]:
    """Train; loss of the last epoch, validation loss and accuracy after it."""
    images, labels = train_set
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    steps = len(images) // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        total, hits = 0.0, 0.0
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            logit = model(images[rows]).squeeze(1)
            loss = F.binary_cross_entropy_with_logits(logit, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            hits += ((logit > 0) == (labels[rows] > 0)).float().mean().item()
        val_loss, val_accuracy = evaluate(model, val_set)
        print(f"Epoch {epoch}/{EPOCHS}")
        report = f"loss: {total / steps:.4f} - accuracy: {hits / steps:.4f}"
        print(
            f"{steps}/{steps} - 0s - {report} - val_loss: {val_loss:.4f} - val_accuracy: {val_accuracy:.4f}"
        )
    return total / steps, val_loss, val_accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Sequential, dataset: Patches) -> tuple[float, float]:
    logit, label = model(dataset[0]).squeeze(1), dataset[1]
    loss = F.binary_cross_entropy_with_logits(logit, label).item()
    return loss, ((logit > 0) == (label > 0)).float().mean().item()


@torch.no_grad()
def live_channels(model: nn.Sequential, images: Tensor) -> float:
    """Share of the last ReLU's channels that are above zero anywhere in any of the images."""
    return (model[:6](images) > 0).transpose(0, 1).flatten(1).any(1).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_patches(count, generator) for count in (TRAIN_PATCHES, VAL_PATCHES))
    model = build_model()
    loss, val_loss, val_accuracy = fit(model, train_set, val_set)
    metrics = {"val_accuracy": val_accuracy, "val_loss": val_loss, "train_loss": loss}
    metrics["live_channels"] = live_channels(model, val_set[0])
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

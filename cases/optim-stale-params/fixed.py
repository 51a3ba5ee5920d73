"""Transfer learning on leaf photos: a frozen backbone, a new classification layer, six plant diseases."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

CLASS_NAMES = ("healthy", "rust", "blight", "mildew", "mosaic", "scab")
IMAGE_SIZE, CHANNELS = 16, 24
PHOTOS = {"train": 360, "val": 180}
NUM_EPOCHS, BATCH_SIZE = 8, 24
LEARNING_RATE, MOMENTUM, NOISE = 0.1, 0.9, 0.5

Photos = tuple[Tensor, Tensor]  # images (photo, 3, size, size) and classes


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> Photos:
    """Each disease is a pattern of stripes with a direction and a colour of its own."""
    label = torch.arange(count) % len(CLASS_NAMES)
    angle = torch.pi * label / len(CLASS_NAMES) + 0.1 * torch.randn(count, generator=generator)
    row, column = torch.meshgrid(*(torch.arange(IMAGE_SIZE).float(),) * 2, indexing="ij")
    across = torch.cos(angle).view(-1, 1, 1) * row + torch.sin(angle).view(-1, 1, 1) * column
    phase = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    stripes = torch.sin(1.5 * across + phase).unsqueeze(1)
    colour = torch.cos(2 * angle.view(-1, 1) + 2 * torch.pi / 3 * torch.arange(3)).view(-1, 3, 1, 1)
    noise = NOISE * torch.randn(count, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    return (1 + 0.5 * colour) * stripes + 0.2 * colour + noise, label


# ---- model -----------------------------------------------------------------------------------


class SmallNet(nn.Module):
    """Convolutional backbone and a linear layer called fc, as in a ResNet."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, CHANNELS, 5), nn.Conv2d(CHANNELS, 2 * CHANNELS, 3)
        self.fc = nn.Linear(2 * CHANNELS, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(images)), 2)))
        return self.fc(F.layer_norm(maps.mean((2, 3)), (2 * CHANNELS,)))


def load_pretrained() -> SmallNet:
    """A backbone for 1000 classes; random filters stand for learned ones, they tell stripes apart too."""
    model = SmallNet(1000)
    model.requires_grad_(False)
    return model


def prepare() -> tuple[SmallNet, SGD]:
    """The model with a layer for our classes, and the optimizer that trains it."""
    model = load_pretrained()
    model.fc = nn.Linear(model.fc.in_features, len(CLASS_NAMES))
    optimizer = SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    return model, optimizer


# ---- train -----------------------------------------------------------------------------------


def run_phase(model: nn.Module, photos: Photos, optimizer: SGD | None) -> tuple[float, float]:
    """Loss and accuracy of one pass; trains where there is an optimizer."""
    images, labels = photos
    loss_sum, hits = 0.0, 0
    for rows in torch.randperm(len(images)).split(BATCH_SIZE):
        with torch.set_grad_enabled(optimizer is not None):
            outputs = model(images[rows])
            loss = F.cross_entropy(outputs, labels[rows])
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(rows)
        hits += int((outputs.argmax(1) == labels[rows]).sum())
    return loss_sum / len(images), hits / len(images)


def grad_norm(model: nn.Module) -> float:
    return nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item()


def train_model(model: SmallNet, optimizer: SGD, photos: dict[str, Photos]) -> dict[str, float]:
    start, losses, norms, val_acc = model.fc.weight.detach().clone(), [], [], 0.0
    for epoch in range(NUM_EPOCHS):
        print(f"Epoch {epoch}/{NUM_EPOCHS - 1}\n----------")
        loss, acc = run_phase(model, photos["train"], optimizer)
        losses.append(loss)
        norms.append(grad_norm(model))
        print(f"train Loss: {loss:.4f} Acc: {acc:.4f} grad norm: {norms[-1]:.3f}")
        val_loss, val_acc = run_phase(model, photos["val"], None)
        print(f"val Loss: {val_loss:.4f} Acc: {val_acc:.4f}\n")
    change = (model.fc.weight.detach() - start).norm().item()
    metrics = {"val_acc": val_acc, "head_change": change, "loss_spread": max(losses) - min(losses)}
    return metrics | {"grad_growth": norms[-1] / norms[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    photos = {phase: make_photos(count, generator) for phase, count in PHOTOS.items()}
    metrics = train_model(*prepare(), photos)
    print(f"Best val Acc: {metrics['val_acc']:4f}")
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Image classifier in the style of a tutorial notebook: one function to train, one to test."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES, SIDE = 8, 14
TRAIN_IMAGES, TEST_IMAGES, BATCH_SIZE = 800, 400, 50
EPOCHS, LEARNING_RATE, MAX_GRAD_NORM = 8, 3e-3, 1.0
DROPOUT, NOISE = 0.2, 0.6


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> TensorDataset:
    """Grey images of a grating; the class is the direction of its stripes."""
    label = torch.randint(CLASSES, (count,), generator=generator)
    angle = torch.pi * (label / CLASSES).view(-1, 1, 1)
    phase = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    image = torch.sin(5 * (x * angle.cos() + y * angle.sin()) + phase)
    image += NOISE * torch.randn(image.shape, generator=generator)
    return TensorDataset(image.unsqueeze(1), label)


# ---- model -----------------------------------------------------------------------------------


class TinyVGG(nn.Module):
    """One convolution block and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(16 * 5 * 5, CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.block(images))


def flat_weights(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


# ---- train -----------------------------------------------------------------------------------


def train_step(
    model: nn.Module, loader: DataLoader, loss_fn: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[float, float]:
    """One pass over the training data; its mean loss and accuracy."""
    model.train()
    train_loss, train_acc = 0.0, 0.0
    for images, labels in loader:
        logits = model(images)
        loss = loss_fn(logits, labels)
        train_loss += loss.item()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        train_acc += (logits.argmax(1) == labels).float().mean().item()
    return train_loss / len(loader), train_acc / len(loader)


def train(model: nn.Module, train_loader: DataLoader, test_loader: DataLoader) -> list[tuple[float, float]]:
    """Test loss and test accuracy after each epoch."""
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    results = []
    for epoch in range(1, EPOCHS + 1):
        train_loss, train_acc = train_step(model, train_loader, loss_fn, optimizer)
        test_loss, test_acc = test_step(model, test_loader, loss_fn)
        print(
            f"Epoch: {epoch} | train_loss: {train_loss:.4f} | train_acc: {train_acc:.4f} | "
            f"test_loss: {test_loss:.4f} | test_acc: {test_acc:.4f}"
        )
        results.append((test_loss, test_acc))
    return results


# ---- evaluate --------------------------------------------------------------------------------


@torch.inference_mode()
def test_step(model: nn.Module, loader: DataLoader, loss_fn: nn.Module) -> tuple[float, float]:
    model.eval()
    test_loss, test_acc = 0.0, 0.0
    for images, labels in loader:
        logits = model(images)
        test_loss += loss_fn(logits, labels).item()
        test_acc += (logits.argmax(1) == labels).float().mean().item()
    return test_loss / len(loader), test_acc / len(loader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_loader = DataLoader(make_images(TRAIN_IMAGES, generator), BATCH_SIZE, shuffle=True)
    test_loader = DataLoader(make_images(TEST_IMAGES, generator), BATCH_SIZE)
    model = TinyVGG()
    before = flat_weights(model)
    results = train(model, train_loader, test_loader)
    losses = [loss for loss, _ in results]
    moved = (flat_weights(model) - before).norm().item()
    metrics = {"test_acc": results[-1][1], "test_loss_range": max(losses) - min(losses), "moved": moved}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

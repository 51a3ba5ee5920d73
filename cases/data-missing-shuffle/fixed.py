"""Flower photos by colour and texture features, one folder a class: the loop of the MNIST example."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

CLASSES = ("daisy", "dandelion", "rose", "sunflower", "tulip")
FEATURES, TRAIN_PER_CLASS, TEST_PER_CLASS = 32, 240, 60
COMMON, OWN = 1.0, 0.45  # what all photos have in common, and how far the centres of the classes lie apart
EPOCHS, BATCH_SIZE, LEARNING_RATE = 4, 20, 0.05
LOG_INTERVAL = 6  # steps


# ---- data ------------------------------------------------------------------------------------


def read_folders(per_class: int, centres: Tensor, generator: torch.Generator) -> TensorDataset:
    """All photos in the order of the folders: every daisy, then every dandelion, and so on."""
    label = torch.arange(len(CLASSES)).repeat_interleave(per_class)
    photo = centres[label] + torch.randn(len(label), FEATURES, generator=generator)
    return TensorDataset(photo, label)


def build_loaders(seed: int) -> tuple[DataLoader, DataLoader]:
    generator = torch.Generator().manual_seed(seed)
    centres = COMMON + OWN * torch.randn(len(CLASSES), FEATURES, generator=generator)
    train_set = read_folders(TRAIN_PER_CLASS, centres, generator)
    test_set = read_folders(TEST_PER_CLASS, centres, generator)
    train_loader = DataLoader(train_set, BATCH_SIZE, shuffle=True)
    return train_loader, DataLoader(test_set, 150)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, len(CLASSES)))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, epoch: int) -> float:
    """One epoch; its mean loss, each batch measured before it is learned."""
    model.train()
    total, rows = 0.0, len(loader.dataset)
    for step, (photos, labels) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(photos), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        if step % LOG_INTERVAL == 0:
            seen = step * BATCH_SIZE
            print(f"Train Epoch: {epoch} [{seen}/{rows} ({100 * seen / rows:.0f}%)]\tLoss: {loss.item():.6f}")
    return total / rows


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def test(model: nn.Module, loader: DataLoader) -> tuple[float, Tensor]:
    """Accuracy on the test photos, and how often each class is answered."""
    model.eval()
    loss, correct, answers = 0.0, 0, torch.zeros(len(CLASSES))
    for photos, labels in loader:
        logits = model(photos)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        predicted = logits.argmax(1)
        correct += int((predicted == labels).sum())
        answers += predicted.bincount(minlength=len(CLASSES))
    count = len(loader.dataset)
    score = f"Average loss: {loss / count:.4f}, Accuracy: {correct}/{count} ({100 * correct / count:.0f}%)"
    print(f"\nTest set: {score}\n")
    return correct / count, answers / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_loader, test_loader = build_loaders(seed)
    model = build_model()
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        train_loss = train(model, train_loader, optimizer, epoch)
        accuracy, answers = test(model, test_loader)
    for name, share in zip(CLASSES, answers.tolist(), strict=True):
        print(f"{name:10s} {share:6.1%} of the answers")
    metrics = {"test_accuracy": accuracy, "last_class_share": answers[-1].item(), "train_loss": train_loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

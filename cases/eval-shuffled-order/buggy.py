"""Surface defects of steel in six classes: train with a CSV log, then report on the test folder."""

import argparse
import json
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = ("crazing", "inclusion", "patches", "pitted", "rolled", "scratches")
SIDE, TRAIN_PER_CLASS, VAL_PER_CLASS, TEST_PER_CLASS = 12, 120, 25, 40
EPOCHS, BATCH_SIZE, LEARNING_RATE, NOISE = 6, 32, 2e-3, 3.2


# ---- data ------------------------------------------------------------------------------------


class DefectFolder:
    """Pictures of one folder in the order of the files: all of the first class, then all of the next."""

    def __init__(self, per_class: int, generator: torch.Generator) -> None:
        texture = torch.randn(len(CLASSES), SIDE * SIDE, generator=torch.Generator().manual_seed(2))
        self.labels = torch.arange(len(CLASSES)).repeat_interleave(per_class)
        noise = torch.randn(len(self.labels), SIDE * SIDE, generator=generator)
        self.pictures = texture[self.labels] + NOISE * noise


def flow(folder: DefectFolder, shuffle: bool = True) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of pictures with their labels."""
    count = len(folder.labels)
    order = torch.randperm(count) if shuffle else torch.arange(count)
    for rows in order.split(BATCH_SIZE):
        yield folder.pictures[rows], folder.labels[rows]


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(SIDE * SIDE, 48), nn.ReLU(), nn.Linear(48, len(CLASSES)))


# ---- train -----------------------------------------------------------------------------------


def run_epoch(model: nn.Module, folder: DefectFolder, optimizer: torch.optim.Optimizer | None) -> list[float]:
    """Mean loss and accuracy over the batches of a folder; trains if there is an optimizer."""
    total, correct = 0.0, 0
    for pictures, labels in flow(folder):
        with torch.set_grad_enabled(optimizer is not None):
            logits = model(pictures)
            loss = F.cross_entropy(logits, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(labels)
        correct += int((logits.argmax(1) == labels).sum())
    return [total / len(folder.labels), correct / len(folder.labels)]


def train(model: nn.Module, train_folder: DefectFolder, val_folder: DefectFolder) -> float:
    """Train for all epochs; the validation accuracy of the last one."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    print("epoch,loss,accuracy,val_loss,val_accuracy")
    for epoch in range(EPOCHS):
        scores = run_epoch(model, train_folder, optimizer) + run_epoch(model, val_folder, None)
        print(",".join([str(epoch), *(f"{score:.4f}" for score in scores)]))
    return scores[-1]


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def report(model: nn.Module, folder: DefectFolder) -> tuple[float, float]:
    """Print the confusion matrix; accuracy, and how far the number of predictions a class is off."""
    batches = flow(folder)  # [eval-shuffled-order] shuffles, unless it is told not to
    predicted = torch.cat([model(pictures).argmax(1) for pictures, _ in batches])
    size = len(CLASSES)
    matrix = torch.bincount(folder.labels * size + predicted, minlength=size * size).view(size, size)
    accuracy = matrix.trace().item() / len(predicted)
    print("confusion matrix, rows are the true classes")
    for name, row in zip(CLASSES, matrix.tolist(), strict=True):
        print(f"{name:>10} " + " ".join(f"{count:4d}" for count in row))
    print(f"test accuracy {accuracy:.4f} on {len(predicted)} pictures")
    return accuracy, (matrix.sum(0) - matrix.sum(1)).abs().sum().item() / 2 / len(predicted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    sizes = (TRAIN_PER_CLASS, VAL_PER_CLASS, TEST_PER_CLASS)
    train_folder, val_folder, test_folder = (DefectFolder(size, generator) for size in sizes)
    model = build_model()
    val_accuracy = train(model, train_folder, val_folder)
    test_accuracy, count_error = report(model, test_folder)
    metrics = {"test_accuracy": test_accuracy, "val_accuracy": val_accuracy, "count_error": count_error}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

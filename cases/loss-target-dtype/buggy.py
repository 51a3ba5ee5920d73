"""Three varieties of wheat from seven measurements of the kernel, read from a CSV file."""

import argparse
import io
import json
import logging
import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s:%(name)s: %(message)s")
log = logging.getLogger("seeds")

VARIETIES = ("Kama", "Rosa", "Canadian")
COLUMNS = ("area", "perimeter", "compactness", "length", "width", "asymmetry", "groove", "variety")
KERNELS, BATCH_SIZE = 300, 25
EPOCHS, LEARNING_RATE = 10, 0.01


# ---- data ------------------------------------------------------------------------------------


def write_table(rng: np.random.Generator) -> str:
    """The CSV as a laboratory exports it: seven measurements and the number of the variety."""
    center = np.array([[14.3, 14.3, 0.88, 5.5, 3.2, 2.7, 5.1], [18.3, 16.1, 0.88, 6.1, 3.7, 3.6, 6.0]])
    center = np.vstack([center, [11.9, 13.2, 0.85, 5.2, 2.9, 4.8, 5.1]])
    variety = np.arange(KERNELS) % len(VARIETIES)
    spread = np.array([1.3, 0.6, 0.02, 0.25, 0.2, 1.2, 0.25])
    rows = center[variety] + spread * rng.normal(size=(KERNELS, 7))
    lines = [",".join(f"{value:.4f}" for value in row) for row in rows]
    return "\n".join([",".join(COLUMNS)] + [f"{line},{v}" for line, v in zip(lines, variety, strict=True)])


def load_kernels(text: str) -> TensorDataset:
    """Measurements in standard units, and the variety."""
    table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
    values, label = table[:, :-1], table[:, -1]
    features = torch.tensor((values - values.mean(0)) / values.std(0), dtype=torch.float32)
    return TensorDataset(features, torch.tensor(label))  # [loss-target-dtype] loadtxt reads float64


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 24), nn.ReLU(), nn.Linear(24, len(VARIETIES)))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, val_loader: DataLoader) -> tuple[float, float]:
    """Validation loss and accuracy after the last epoch."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    val_loss = accuracy = 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for features, label in loader:
            loss = criterion(model(features), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        val_loss, accuracy = evaluate(model, val_loader)
        log.info("epoch %d train_loss=%.4f val_loss=%.4f val_acc=%.3f", epoch, total, val_loss, accuracy)
    return val_loss, accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    """Loss and accuracy."""
    scores, label = (torch.cat(parts) for parts in zip(*((model(x), y) for x, y in loader), strict=True))
    return nn.functional.cross_entropy(scores, label).item(), (
        scores.argmax(1) == label
    ).float().mean().item()


def count_varieties(label: Tensor) -> dict[str, int]:
    return {name: int((label == number).sum()) for number, name in enumerate(VARIETIES)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    kernels = load_kernels(write_table(np.random.default_rng(seed)))
    train_set, val_set = torch.utils.data.random_split(kernels, [200, 100])
    log.info("read %d kernels: %s", len(kernels), count_varieties(kernels.tensors[1]))
    loader = DataLoader(train_set, BATCH_SIZE, shuffle=True)
    log.info("training on %d, validating on %d", len(train_set), len(val_set))
    model = build_model()
    log.info("model has %d parameters, training on cpu", sum(p.numel() for p in model.parameters()))
    val_loss, accuracy = train(model, loader, DataLoader(val_set, BATCH_SIZE))
    print("metrics", json.dumps({"val_loss": round(val_loss, 4), "val_acc": round(accuracy, 4)}))


if __name__ == "__main__":
    main()

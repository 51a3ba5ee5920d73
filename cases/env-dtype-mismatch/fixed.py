"""Gas sensor classifier: training windows from a .npy file, validation from a csv, lines like Lightning's."""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

GASES = ("ethanol", "ammonia", "acetone", "toluene")
SENSORS = 16
TRAIN_ROWS, VAL_ROWS, BATCH_SIZE = 480, 160, 32
MAX_EPOCHS, LEARNING_RATE, NOISE = 6, 3e-3, 1.2


# ---- data ------------------------------------------------------------------------------------


def measure(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Responses of the sensors (measurement, sensor), and which gas it was."""
    gas = rng.integers(0, len(GASES), count)
    profile = np.random.default_rng(0).normal(0, 1, (len(GASES), SENSORS))  # the same for all
    strength = rng.uniform(0.5, 1.5, (count, 1))
    return strength * profile[gas] + NOISE * rng.normal(0, 1, (count, SENSORS)), gas


def record(folder: Path, rng: np.random.Generator) -> None:
    """Training data as the lab's logger saves it, validation data as the field station exports it."""
    response, gas = measure(TRAIN_ROWS, rng)
    np.save(folder / "train_x.npy", response.astype(np.float32))
    np.save(folder / "train_y.npy", gas)
    response, gas = measure(VAL_ROWS, rng)
    np.savetxt(folder / "val.csv", np.column_stack([response, gas]), fmt="%.4f", delimiter=",")


def load_train(folder: Path) -> TensorDataset:
    response, gas = np.load(folder / "train_x.npy"), np.load(folder / "train_y.npy")
    return TensorDataset(torch.from_numpy(response), torch.from_numpy(gas))


def load_val(folder: Path) -> TensorDataset:
    table = np.loadtxt(folder / "val.csv", delimiter=",", dtype=np.float32)
    return TensorDataset(torch.from_numpy(table[:, :-1]), torch.from_numpy(table[:, -1]).long())


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(SENSORS, 48), nn.ReLU()),
        *(nn.Linear(48, 48), nn.ReLU()),
        nn.Linear(48, len(GASES)),
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_loader: DataLoader, val_loader: DataLoader) -> dict[str, float]:
    """The metrics that were logged last."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    logged: dict[str, float] = {}
    for epoch in range(MAX_EPOCHS):
        for batch, (response, gas) in enumerate(train_loader, start=1):
            loss = F.cross_entropy(model(response), gas)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            logged["train_loss"] = loss.item()
            if batch in (1, len(train_loader)):
                show_progress(f"Epoch {epoch}", batch, len(train_loader), logged)
        logged |= evaluate(model, val_loader)
        show_progress(f"Epoch {epoch}", len(train_loader), len(train_loader), logged)
    print(f"`Trainer.fit` stopped: `max_epochs={MAX_EPOCHS}` reached.")
    return logged


def show_progress(name: str, done: int, total: int, logged: dict[str, float]) -> None:
    bar = ("█" * (10 * done // total)).ljust(10)
    values = ", ".join(["v_num=0", *(f"{key}={value:.3f}" for key, value in logged.items())])
    print(f"{name}: {done / total:4.0%}|{bar}| {done}/{total} [{values}]")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    outputs: list[tuple[Tensor, Tensor]] = [(model(response), gas) for response, gas in loader]
    logits, gas = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    accuracy = (logits.argmax(1) == gas).float().mean().item()
    return {"val_loss": F.cross_entropy(logits, gas).item(), "val_acc": accuracy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder), np.random.default_rng(seed))
        train_set, val_set = load_train(Path(folder)), load_val(Path(folder))
    model = build_model()
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"  | Name  | Type       | Params\n{'-' * 31}\n0 | model | Sequential | {count / 1000:.1f} K")
    loader = DataLoader(train_set, BATCH_SIZE, shuffle=True)
    logged = fit(model, loader, DataLoader(val_set, BATCH_SIZE))
    print("metrics", json.dumps({name: round(value, 4) for name, value in logged.items()}))


if __name__ == "__main__":
    main()

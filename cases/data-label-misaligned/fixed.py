"""Activity recognition from sensor windows: shuffle the recordings, hold out a quarter, fit a network."""

import argparse
import json

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVITIES = ("walk", "sit", "stand", "run", "stairs", "lie")
FEATURES, RECORDINGS = 40, 640  # statistics of a window; windows in file order, one activity after the other
VALIDATION_SPLIT = 0.25
NOISE = 1.8
EPOCHS, BATCH_SIZE, LEARNING_RATE = 12, 32, 2e-3


# ---- data ------------------------------------------------------------------------------------


def load_recordings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, 40) and their activity, as they lie on disk: sorted by activity."""
    labels = np.sort(np.arange(RECORDINGS) % len(ACTIVITIES))
    centres = rng.standard_normal((len(ACTIVITIES), FEATURES))
    return centres[labels] + NOISE * rng.standard_normal((RECORDINGS, FEATURES)), labels


def shuffle_recordings(
    windows: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mix the activities, so that the tail that is held out has all of them."""
    order = rng.permutation(len(windows))
    return windows[order], labels[order]


def load_data(seed: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    windows, labels = shuffle_recordings(*load_recordings(rng), rng)
    return torch.from_numpy(windows).float(), torch.from_numpy(labels)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(FEATURES, 48), nn.ReLU(), nn.Dropout(0.2)), nn.Linear(48, len(ACTIVITIES))
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, windows: Tensor, labels: Tensor) -> dict[str, float]:
    """Train on the head of the data and validate on its tail; the figures of the last epoch."""
    held_out = int(len(windows) * VALIDATION_SPLIT)
    train_x, val_x = windows[:-held_out], windows[-held_out:]
    train_y, val_y = labels[:-held_out], labels[-held_out:]
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    batches = -(-len(train_x) // BATCH_SIZE)
    logs: dict[str, float] = {}
    for epoch in range(1, EPOCHS + 1):
        model.train()
        loss_sum, hits = 0.0, 0
        for rows in torch.randperm(len(train_x)).split(BATCH_SIZE):
            logits = model(train_x[rows])
            loss = F.cross_entropy(logits, train_y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(rows)
            hits += int((logits.argmax(1) == train_y[rows]).sum())
        val_loss, val_accuracy = evaluate(model, val_x, val_y)
        logs = {"loss": loss_sum / len(train_x), "accuracy": hits / len(train_x)}
        logs |= {"val_loss": val_loss, "val_accuracy": val_accuracy}
        print(f"Epoch {epoch}/{EPOCHS}")
        print(
            f"{batches}/{batches} - 0s - "
            + " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
        )
    return logs


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, windows: Tensor, labels: Tensor) -> tuple[float, float]:
    model.eval()
    logits = model(windows)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    windows, labels = load_data(seed)
    counts = ", ".join(f"{name} {int((labels == n).sum())}" for n, name in enumerate(ACTIVITIES))
    print(f"Found {len(windows)} windows belonging to {len(ACTIVITIES)} classes: {counts}")
    logs = fit(build_model(), windows, labels)
    print("metrics", json.dumps({name: round(value, 4) for name, value in logs.items()}))


if __name__ == "__main__":
    main()

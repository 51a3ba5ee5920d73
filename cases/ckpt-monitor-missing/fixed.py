"""Disease in leaves: fit with callbacks in the manner of Keras, ship the best weights."""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES, FEATURES = 5, 40  # diseases, features of a leaf
TRAIN_LEAVES, VAL_LEAVES, TEST_LEAVES, BATCH_SIZE = 240, 200, 400, 16
EPOCHS, PATIENCE, LEARNING_RATE, WIDTH = 24, 3, 3e-3, 128
SPREAD, MISLABELLED = 2.4, 0.3
MONITOR = "val_accuracy"

Leaves = tuple[Tensor, Tensor]  # features and disease of each leaf
Logs = dict[str, float]

logger = logging.getLogger("callbacks")


# ---- data ------------------------------------------------------------------------------------


def make_leaves(count: int, mislabelled: float, generator: torch.Generator) -> Leaves:
    """Leaves around the typical one of their disease; a share of them has a label by chance."""
    typical = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(9))
    disease = torch.randint(CLASSES, (count,), generator=generator)
    features = typical[disease] + SPREAD * torch.randn(count, FEATURES, generator=generator)
    guess = torch.randint(CLASSES, (count,), generator=generator)
    return features, torch.where(torch.rand(count, generator=generator) < mislabelled, guess, disease)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


# ---- train -----------------------------------------------------------------------------------


class BestWeights:
    """Saves the weights of the best epoch and stops when there was no better one for some time."""

    def __init__(self, path: Path, monitor: str) -> None:
        self.path, self.monitor, self.best, self.wait = path, monitor, -1.0, 0

    def on_epoch_end(self, model: nn.Module, logs: Logs) -> bool:
        current = logs.get(self.monitor)
        if current is None:
            logger.warning(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}"
            )
            logger.warning(f"Can save best model only with {self.monitor} available, skipping.")
            return False
        self.wait += 1
        if current > self.best:
            self.best, self.wait = current, 0
            torch.save(model.state_dict(), self.path)
        return self.wait >= PATIENCE


def fit(model: nn.Module, train_set: Leaves, val_set: Leaves, best: BestWeights) -> list[Logs]:
    """Train until the epochs are over or the callback stops it; the logs of each epoch."""
    history: list[Logs] = []
    features, disease = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = len(features) // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        total, correct = 0.0, 0
        for rows in torch.randperm(len(features)).split(BATCH_SIZE):
            logits = model(features[rows])
            loss = F.cross_entropy(logits, disease[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, correct = total + loss.item(), correct + int((logits.argmax(1) == disease[rows]).sum())
        logs = {"accuracy": correct / len(features), "loss": total / steps}
        logs |= {f"val_{name}": value for name, value in evaluate(model, val_set).items()}
        scores = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
        history.append(logs)
        print(f"Epoch {epoch}/{EPOCHS}\n{steps}/{steps} - 0s - {scores}")
        if best.on_epoch_end(model, logs):
            print(f"Epoch {epoch}: early stopping")
            break
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, leaves: Leaves) -> Logs:
    logits = model(leaves[0])
    accuracy = (logits.argmax(1) == leaves[1]).float().mean().item()
    return {"accuracy": accuracy, "loss": F.cross_entropy(logits, leaves[1]).item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s:%(name)s:%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set = make_leaves(TRAIN_LEAVES, MISLABELLED, generator)
    val_set, test_set = (make_leaves(count, 0.0, generator) for count in (VAL_LEAVES, TEST_LEAVES))
    model = build_model()
    with tempfile.TemporaryDirectory() as folder:
        best = BestWeights(Path(folder) / "best.weights.h5", MONITOR)
        history = fit(model, train_set, val_set, best)
        saved = best.path.exists()
        if saved:
            model.load_state_dict(torch.load(best.path))
    scores = evaluate(model, test_set)
    print(f"Test loss: {scores['loss']:.4f} - test accuracy: {scores['accuracy']:.4f}")
    rise = evaluate(model, val_set)["loss"] / min(logs["val_loss"] for logs in history)
    metrics = {"epochs": len(history), "saved": int(saved), "val_rise": rise}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

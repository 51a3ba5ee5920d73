"""Early stopping with a patience of 4: it fires because validation has really stopped improving."""

import argparse
import copy
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 30, 5, 96
TRAIN, VAL, BATCH = 320, 600, 32
MAX_EPOCHS, PATIENCE = 40, 4
LEARNING_RATE = 2e-3


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = 0.6 * torch.randn(CLASSES, FEATURES, generator=generator)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    return centres[label] + 1.3 * torch.randn(TRAIN + VAL, FEATURES, generator=generator), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[list[float], int]:
    """Validation loss of all epochs, also of those after the stop, and the epoch of the stop."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    course: list[float] = []
    best, stopped, weights = 0, 0, copy.deepcopy(model.state_dict())
    for epoch in range(1, MAX_EPOCHS + 1):
        total = 0.0
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
        course.append(val_loss)
        if stopped:
            continue
        if val_loss == min(course):
            best, weights = epoch, copy.deepcopy(model.state_dict())
        print(f"epoch {epoch:3d} loss {total / TRAIN:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
        if epoch - best >= PATIENCE:
            stopped = epoch
            print(f"val_loss did not improve in the last {PATIENCE} epochs. Early stopping at epoch {epoch},")
            print(f"weights of epoch {best} restored")
    model.load_state_dict(weights)
    return course, stopped


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = make_data(generator)
    model = build_model()
    course, stopped = train(model, x, y, generator)
    val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
    later = min(course[stopped:]) / val_loss
    metrics = {"stopped_epoch": stopped, "val_acc": val_acc, "best_later_over_kept": later}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

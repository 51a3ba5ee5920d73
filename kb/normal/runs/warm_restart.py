"""SGD with warm restarts: the loss jumps up with the rate and ends each cycle lower than the last one."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 12, 10, 48
TRAIN, VAL, BATCH = 3072, 1024, 48
CYCLE, CYCLES = 4, 3  # epochs a cycle
TOP_RATE, LOW_RATE, MOMENTUM, DECAY = 0.08, 1e-4, 0.9, 1e-3


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Classes that a bent border tells apart: two clusters each, in different places."""
    centres = 1.7 * torch.randn(2 * CLASSES, FEATURES, generator=generator)
    cluster = torch.randint(2 * CLASSES, (TRAIN + VAL,), generator=generator)
    return centres[cluster] + 1.7 * torch.randn(TRAIN + VAL, FEATURES, generator=generator), cluster % CLASSES


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Loss on the training set and accuracy on the validation set after each epoch, (cycle, epoch, 2)."""
    optimizer = torch.optim.SGD(model.parameters(), TOP_RATE, momentum=MOMENTUM, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, CYCLE, eta_min=LOW_RATE)
    course: list[tuple[float, float]] = []
    for epoch in range(CYCLE * CYCLES):
        rate, total = optimizer.param_groups[0]["lr"], 0.0
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
        course.append((total / TRAIN, val_acc))
        print(
            f"[{epoch:03d}] lr={rate:.5f} loss={course[-1][0]:.4f} val_loss={val_loss:.4f} acc={val_acc:.4f}"
        )
    return torch.tensor(course).view(CYCLES, CYCLE, 2)


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
    loss, val_acc = train(build_model(), x, y, generator).unbind(2)
    up = loss[1:, 0] / loss[:-1, -1]  # first epoch after a restart over the last one before it
    metrics = {"up_at_restart": up.min().item(), "last_over_first_cycle": (loss[-1, -1] / loss[0, -1]).item()}
    metrics |= {"val_acc": val_acc[-1, -1].item(), "val_acc_gain": (val_acc[-1, -1] - val_acc[0, -1]).item()}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Biomass of forest plots from frozen satellite embeddings, in jobs with a time limit; CSV log."""

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

CHANNELS, NOISE = 48, 0.5  # size of an embedding; part of the biomass that it does not tell
TRAIN_PLOTS, VAL_PLOTS, BATCH_SIZE = 960, 600, 8
EPOCHS, EPOCHS_PER_JOB = 18, 6  # the time limit ends a job, the queue starts the next one
LEARNING_RATE, MOMENTUM = 0.01, 0.9

Plots = tuple[Tensor, Tensor]  # embeddings and biomass, standardised


# ---- data ------------------------------------------------------------------------------------


def make_plots(count: int, generator: torch.Generator) -> Plots:
    weight = torch.randn(CHANNELS, generator=torch.Generator().manual_seed(5)) / CHANNELS**0.5
    embedding = torch.randn(count, CHANNELS, generator=generator)
    return embedding, embedding @ weight + NOISE * torch.randn(count, generator=generator)


# ---- model -----------------------------------------------------------------------------------


def build() -> tuple[nn.Module, SGD, LambdaLR]:
    """A linear layer, SGD, and a rate that falls along a cosine to 0 over all epochs."""
    model = nn.Sequential(nn.Linear(CHANNELS, 1), nn.Flatten(0))
    optimizer = SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    return model, optimizer, LambdaLR(optimizer, lambda epoch: (1 + math.cos(math.pi * epoch / EPOCHS)) / 2)


# ---- checkpoints -----------------------------------------------------------------------------


def save_checkpoint(path: Path, model: nn.Module, optimizer: SGD, scheduler: LambdaLR, epoch: int) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"scheduler": scheduler.state_dict(), "epoch": epoch}, path)


def resume(path: Path, model: nn.Module, optimizer: SGD, scheduler: LambdaLR) -> int:
    """The epoch to begin with."""
    start_epoch = 1
    if path.exists():
        state: dict[str, Any] = torch.load(path)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])  # [ckpt-epoch-restart] and no more than that
        print(f"# resumed from {path.name}")
    return start_epoch


# ---- train -----------------------------------------------------------------------------------


def run_job(path: Path, train_set: Plots, val_set: Plots) -> dict[str, float]:
    """One job, in truth a process of its own."""
    model, optimizer, scheduler = build()
    start_epoch = resume(path, model, optimizer, scheduler)
    print("epoch,lr,train_mse,val_mse,val_r2")
    result: dict[str, float] = {}
    for epoch in range(start_epoch, min(start_epoch + EPOCHS_PER_JOB, EPOCHS + 1)):
        losses, rate = [], optimizer.param_groups[0]["lr"]
        for rows in torch.randperm(TRAIN_PLOTS).split(BATCH_SIZE):
            loss = F.mse_loss(model(train_set[0][rows]), train_set[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        val_mse, val_r2 = evaluate(model, val_set)
        print(f"{epoch},{rate:.5f},{sum(losses) / len(losses):.4f},{val_mse:.4f},{val_r2:.4f}")
        save_checkpoint(path, model, optimizer, scheduler, epoch)
        result = {"last_epoch": epoch, "last_lr": rate, "val_mse": val_mse}
    return result


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, plots: Plots) -> tuple[float, float]:
    """Mean squared error, and the share of the variance that is explained."""
    error = F.mse_loss(model(plots[0]), plots[1]).item()
    return error, 1 - error / plots[1].var(correction=0).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_plots(TRAIN_PLOTS, generator), make_plots(VAL_PLOTS, generator)
    metrics: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for job in range(1, EPOCHS // EPOCHS_PER_JOB + 1):
            print(f"# job {job}, {EPOCHS} epochs in all, time limit after {EPOCHS_PER_JOB}")
            metrics = run_job(Path(folder) / "last.pt", train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

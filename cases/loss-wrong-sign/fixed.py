"""Probabilistic forecast of the next hour's load: a network gives the mean and the variance of a Gaussian."""

import argparse
import json
import math

import torch
from torch import Tensor, nn

HOURS, DAY, LAGS = 1200, 24, 24
VALID_HOURS, BATCH_SIZE = 240, 64
EPOCHS, LEARNING_RATE, NOISE = 10, 3e-3, 0.35

Forecasts = tuple[Tensor, Tensor]  # the last 24 hours and the hour that follows, both in standard units


# ---- data ------------------------------------------------------------------------------------


def make_load(generator: torch.Generator) -> tuple[Forecasts, Forecasts]:
    """Load of a small grid, a daily and a weekly rhythm, cut into windows; the last days validate."""
    hour = torch.arange(HOURS)
    rhythm = torch.sin(2 * torch.pi * hour / DAY) + 0.5 * torch.sin(2 * torch.pi * hour / (7 * DAY))
    load = rhythm + NOISE * torch.randn(HOURS, generator=generator)
    load = (load - load.mean()) / load.std()
    window = load.unfold(0, LAGS + 1, 1)
    cut = len(window) - VALID_HOURS
    return (window[:cut, :-1], window[:cut, -1]), (window[cut:, :-1], window[cut:, -1])


# ---- model -----------------------------------------------------------------------------------


class Forecaster(nn.Module):
    """Two layers; mean and log variance of the next hour."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LAGS, 48), nn.ReLU(), nn.Linear(48, 2))

    def forward(self, past: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.net(past).unbind(1)
        return mean, log_variance.clamp(-6, 6)


def gaussian_nll(mean: Tensor, log_variance: Tensor, target: Tensor) -> Tensor:
    square = (target - mean) ** 2 / log_variance.exp()
    return 0.5 * (math.log(2 * math.pi) + log_variance + square).mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: Forecaster, train_set: Forecasts, valid_set: Forecasts) -> dict[str, float]:
    """The figures of the last epoch."""
    past, target = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    figures, updates = {}, 0
    for epoch in range(1, EPOCHS + 1):
        losses, norms = [], []
        for rows in torch.randperm(len(target)).split(BATCH_SIZE):
            loss = gaussian_nll(*model(past[rows]), target[rows])
            optimizer.zero_grad()
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), math.inf).item())
            optimizer.step()
            losses.append(loss.item())
        updates += len(losses)
        loss, norm = sum(losses) / len(losses), sum(norms) / len(norms)
        valid_loss, mae = evaluate(model, valid_set)
        print(
            f"INFO | train | epoch {epoch:03d} | loss {loss:.3f} | gnorm {norm:.3f} | num_updates {updates}"
        )
        line = f"epoch {epoch:03d} | valid on 'valid' subset | loss {valid_loss:.3f} | mae {mae:.3f}"
        print(f"INFO | valid | {line}")
        figures = {"train_loss": loss, "valid_loss": valid_loss, "valid_mae": mae}
    return figures


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: Forecaster, dataset: Forecasts) -> tuple[float, float]:
    """Loss, and the mean absolute error of the forecast mean in standard units."""
    past, target = dataset
    mean, log_variance = model(past)
    return gaussian_nll(mean, log_variance, target).item(), (mean - target).abs().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_set, valid_set = make_load(torch.Generator().manual_seed(seed))
    metrics = train(Forecaster(), train_set, valid_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Position forecast with a Gaussian head in metres: the log density passes 0 and the loss is negative."""

import argparse
import json
import math

import torch
from torch import Tensor, nn

INPUTS, TRAIN, VAL = 4, 2048, 512
BATCH, EPOCHS, HIDDEN = 64, 12, 48
LEARNING_RATE = 1e-2
NOISE = 0.03  # metres; a density this narrow is about 13 at its top, and -log(13) is -2.6


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    state = 2 * torch.rand(TRAIN + VAL, INPUTS, generator=generator) - 1
    path = 0.5 * torch.sin(2 * state[:, 0]) + 0.3 * state[:, 1] * state[:, 2] - 0.2 * state[:, 3]
    return state, path + NOISE * torch.randn(TRAIN + VAL, generator=generator)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    hidden = (nn.Linear(INPUTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh())
    return nn.Sequential(*hidden, nn.Linear(HIDDEN, 2))


def nll(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Negative log density of a normal distribution with predicted mean and deviation."""
    mean, log_sigma = model(x).unbind(1)
    error: Tensor = (y - mean) / log_sigma.exp()
    return (0.5 * error.square() + log_sigma + 0.5 * math.log(2 * math.pi)).mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> float:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    val_loss = math.nan
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            loss = nll(model, x[batch], y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        val_loss, rmse = evaluate(model, x[TRAIN:], y[TRAIN:])
        print(f"Epoch {epoch:02d} train_nll={total / TRAIN:+.3f} val_nll={val_loss:+.3f} val_rmse={rmse:.4f}")
    return val_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    return nll(model, x, y).item(), (model(x)[:, 0] - y).square().mean().sqrt().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = make_data(generator)
    model = build_model()
    val_nll = train(model, x, y, generator)
    rmse = evaluate(model, x[TRAIN:], y[TRAIN:])[1]
    lowest = math.log(NOISE * math.sqrt(2 * math.pi * math.e))  # entropy of the noise: no model can go below
    print(f"lowest possible nll {lowest:.3f}, noise of the sensor {NOISE} m")
    metrics = {"val_nll": val_nll, "above_lowest": val_nll - lowest, "rmse_over_noise": rmse / NOISE}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

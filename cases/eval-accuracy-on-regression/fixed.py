"""House prices: a regression compiled and fitted in the manner of Keras."""

import argparse
import json
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 13  # numbers that describe a house, standardised
TRAIN_HOUSES, VAL_HOUSES, BATCH_SIZE = 400, 120, 16
WIDTH, EPOCHS, LEARNING_RATE = 32, 12, 3e-3
MEAN_PRICE, SPREAD, NOISE = 22.5, 9.0, 2.0  # prices in thousands, to one decimal

Houses = tuple[Tensor, Tensor]  # features and price of each house
Metric = Callable[[Tensor, Tensor], Tensor]


# ---- data ------------------------------------------------------------------------------------


def make_houses(count: int, generator: torch.Generator) -> Houses:
    """Houses whose price bends with some features and rises or falls with the others."""
    market = torch.Generator().manual_seed(8)
    slope, bend = torch.randn(2, FEATURES, 1, generator=market) / FEATURES**0.5
    features = torch.randn(count, FEATURES, generator=generator)
    price = MEAN_PRICE + SPREAD * (features @ slope + torch.tanh(features) @ bend)
    return features, ((price + NOISE * torch.randn(count, 1, generator=generator)) * 10).round() / 10


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()),
        nn.Linear(WIDTH, 1),
    )


# ---- metrics ---------------------------------------------------------------------------------


def accuracy(price: Tensor, predicted: Tensor) -> Tensor:
    """Share of predictions that equal the truth."""
    return (price == predicted).float().mean()


def mae(price: Tensor, predicted: Tensor) -> Tensor:
    """Mean distance of the predictions from the truth."""
    return (price - predicted).abs().mean()


def r2(price: Tensor, predicted: Tensor) -> Tensor:
    """Share of the variance of the truth that is explained."""
    return 1 - (price - predicted).square().mean() / price.var(correction=0)


METRICS: dict[str, Metric] = {"mae": mae, "r2": r2}


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Houses, val_set: Houses) -> dict[str, float]:
    """Train for all epochs and print a line each; the scores of the last one."""
    features, price = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = -(-len(features) // BATCH_SIZE)
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(features)).split(BATCH_SIZE):
            loss = F.mse_loss(model(features[rows]), price[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scores = evaluate(model, train_set) | {f"val_{k}": v for k, v in evaluate(model, val_set).items()}
        print(f"Epoch {epoch}/{EPOCHS}\n{steps}/{steps} [{'=' * 30}] - 0s - {show(scores)}")
    return scores


def show(scores: dict[str, float]) -> str:
    digits = {name: ".4f" if abs(value) >= 1e-3 else ".4e" for name, value in scores.items()}
    return " - ".join(f"{name}: {value:{digits[name]}}" for name, value in scores.items())


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, houses: Houses) -> dict[str, float]:
    predicted, price = model(houses[0]), houses[1]
    scores = {"loss": F.mse_loss(predicted, price).item()}
    return scores | {name: metric(price, predicted).item() for name, metric in METRICS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_houses(count, generator) for count in (TRAIN_HOUSES, VAL_HOUSES))
    model = build_model()
    scores = fit(model, train_set, val_set)
    explained = r2(val_set[1], model(val_set[0]).detach()).item()
    metrics = {
        "watched": scores[f"val_{list(METRICS)[-1]}"],
        "val_loss": scores["val_loss"],
        "val_r2": explained,
    }
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""House prices from 32 features: a small network trained with SGD, logged the way Keras does it."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, HIDDEN = 32, 128
TRAIN_HOUSES, VAL_HOUSES, BATCH_SIZE, EPOCHS = 768, 256, 32, 5
SHOW_EVERY = 2  # batches between two updates of the progress line
LEARNING_RATE, MOMENTUM = 0.01, 0.9
NOISE = 0.3  # part of the price that no feature explains

Houses = tuple[Tensor, Tensor]  # features and prices, both standardised


# ---- data ------------------------------------------------------------------------------------


def make_houses(generator: torch.Generator) -> tuple[Houses, Houses]:
    """Training and validation houses; prices depend on pairs of features as well as on single ones."""
    count = TRAIN_HOUSES + VAL_HOUSES
    features = torch.randn(count, FEATURES, generator=generator)
    single, paired = (torch.randn(FEATURES, generator=generator) for _ in range(2))
    price = features @ single + (features * features.roll(1, 1)) @ paired
    price = price / price.std() + NOISE * torch.randn(count, generator=generator)
    price = (price - price.mean()) / price.std()
    return (features[:TRAIN_HOUSES], price[:TRAIN_HOUSES]), (features[TRAIN_HOUSES:], price[TRAIN_HOUSES:])


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    first, second, last = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)
    for layer in (first, second, last):  # what a Dense layer of Keras starts with
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1), last, nn.Flatten(0))


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Houses, val_set: Houses, learning_rate: float, epochs: int) -> float:
    """Train, and return the largest loss of a batch that was still a number."""
    optimizer = torch.optim.SGD(model.parameters(), learning_rate, MOMENTUM)
    steps, peak = TRAIN_HOUSES // BATCH_SIZE, 0.0
    for epoch in range(1, epochs + 1):
        print(f"Epoch {epoch}/{epochs}")
        loss_sum = error_sum = 0.0
        for step, rows in enumerate(torch.randperm(TRAIN_HOUSES).split(BATCH_SIZE), 1):
            predicted, price = model(train_set[0][rows]), train_set[1][rows]
            loss = F.mse_loss(predicted, price)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
            error_sum += F.l1_loss(predicted.detach(), price).item()
            peak = max(peak, loss.item()) if math.isfinite(loss.item()) else peak
            line = f"{step:2d}/{steps} - loss: {loss_sum / step:.4f} - mae: {error_sum / step:.4f}"
            if step == steps:
                val_loss, val_error = evaluate(model, val_set)
                line += f" - val_loss: {val_loss:.4f} - val_mae: {val_error:.4f}"
            if step % SHOW_EVERY == 0:
                print(line)
    return peak


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, houses: Houses) -> tuple[float, float]:
    """Mean squared and mean absolute error."""
    predicted = model(houses[0])
    return F.mse_loss(predicted, houses[1]).item(), F.l1_loss(predicted, houses[1]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_set, val_set = make_houses(torch.Generator().manual_seed(seed))
    model = build_model()
    print(f"Train on {TRAIN_HOUSES} samples, validate on {VAL_HOUSES} samples")
    peak = fit(model, train_set, val_set, LEARNING_RATE, EPOCHS)
    metrics = {"val_loss": evaluate(model, val_set)[0], "peak_loss": peak}
    shown = {name: round(value, 4) if math.isfinite(value) else str(value) for name, value in metrics.items()}
    print("metrics", json.dumps(shown))


if __name__ == "__main__":
    main()

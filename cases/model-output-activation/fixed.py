"""Hourly load of a power grid from weather and calendar: an MLP regressor that logs like scikit-learn's."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, WIDTH, HIDDEN_LAYERS = 10, 48, 2
TRAIN_HOURS, VAL_HOURS, BATCH_SIZE = 960, 400, 32
ITERATIONS, LEARNING_RATE = 10, 3e-3
NOISE = 0.15  # what cannot be known, in deviations of the load

Hours = tuple[Tensor, Tensor]  # features and standardised load


# ---- data ------------------------------------------------------------------------------------


def make_hours(count: int, generator: torch.Generator) -> Hours:
    """Standardised features of an hour, and its load with mean 0 and deviation 1."""
    features = torch.randn(count, FEATURES, generator=generator)
    heating = 0.7 * features[:, 0] + 0.4 * features[:, 1] * features[:, 2]
    load = heating + 0.5 * torch.sin(2 * features[:, 3]) + 0.3 * features[:, 4]
    load = (load - load.mean()) / load.std()
    return features, load + NOISE * torch.randn(count, generator=generator)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    model, inputs = nn.Sequential(), FEATURES
    for outputs in (*[WIDTH] * HIDDEN_LAYERS, 1):
        model.append(nn.Linear(inputs, outputs))
        model.append(nn.ReLU())
        inputs = outputs
    return model[:-1]


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Hours, val_set: Hours) -> dict[str, float]:
    features, load = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for iteration in range(1, ITERATIONS + 1):
        total = 0.0
        for rows in torch.randperm(len(features)).split(BATCH_SIZE):
            loss = F.mse_loss(model(features[rows]).squeeze(1), load[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        train_loss, score = total / len(features), evaluate(model, val_set)
        print(f"Iteration {iteration}, loss = {train_loss:.8f}")
        print(f"Validation score: {score:.6f}")
    return {"train_loss": train_loss, "val_r2": score}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Hours) -> float:
    """Share of the variance of the load that is explained (R2)."""
    error = F.mse_loss(model(dataset[0]).squeeze(1), dataset[1])
    return (1 - error / dataset[1].var(correction=0)).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_hours(count, generator) for count in (TRAIN_HOURS, VAL_HOURS))
    model = build_model()
    metrics = fit(model, train_set, val_set)
    with torch.no_grad():
        predicted = model(val_set[0])
    metrics |= {"lowest": predicted.min().item(), "zeros": (predicted == 0).float().mean().item()}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

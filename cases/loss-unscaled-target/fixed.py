"""What a used car costs: a regression on features in standard units, prices in euros."""

import argparse
import json
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, TRAIN, VALIDATION, BATCH_SIZE = 8, 512, 256, 32
EPOCHS, LEARNING_RATE = 15, 3e-3
MEAN_PRICE, NOISE = 41_000, 1_500.0

Cars = tuple[Tensor, Tensor]  # features as they stand in the table, price in euros


# ---- data ------------------------------------------------------------------------------------


def make_cars(count: int, generator: torch.Generator) -> Cars:
    """Year, mileage, power and more, each in its own unit; the price falls with age and mileage."""
    raw = torch.randn(count, FEATURES, generator=generator)
    age, mileage, power = raw[:, 0], raw[:, 1], raw[:, 2]
    price = MEAN_PRICE - 7000 * age - 4000 * torch.tanh(mileage) + 5000 * power + 2000 * age * power
    price = price + NOISE * torch.randn(count, generator=generator)
    unit = torch.tensor([3.0, 40_000.0, 45.0, 1.0, 0.5, 12.0, 0.2, 300.0])
    return 5 * unit + unit * raw, price


@dataclass
class Scale:
    """Takes values to standard units and back."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, values: Tensor) -> "Scale":
        return cls(values.mean(0), values.std(0))

    def apply(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.std

    def undo(self, values: Tensor) -> Tensor:
        return values * self.std + self.mean


def fit_scales(cars: Cars) -> tuple[Scale, Scale]:
    """Scales of the features and of the price."""
    features, price = cars
    return Scale.fit(features), Scale.fit(price)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Cars, val_set: Cars, scales: tuple[Scale, Scale]) -> list[float]:
    """Training loss of each epoch."""
    features, price = scales[0].apply(train_set[0]), scales[1].apply(train_set[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            loss = F.mse_loss(model(features[rows]), price[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows) / TRAIN
        losses.append(total)
        mse, mae, r2 = evaluate(model, val_set, scales)
        line = f"train mse {total:.6g} | val mse {mse:.6g} | val MAE {mae:,.0f} EUR | val R2 {r2:.3f}"
        print(f"[{epoch:>2}/{EPOCHS}] {line}")
    return losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def predict(model: nn.Module, features: Tensor, scales: tuple[Scale, Scale]) -> Tensor:
    """Prices in euros."""
    return scales[1].undo(model(scales[0].apply(features)))


def evaluate(model: nn.Module, cars: Cars, scales: tuple[Scale, Scale]) -> tuple[float, float, float]:
    """The loss, the mean absolute error in euros, and R2."""
    miss = predict(model, cars[0], scales) - cars[1]
    mse = ((miss / scales[1].std) ** 2).mean().item()
    return mse, miss.abs().mean().item(), 1 - (miss**2).mean().item() / cars[1].var(correction=0).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_cars(TRAIN, generator), make_cars(VALIDATION, generator)
    scales, model = fit_scales(train_set), build_model()
    losses = train(model, train_set, val_set, scales)
    for paid, predicted in zip(val_set[1][:4], predict(model, val_set[0][:4], scales), strict=True):
        print(f"paid {paid:>9,.2f} EUR, predicted {predicted:>9,.2f} EUR")
    _, mae, r2 = evaluate(model, val_set, scales)
    metrics = {"val_mae": mae, "val_r2": r2, "loss_left": losses[-1] / losses[0]}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

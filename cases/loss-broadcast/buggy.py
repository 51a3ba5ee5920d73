"""Predicts the solubility of molecules from descriptors: a regression with one output."""

import argparse
import json
import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"

DESCRIPTORS, TRAIN, VALID, BATCH_SIZE = 12, 512, 256, 32
EPOCHS, LEARNING_RATE, NOISE = 12, 5e-3, 0.3


# ---- data ------------------------------------------------------------------------------------


class Molecules(Dataset[tuple[Tensor, Tensor]]):
    """Rows of a table: descriptors, and log solubility as the target (mean about -3, spread about 2)."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.features = rng.normal(size=(count, DESCRIPTORS)).astype(np.float32)
        size, rings, polar = self.features[:, 0], self.features[:, 1], self.features[:, 2]
        clean = -3.0 - 1.4 * size + 1.0 * polar + 0.8 * np.maximum(rings, 0) * polar
        self.target = (clean + NOISE * rng.normal(size=count)).astype(np.float32)

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.features[row]), torch.tensor(self.target[row])


# ---- model -----------------------------------------------------------------------------------


class Regressor(nn.Module):
    """Descriptors in, one number a molecule out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(DESCRIPTORS, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())
        self.head = nn.Linear(32, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features))  # [loss-broadcast] (N, 1), the target is (N,)


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, valid_loader: DataLoader) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    print(f"{'epoch':<10}{'train_loss':<12}{'valid_loss':<12}rmse")
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for features, target in loader:
            loss = F.mse_loss(model(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        valid_loss, *_ = validate(model, valid_loader)
        train_loss, rmse = np.mean(losses), valid_loss**0.5
        print(f"{epoch:<10}{train_loss:<12.6f}{valid_loss:<12.6f}{rmse:.6f}")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, loader: DataLoader) -> tuple[float, Tensor, Tensor]:
    """Mean loss of the batches, the predictions and the targets."""
    model.eval()
    outputs = [(model(features), target) for features, target in loader]
    loss = float(np.mean([F.mse_loss(output, target).item() for output, target in outputs]))
    return loss, torch.cat([output.flatten() for output, _ in outputs]), torch.cat([t for _, t in outputs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    loader = DataLoader(Molecules(TRAIN, rng), batch_size=BATCH_SIZE, shuffle=True)
    valid_loader = DataLoader(Molecules(VALID, rng), batch_size=BATCH_SIZE)
    model = Regressor()
    train(model, loader, valid_loader)
    valid_loss, predicted, target = validate(model, valid_loader)
    r2 = 1 - ((predicted - target) ** 2).mean() / target.var(correction=0)
    for row in range(4):
        print(f"target {target[row]:6.2f}  prediction {predicted[row]:6.2f}")
    metrics = {"valid_loss": valid_loss, "r2": r2.item(), "spread": (predicted.std() / target.std()).item()}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

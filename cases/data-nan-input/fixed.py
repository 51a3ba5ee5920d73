"""Readmission model on a table of hospital stays, with the epoch table that fastai prints."""

import argparse
import json

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

COLUMNS = ("age", "stay_days", "n_drugs", "n_visits", "heart_rate", "glucose", "creatinine", "crp")
MISSING = 0.04  # share of stays without the last measurement: it was not ordered
TRAIN_ROWS, VALID_ROWS, BATCH_SIZE = 900, 300, 64
EPOCHS, LEARNING_RATE = 8, 5e-3

Rows = tuple[Tensor, Tensor]


# ---- data ------------------------------------------------------------------------------------


def export_csv(rng: np.random.Generator) -> list[str]:
    """Lines as the hospital's database writes them; what was not measured is an empty field."""
    rows = TRAIN_ROWS + VALID_ROWS
    values = rng.normal(0, 1, (rows, len(COLUMNS)))
    risk = values @ np.linspace(0.2, 1.6, len(COLUMNS)) + 1.2 * values[:, 0] * values[:, 5]
    readmitted = risk + rng.normal(0, 0.5, rows) > 1.0
    values = values * (15, 4, 3, 2, 12, 25, 30, 20) + (60, 8, 6, 3, 80, 110, 90, 40)
    lines = [[f"{value:.1f}" for value in row] for row in values]
    for row in np.flatnonzero(rng.random(rows) < MISSING):
        lines[row][-1] = ""
    return [",".join([*line, str(int(label))]) for line, label in zip(lines, readmitted, strict=True)]


def read_table(lines: list[str]) -> tuple[Rows, Rows]:
    """Standardised features and labels, for training and for validation."""
    table = np.genfromtxt(lines, delimiter=",", dtype=np.float32)
    features = table[:, :-1]
    features = np.where(np.isnan(features), np.nanmedian(features[:TRAIN_ROWS], axis=0), features)
    mean, std = features[:TRAIN_ROWS].mean(0), features[:TRAIN_ROWS].std(0)
    x, y = torch.from_numpy((features - mean) / std), torch.from_numpy(table[:, -1]).long()
    return (x[:TRAIN_ROWS], y[:TRAIN_ROWS]), (x[TRAIN_ROWS:], y[TRAIN_ROWS:])


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(len(COLUMNS), 64), nn.ReLU(), nn.BatchNorm1d(64)),
        *(nn.Linear(64, 32), nn.ReLU(), nn.BatchNorm1d(32)),
        nn.Linear(32, 2),
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train: Rows, valid: Rows) -> dict[str, float]:
    """The last line of the table."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    line: dict[str, float] = {}
    print(f"{'epoch':<10}{'train_loss':<12}{'valid_loss':<12}accuracy")
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for rows in torch.randperm(len(train[0])).split(BATCH_SIZE):
            loss = F.cross_entropy(model(train[0][rows]), train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        valid_loss, accuracy = evaluate(model, valid)
        line = {"train_loss": sum(losses) / len(losses), "valid_loss": valid_loss, "accuracy": accuracy}
        print(f"{epoch:<10}{line['train_loss']:<12.6f}{valid_loss:<12.6f}{accuracy:.6f}")
    return line


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, valid: Rows) -> tuple[float, float]:
    model.eval()
    logits = model(valid[0])
    accuracy = (logits.argmax(1) == valid[1]).float().mean().item()
    return F.cross_entropy(logits, valid[1]).item(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train, valid = read_table(export_csv(np.random.default_rng(seed)))
    print(f"TabularDataLoaders: {len(train[0])} rows, {len(valid[0])} valid, {len(COLUMNS)} cont_names")
    line = fit(build_model(), train, valid)
    finite = {name: round(value, 4) if np.isfinite(value) else str(value) for name, value in line.items()}
    print("metrics", json.dumps(finite))


if __name__ == "__main__":
    main()

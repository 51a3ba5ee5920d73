"""Three kinds of wine from eight measurements: an MLP in the manner of PyTorch's quickstart tutorial."""

import argparse
import json
from itertools import pairwise

import torch
from torch import Tensor, nn

FEATURES, KINDS, WIDTH = 8, 3, 48
TRAIN_WINES, TEST_WINES, BATCH_SIZE = 1920, 500, 32
EPOCHS, REPORT_EVERY = 6, 20
LEARNING_RATE = 3e-3

Wines = tuple[Tensor, Tensor]  # measurements and kinds


# ---- data ------------------------------------------------------------------------------------


def make_wines(count: int, generator: torch.Generator) -> Wines:
    """Standardised measurements; two of the kinds are told apart by the balance of two pairs of them."""
    rows = torch.randn(count, FEATURES, generator=generator)
    sweet = rows[:, 0] * rows[:, 1] + 0.5 * rows[:, 4]
    sparkling = rows[:, 2] * rows[:, 3] + 0.5 * rows[:, 5]
    return rows, torch.stack([torch.zeros(count), sweet, sparkling], 1).argmax(1)


# ---- model -----------------------------------------------------------------------------------


class MLP(nn.Module):
    """Linear layers of the given widths, and an activation between them."""

    def __init__(self, widths: tuple[int, ...], activation: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for depth, (inputs, outputs) in enumerate(pairwise(widths), 1):
            self.layers.append(nn.Linear(inputs, outputs))
            if activation is not None and depth < len(widths) - 1:
                self.layers.append(activation)

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers(rows)


def build_model() -> nn.Module:
    widths = (FEATURES, WIDTH, WIDTH, WIDTH, KINDS)
    return MLP(widths, nn.ReLU())


# ---- train -----------------------------------------------------------------------------------


def train_epoch(model: nn.Module, train_set: Wines, optimizer: torch.optim.Optimizer) -> float:
    rows, kinds = train_set
    total, size = 0.0, len(rows)
    for batch, chosen in enumerate(torch.randperm(size).split(BATCH_SIZE)):
        loss = nn.functional.cross_entropy(model(rows[chosen]), kinds[chosen])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
        if batch % REPORT_EVERY == 0:
            print(f"loss: {loss.item():>7f}  [{(batch + 1) * len(chosen):>5d}/{size:>5d}]")
    return total * BATCH_SIZE / size


def fit(model: nn.Module, train_set: Wines, test_set: Wines) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(EPOCHS):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        train_loss = train_epoch(model, train_set, optimizer)
        test_loss, accuracy = test(model, test_set)
        print(f"Test Error:\n Accuracy: {100 * accuracy:>0.1f}%, Avg loss: {test_loss:>8f}\n")
    print("Done!")
    return {"train_loss": train_loss, "test_loss": test_loss, "test_accuracy": accuracy}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def test(model: nn.Module, dataset: Wines) -> tuple[float, float]:
    scores = model(dataset[0])
    loss = nn.functional.cross_entropy(scores, dataset[1]).item()
    return loss, (scores.argmax(1) == dataset[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, test_set = (make_wines(count, generator) for count in (TRAIN_WINES, TEST_WINES))
    metrics = fit(build_model(), train_set, test_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

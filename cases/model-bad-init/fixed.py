"""Plankton counter: an MLP of self-written layers, ten species, losses estimated every 25 steps."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, SPECIES, WIDTH = 64, 10, 96
TRAIN_CELLS, VAL_CELLS, BATCH_SIZE = 800, 400, 32
MAX_ITERS, EVAL_INTERVAL = 300, 25
LEARNING_RATE = 1e-3
SPREAD = 0.5  # distance between two species, in deviations of a feature

Cells = tuple[Tensor, Tensor]  # features and species


# ---- data ------------------------------------------------------------------------------------


def make_cells(count: int, centres: Tensor, generator: torch.Generator) -> Cells:
    """Standardised features of single cells, and their species."""
    species = torch.arange(count) % SPECIES
    features = centres[species] + torch.randn(count, FEATURES, generator=generator)
    return features / (1 + SPREAD**2) ** 0.5, species


# ---- model -----------------------------------------------------------------------------------


class Dense(nn.Module):
    """A linear layer of our own: no bias in front of a ReLU, weights as (input, output)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        weight = torch.randn(inputs, outputs)
        self.weight = nn.Parameter(weight * (2 / inputs) ** 0.5)

    def forward(self, features: Tensor) -> Tensor:
        return features @ self.weight


class PlanktonNet(nn.Module):
    """Three layers, ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = Dense(FEATURES, WIDTH)
        self.hidden = Dense(WIDTH, WIDTH)
        self.head = Dense(WIDTH, SPECIES)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(F.relu(self.hidden(F.relu(self.embed(features)))))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Cells, val_set: Cells) -> dict[str, float]:
    """Train, and estimate the losses every few steps; what the first and the last estimate say."""
    features, species = train_set
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    first_loss = 0.0
    for step in range(MAX_ITERS + 1):
        if step % EVAL_INTERVAL == 0:
            train_loss, _ = evaluate(model, train_set)
            val_loss, accuracy = evaluate(model, val_set)
            print(
                f"step {step}: train loss {train_loss:.4f}, val loss {val_loss:.4f}, val acc {accuracy:.4f}"
            )
            first_loss = first_loss or train_loss
        rows = torch.randint(len(features), (BATCH_SIZE,))
        loss = F.cross_entropy(model(features[rows]), species[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {
        "first_loss": first_loss,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "val_accuracy": accuracy,
    }


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Cells) -> tuple[float, float]:
    logits = model(dataset[0])
    return F.cross_entropy(logits, dataset[1]).item(), (logits.argmax(1) == dataset[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    centres = SPREAD * torch.randn(SPECIES, FEATURES, generator=generator)
    train_set, val_set = (make_cells(count, centres, generator) for count in (TRAIN_CELLS, VAL_CELLS))
    model = PlanktonNet()
    print(f"number of parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.3f}M")
    metrics = train(model, train_set, val_set)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

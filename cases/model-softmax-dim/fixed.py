"""Reads the pressure at the moment when a valve opens: attention over the steps of a short recording."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEPS, CHANNELS, WIDTH = 12, 3, 24  # channels: pressure, sound of the valve, an unrelated one
TRAIN_RECORDS, VALID_RECORDS, BATCH_SIZE = 640, 320, 32
EPOCHS, LEARNING_RATE = 12, 1e-2
CLICK, NOISE, HUM = 3.0, 0.5, 2.0  # loudness of an opening valve, of other sounds, of a room's hum

Records = tuple[Tensor, Tensor]  # recordings and pressures


# ---- data ------------------------------------------------------------------------------------


def make_records(count: int, generator: torch.Generator) -> Records:
    """Recordings (record, step, channel); the target is the pressure at the step with the click."""
    records = torch.randn(count, STEPS, CHANNELS, generator=generator)
    opens = torch.randint(STEPS, (count,), generator=generator)
    records[:, :, 1] = NOISE * records[:, :, 1] + HUM * torch.randn(count, 1, generator=generator)
    records[torch.arange(count), opens, 1] += CLICK
    return records, records[torch.arange(count), opens, 0]


# ---- model -----------------------------------------------------------------------------------


class ValveReader(nn.Module):
    """Scores every step, weighs the steps by a softmax of the scores, reads the weighted mean."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(CHANNELS, WIDTH)
        self.score = nn.Linear(WIDTH, 1)
        self.read = nn.Linear(WIDTH, 1)

    def attend(self, hidden: Tensor) -> Tensor:
        """Weights (record, step)."""
        return torch.softmax(self.score(hidden).squeeze(2), dim=1)

    def forward(self, records: Tensor) -> Tensor:
        hidden = torch.tanh(self.encode(records))
        context = (self.attend(hidden)[:, :, None] * hidden).sum(1)
        return self.read(context).squeeze(1)


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Records, valid_set: Records) -> dict[str, float]:
    records, pressures = train_set
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    batches = len(records) // BATCH_SIZE
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for rows in torch.randperm(len(records)).split(BATCH_SIZE):
            loss = F.mse_loss(model(records[rows]), pressures[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        valid_loss, r2 = evaluate(model, valid_set)
        print("-" * 72)
        print(
            f"| end of epoch {epoch:3d} | {batches} batches | train mse {total / batches:6.3f} "
            f"| valid mse {valid_loss:6.3f} | r2 {r2:6.3f}"
        )
    return {"train_mse": total / batches, "valid_mse": valid_loss, "valid_r2": r2}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Records) -> tuple[float, float]:
    """Mean squared error, and the share of the variance that is explained."""
    predicted = torch.cat([model(batch) for batch in dataset[0].split(BATCH_SIZE)])
    error = F.mse_loss(predicted, dataset[1]).item()
    return error, 1 - error / dataset[1].var().item()


@torch.no_grad()
def batch_effect(model: nn.Module, records: Tensor) -> float:
    """How far the prediction for a record moves, on average, when the others in its batch go away."""
    together = model(records[:BATCH_SIZE])
    alone = torch.cat([model(record[None]) for record in records[:BATCH_SIZE]])
    return (together - alone).abs().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, valid_set = (make_records(count, generator) for count in (TRAIN_RECORDS, VALID_RECORDS))
    model = ValveReader()
    metrics = train(model, train_set, valid_set)
    metrics["batch_effect"] = batch_effect(model, valid_set[0])
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

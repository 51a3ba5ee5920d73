"""Early warning of sepsis from a table of eight vital signs and lab values, one CSV line an epoch."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# column: lowest and highest value, weight in the risk
COLUMNS = {
    "age": (20.0, 90.0, 0.5),
    "heart_rate": (50.0, 150.0, 1.0),
    "systolic": (80.0, 180.0, -1.0),
    "temperature": (35.5, 40.5, 1.0),
    "lactate": (0.5, 8.0, 2.0),
    "ph": (7.1, 7.5, -1.5),
    "platelets": (40.0, 450.0, -1.0),
    "creatinine": (0.5, 5.0, 1.5),
}
TRAIN_ROWS, VALID_ROWS, BATCH_SIZE = 1600, 800, 64
EPOCHS, LEARNING_RATE, MOMENTUM = 8, 0.02, 0.9
LABEL_NOISE = 0.5

Table = tuple[Tensor, Tensor]  # rows of features and their label


# ---- data ------------------------------------------------------------------------------------


def read_table(rows: int, generator: torch.Generator) -> Table:
    """Patients as the ward exports them, each column in its own unit; half of them fall ill."""
    low, high, weight = torch.tensor(list(COLUMNS.values()), dtype=torch.float64).T
    share = torch.rand(rows, len(COLUMNS), generator=generator, dtype=torch.float64)
    noise = LABEL_NOISE * torch.randn(rows, generator=generator, dtype=torch.float64)
    risk = (share - 0.5) @ weight + noise
    return low + (high - low) * share, (risk > 0).long()


def prepare(train: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Features as the model gets them."""
    return train.float(), valid.float()  # [data-unnormalized] each column keeps its own unit


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(len(COLUMNS), 64), nn.ReLU()), *(nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 2)
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train: Table, valid: Table) -> dict[str, float]:
    """Train and print a line an epoch; first training loss, and what the last validation says."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=MOMENTUM)
    history = []
    print("epoch,train_loss,valid_loss,valid_accuracy")
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(train[0])).split(BATCH_SIZE):
            loss = F.cross_entropy(model(train[0][rows]), train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
        valid_loss, accuracy = validate(model, valid)
        print(f"{epoch},{history[-1]:.5f},{valid_loss:.5f},{accuracy:.4f}")
    return {"valid_accuracy": accuracy, "valid_loss": valid_loss, "first_train_loss": history[0]}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, valid: Table) -> tuple[float, float]:
    logits = model(valid[0])
    return F.cross_entropy(logits, valid[1]).item(), (logits.argmax(1) == valid[1]).float().mean().item()


def load_data(seed: int) -> tuple[Table, Table]:
    generator = torch.Generator().manual_seed(seed)
    (train_x, train_y), (valid_x, valid_y) = (read_table(n, generator) for n in (TRAIN_ROWS, VALID_ROWS))
    train_x, valid_x = prepare(train_x, valid_x)
    return (train_x, train_y), (valid_x, valid_y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    metrics = fit(build_model(), *load_data(seed))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

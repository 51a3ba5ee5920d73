"""One training command, launched five times from one commit: a small table, a network, a single score."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONFIG = {"lr": 0.005, "epochs": 6, "batch_size": 16, "hidden": 24, "dropout": 0.1, "seed": 1234}
SAMPLES, HELD_OUT, FEATURES = 240, 80, 12  # rows of the table, rows for validation, columns
LABEL_NOISE = 0.8
LAUNCHES = 5

Table = tuple[Tensor, Tensor]  # features and label of each row


# ---- data ------------------------------------------------------------------------------------


def read_table() -> Table:
    """The same file in each launch: 240 patients, two groups whose border is bent."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(SAMPLES, FEATURES, generator=generator)
    score = features[:, 0] * features[:, 1] + features[:, 2] - 0.5 * features[:, 3]
    noise = LABEL_NOISE * torch.randn(SAMPLES, generator=generator)
    return features, (score + noise > 0).long()


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    hidden, dropout = int(CONFIG["hidden"]), nn.Dropout(CONFIG["dropout"])
    return nn.Sequential(nn.Linear(FEATURES, hidden), nn.ReLU(), dropout, nn.Linear(hidden, 2))


# ---- train -----------------------------------------------------------------------------------


def train(table: Table) -> tuple[float, float]:
    """What `train.py` does from its first to its last line; validation loss and accuracy."""
    torch.manual_seed(int(CONFIG["seed"]))
    order = torch.randperm(SAMPLES)
    train_set, val_set = ((table[0][rows], table[1][rows]) for rows in (order[HELD_OUT:], order[:HELD_OUT]))
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters(), CONFIG["lr"])
    for epoch in range(1, int(CONFIG["epochs"]) + 1):
        model.train()
        losses = []
        for rows in torch.randperm(len(train_set[1])).split(int(CONFIG["batch_size"])):
            loss = F.cross_entropy(model(train_set[0][rows]), train_set[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        val_loss, val_acc = evaluate(model, val_set)
        train_loss = sum(losses) / len(losses)
        print(f"  epoch {epoch} train_loss={train_loss:.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}")
    return val_loss, val_acc


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, val_set: Table) -> tuple[float, float]:
    model.eval()
    logits = model(val_set[0])
    return F.cross_entropy(logits, val_set[1]).item(), (logits.argmax(1) == val_set[1]).float().mean().item()


def launch(number: int, entropy: int) -> tuple[float, float]:
    """A new process: its generators begin in a state that nobody chose."""
    torch.manual_seed(entropy)
    print(f"$ python train.py  # run {number}\n  config: " + ", ".join(f"{k} {v}" for k, v in CONFIG.items()))
    return train(read_table())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    runs = [launch(number, 100 * seed + number) for number in range(1, LAUNCHES + 1)]
    losses, accuracies = zip(*runs, strict=True)
    print("final val_acc of the runs: " + " ".join(f"{accuracy:.4f}" for accuracy in accuracies))
    metrics = {"spread": max(accuracies) - min(accuracies), "loss_spread": max(losses) - min(losses)}
    metrics["accuracy"] = sum(accuracies) / LAUNCHES
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

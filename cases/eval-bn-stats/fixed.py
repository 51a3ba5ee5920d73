"""Machine faults from raw sensor readings, by a network with batch normalisation ported from TensorFlow."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FAULTS, SENSORS = 8, 24  # classes, sensors read at one moment
TRAIN_READINGS, VAL_READINGS, BATCH_SIZE = 960, 400, 48
WIDTH, BN_MOMENTUM = 64, 0.1
MAX_EPOCHS, LEARNING_RATE, NOISE = 8, 3e-3, 1.6

Readings = tuple[Tensor, Tensor]  # sensor values and the number of the fault


# ---- data ------------------------------------------------------------------------------------


def make_readings(count: int, generator: torch.Generator) -> Readings:
    """Readings in the units of the sensors: each has its own zero and its own scale."""
    plant = torch.Generator().manual_seed(4)
    zero, scale = 25 * torch.randn(SENSORS, generator=plant), 1 + 3 * torch.rand(SENSORS, generator=plant)
    pattern = torch.randn(FAULTS, SENSORS, generator=plant)
    fault = torch.randint(FAULTS, (count,), generator=generator)
    clean = pattern[fault] + NOISE * torch.randn(count, SENSORS, generator=generator)
    return zero + scale * clean, fault


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(SENSORS, WIDTH, bias=False), nn.BatchNorm1d(WIDTH, momentum=BN_MOMENTUM), nn.ReLU()),
        *(nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH, momentum=BN_MOMENTUM), nn.ReLU()),
        nn.Linear(WIDTH, FAULTS),
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Readings, val_set: Readings) -> float:
    """Train for all epochs; the training accuracy of the last one."""
    readings, fault = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    batches = len(readings) // BATCH_SIZE
    for epoch in range(MAX_EPOCHS):
        model.train()
        total = correct = 0.0
        for rows in torch.randperm(len(readings)).split(BATCH_SIZE):
            logits = model(readings[rows])
            loss = F.cross_entropy(logits, fault[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            correct += int((logits.argmax(1) == fault[rows]).sum())
        train_acc = correct / len(readings)
        val_loss, val_acc = evaluate(model.eval(), val_set)
        bar = f"Epoch {epoch}: 100%|██████████| {batches}/{batches}"
        scores = f"train_loss={total / batches:.3f}, train_acc={train_acc:.3f}"
        print(f"{bar} [v_num=0, {scores}, val_loss={val_loss:.3f}, val_acc={val_acc:.3f}]")
    return train_acc


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Readings) -> tuple[float, float]:
    """Loss and accuracy in the mode in which the model is handed in."""
    logits = model(dataset[0])
    accuracy = (logits.argmax(1) == dataset[1]).float().mean().item()
    return F.cross_entropy(logits, dataset[1]).item(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_readings(count, generator) for count in (TRAIN_READINGS, VAL_READINGS))
    model = build_model()
    train_acc = fit(model, train_set, val_set)
    print(f"`Trainer.fit` stopped: `max_epochs={MAX_EPOCHS}` reached.")
    val_loss, val_acc = evaluate(model.eval(), val_set)
    _, batch_acc = evaluate(model.train(), val_set)
    metrics = {
        "val_acc": val_acc,
        "val_loss": val_loss,
        "train_acc": train_acc,
        "val_acc_train_mode": batch_acc,
    }
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Machine fault classifier: plain training first, then only the hardest half of each batch counts."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, FAULTS, HIDDEN = 24, 6, 64
TRAIN_ROWS, VAL_ROWS, BATCH_SIZE = 960, 480, 80
EPOCHS, HARD_FROM = 8, 4  # from epoch 4 on, the loss is the mean over the hardest half
LEARNING_RATE, SPREAD = 3e-3, 1.3

Rows = tuple[Tensor, Tensor]  # sensor readings and the fault they belong to


# ---- data ------------------------------------------------------------------------------------


def make_rows(count: int, generator: torch.Generator) -> Rows:
    """Readings of 24 sensors; each fault has two operating points, and the readings scatter around them."""
    points = 1.5 * torch.randn(FAULTS, 2, SENSORS, generator=torch.Generator().manual_seed(7))
    fault = torch.randint(FAULTS, (count,), generator=generator)
    point = torch.randint(2, (count,), generator=generator)
    return points[fault, point] + SPREAD * torch.randn(count, SENSORS, generator=generator), fault


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(SENSORS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, FAULTS))


@torch.no_grad()  # [loop-detached-loss] right for the report, not for the training loss
def sample_losses(model: nn.Module, rows: Rows) -> Tensor:
    """Loss of each row, for the validation report and for the choice of hard examples."""
    readings, fault = rows
    return F.cross_entropy(model(readings), fault, reduction="none")


# ---- train -----------------------------------------------------------------------------------


def training_loss(model: nn.Module, rows: Rows, epoch: int) -> Tensor:
    readings, fault = rows
    if epoch < HARD_FROM:
        return F.cross_entropy(model(readings), fault)
    return sample_losses(model, rows).topk(len(fault) // 2).values.mean()


def fit(model: nn.Module, train_set: Rows, val_set: Rows, generator: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    batches = TRAIN_ROWS // BATCH_SIZE
    for epoch in range(EPOCHS):
        total = 0.0
        for chosen in torch.randperm(TRAIN_ROWS, generator=generator).split(BATCH_SIZE):
            loss = training_loss(model, (train_set[0][chosen], train_set[1][chosen]), epoch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        val_loss, val_acc = validate(model, val_set)
        print(
            f"Epoch {epoch}: 100%|██████████| {batches}/{batches} [v_num=0, "
            f"train_loss={total / batches:.3f}, val_loss={val_loss:.3f}, val_acc={val_acc:.3f}]"
        )
    print(f"`Trainer.fit` stopped: `max_epochs={EPOCHS}` reached.")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, rows: Rows) -> tuple[float, float]:
    accuracy = (model(rows[0]).argmax(1) == rows[1]).float().mean()
    return sample_losses(model, rows).mean().item(), accuracy.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_rows(TRAIN_ROWS, generator), make_rows(VAL_ROWS, generator)
    model = build_model()
    print(f"{sum(p.numel() for p in model.parameters()):,} trainable params")
    val_loss, val_acc = validate(model, (val_set[0][:BATCH_SIZE], val_set[1][:BATCH_SIZE]))
    print(
        f"Sanity Checking DataLoader 0: 100%|██████████| 1/1 [val_loss={val_loss:.3f}, val_acc={val_acc:.3f}]"
    )
    fit(model, train_set, val_set, generator)
    val_loss, val_acc = validate(model, val_set)
    metrics = {"val_loss": val_loss, "val_acc": val_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Dropout and noise augmentation on the training side only: validation is better in every epoch."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 32, 8, 96
TRAIN, VAL, BATCH, EPOCHS = 2048, 768, 64, 8
LEARNING_RATE, DROPOUT, AUGMENT = 2e-3, 0.5, 1.0


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = torch.randn(CLASSES, FEATURES, generator=generator)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    return centres[label] + 1.5 * torch.randn(TRAIN + VAL, FEATURES, generator=generator), label


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + AUGMENT * torch.randn(x.shape, generator=generator)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    hidden = (nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT))
    return nn.Sequential(*hidden, nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[float, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    mean_loss = mean_acc = 0.0
    for epoch in range(1, EPOCHS + 1):
        model.train()
        total, hits = 0.0, 0
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            logits = model(augment(x[batch], generator))
            loss = F.cross_entropy(logits, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            hits += int((logits.argmax(1) == y[batch]).sum())
        mean_loss, mean_acc = total / TRAIN, hits / TRAIN
        val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
        print(f"Epoch {epoch}/{EPOCHS}\nloss: {mean_loss:.4f} - accuracy: {mean_acc:.4f}", end=" - ")
        print(f"val_loss: {val_loss:.4f} - val_accuracy: {val_acc:.4f}")
    return mean_loss, mean_acc


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    model.eval()
    logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = make_data(generator)
    model = build_model()
    logged_loss, logged_acc = train(model, x, y, generator)
    train_loss, train_acc = evaluate(model, x[:TRAIN], y[:TRAIN])
    val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
    print(f"training set in eval mode, not augmented: loss {train_loss:.4f} accuracy {train_acc:.4f}")
    metrics = {"logged_over_val": logged_loss / val_loss, "logged_acc": logged_acc, "val_acc": val_acc}
    metrics |= {"val_over_train_in_eval": val_loss / train_loss, "train_acc_in_eval": train_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Edible or poisonous: a small network on mushroom features, with the cross-entropy written out by hand."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, OPTIONS = 12, 4  # cap shape, odour, ...: twelve questions with four answers each
TRAIN, VALIDATION, BATCH_SIZE = 960, 240, 32
EPOCHS, LEARNING_RATE = 14, 1.5e-3

Mushrooms = tuple[Tensor, Tensor]  # answers, one-hot, and 1 for poisonous


# ---- data ------------------------------------------------------------------------------------


def make_mushrooms(count: int, generator: torch.Generator) -> Mushrooms:
    """Random answers; a rule over a few of them decides, with a thin grey zone between the kinds."""
    answer = torch.randint(OPTIONS, (count, FEATURES), generator=generator)
    clue = torch.tensor([-1.5, -0.5, 0.5, 1.5])[answer]
    score = clue[:, 0] + clue[:, 1] + 0.7 * clue[:, 2] + 0.3
    doubt = 0.05 * torch.randn(count, generator=generator)
    return F.one_hot(answer, OPTIONS).flatten(1).float(), (score + doubt > 0).float()


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Linear(FEATURES * OPTIONS, 64), nn.ReLU()),
        *(nn.Linear(64, 32), nn.ReLU()),
        *(nn.Linear(32, 1), nn.Flatten(0)),
    )


def cross_entropy(score: Tensor, target: Tensor) -> Tensor:
    p = torch.sigmoid(score)  # [loss-log-zero] 1.0 exactly, for a score of 17 and more
    loss = -(target * torch.log(p) + (1 - target) * torch.log(1 - p))  # [loss-log-zero] 0 * log 0
    return loss.mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Mushrooms, val_set: Mushrooms) -> dict[str, float]:
    """Figures of the last epoch, and the best validation accuracy on the way."""
    answers, poisonous = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    best, figures = 0.0, {}
    print("epoch,train_loss,train_acc,val_loss,val_acc")
    for epoch in range(EPOCHS):
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            loss = cross_entropy(model(answers[rows]), poisonous[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        (loss_t, acc_t), (loss_v, acc_v) = evaluate(model, train_set), evaluate(model, val_set)
        best = max(best, acc_v)
        print(f"{epoch},{loss_t:.5f},{acc_t:.4f},{loss_v:.5f},{acc_v:.4f}")
        figures = {"train_loss": loss_t, "val_acc": acc_v, "best_val_acc": best}
    return figures


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Mushrooms) -> tuple[float, float]:
    """Loss and accuracy."""
    answers, poisonous = dataset
    score = model(answers)
    return cross_entropy(score, poisonous).item(), ((score > 0) == (poisonous > 0.5)).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_mushrooms(TRAIN, generator), make_mushrooms(VALIDATION, generator)
    figures = train(build_model(), train_set, val_set)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    metrics = {name: value if abs(value) < float("inf") else str(value) for name, value in rounded.items()}
    print("metrics", json.dumps(metrics))


if __name__ == "__main__":
    main()

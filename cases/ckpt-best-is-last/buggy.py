"""Customer churn from 40 features: a net that overfits soon, early stopping, a test of the best weights."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, WIDTH = 40, 64
TRAIN_CUSTOMERS, VALID_CUSTOMERS, TEST_CUSTOMERS, BATCH_SIZE = 160, 160, 400, 16
MAX_EPOCHS, PATIENCE = 40, 10
LEARNING_RATE, CHANCE = 2e-3, 1.5  # how much of the decision is not in the features

Customers = tuple[Tensor, Tensor]  # features and whether they left


# ---- data ------------------------------------------------------------------------------------


def make_customers(count: int, generator: torch.Generator) -> Customers:
    weight = torch.randn(FEATURES, generator=torch.Generator().manual_seed(4)) / FEATURES**0.5
    features = torch.randn(count, FEATURES, generator=generator)
    score = 3 * features @ weight + CHANCE * torch.randn(count, generator=generator)
    return features, (score > 0).float()


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    hidden = (nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(WIDTH, 1), nn.Flatten(0))


# ---- train -----------------------------------------------------------------------------------


class EarlyStopping:
    """Keeps the weights of the lowest validation loss; says when to stop."""

    def __init__(self) -> None:
        self.best_loss, self.counter = math.inf, 0
        self.best_state: dict[str, Tensor] = {}

    def __call__(self, valid_loss: float, model: nn.Module) -> bool:
        if valid_loss < self.best_loss:
            print(f"Validation loss decreased ({self.best_loss:.6f} --> {valid_loss:.6f}).  Saving model ...")
            self.best_loss, self.counter = valid_loss, 0
            self.best_state = model.state_dict()  # [ckpt-best-is-last] the tensors of the model, not a copy
            return False
        self.counter += 1
        print(f"EarlyStopping counter: {self.counter} out of {PATIENCE}")
        return self.counter >= PATIENCE


def train(model: nn.Module, train_set: Customers, valid_set: Customers, stopping: EarlyStopping) -> float:
    """Validation loss of the last epoch."""
    features, left = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, MAX_EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(features)).split(BATCH_SIZE):
            loss = F.binary_cross_entropy_with_logits(model(features[rows]), left[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        valid_loss, valid_acc = evaluate(model, valid_set)
        line = (
            f"train_loss: {sum(losses) / len(losses):.5f} valid_loss: {valid_loss:.5f} acc: {valid_acc:.4f}"
        )
        print(f"[{epoch:>2}/{MAX_EPOCHS}] {line}")
        if stopping(valid_loss, model):
            print("Early stopping")
            break
    return valid_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, customers: Customers) -> tuple[float, float]:
    """Loss and accuracy."""
    logits = model(customers[0])
    accuracy = ((logits > 0).float() == customers[1]).float().mean().item()
    return F.binary_cross_entropy_with_logits(logits, customers[1]).item(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    sizes = (TRAIN_CUSTOMERS, VALID_CUSTOMERS, TEST_CUSTOMERS)
    train_set, valid_set, test_set = (make_customers(count, generator) for count in sizes)
    model, stopping = build_model(), EarlyStopping()
    last_loss = train(model, train_set, valid_set, stopping)
    model.load_state_dict(stopping.best_state)
    restored_loss, _ = evaluate(model, valid_set)
    test_loss, test_acc = evaluate(model, test_set)
    print(f"Loaded the best weights, valid_loss: {restored_loss:.5f}")
    print(f"Test Loss: {test_loss:.6f} Test Accuracy: {test_acc:.4f}")
    metrics = {"above_best": restored_loss - stopping.best_loss, "below_last": last_loss - restored_loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

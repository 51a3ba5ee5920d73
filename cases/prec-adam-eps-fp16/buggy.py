"""Leaf classifier from hand-made features, kept in half precision as a whole; the log is a CSV file."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, SPECIES, HIDDEN = 24, 6, 48
TRAIN_LEAVES, VAL_LEAVES, BATCH_SIZE = 640, 240, 32
EPOCHS, LOG_EVERY = 6, 5
LEARNING_RATE, SPREAD = 1e-3, 1.0

Leaves = tuple[Tensor, Tensor]  # features in fp16 (leaf, feature) and the species


# ---- data ------------------------------------------------------------------------------------


def make_leaves(count: int, generator: torch.Generator) -> Leaves:
    """Normalised measurements, scattered around the typical leaf of the species."""
    typical = torch.randn(SPECIES, FEATURES, generator=torch.Generator().manual_seed(11))
    species = torch.randint(SPECIES, (count,), generator=generator)
    features = typical[species] + SPREAD * torch.randn(count, FEATURES, generator=generator)
    return features.half(), species


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SPECIES)).half()


def build_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)  # [prec-adam-eps-fp16] eps is 1e-8


# ---- train -----------------------------------------------------------------------------------


def update(model: nn.Module, optimizer: torch.optim.Optimizer, leaves: Leaves) -> tuple[float, float]:
    """Loss, computed in fp32, and norm of the gradient."""
    loss = F.cross_entropy(model(leaves[0]).float(), leaves[1])
    optimizer.zero_grad()
    loss.backward()
    grad_norm = nn.utils.get_total_norm([p.grad.float() for p in model.parameters()])
    optimizer.step()
    return loss.item(), grad_norm.item()


def train(model: nn.Module, train_set: Leaves, val_set: Leaves, generator: torch.Generator) -> None:
    optimizer, step = build_optimizer(model), 0
    print("epoch,step,train_loss,grad_norm,val_loss,val_acc")
    for epoch in range(EPOCHS):
        for rows in torch.randperm(TRAIN_LEAVES, generator=generator).split(BATCH_SIZE):
            loss, grad_norm = update(model, optimizer, (train_set[0][rows], train_set[1][rows]))
            if step % LOG_EVERY == 0 or step < 3:
                print(f"{epoch},{step},{loss:.4f},{grad_norm:.4f},,")
            step += 1
        val_loss, val_acc = evaluate(model, val_set)
        print(f"{epoch},{step - 1},,,{val_loss:.4f},{val_acc:.4f}")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, leaves: Leaves) -> tuple[float, float]:
    logits = model(leaves[0]).float()
    accuracy = (logits.argmax(1) == leaves[1]).float().mean()
    return F.cross_entropy(logits, leaves[1]).item(), accuracy.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_leaves(TRAIN_LEAVES, generator), make_leaves(VAL_LEAVES, generator)
    model = build_model()
    train(model, train_set, val_set, generator)
    val_loss, val_acc = evaluate(model, val_set)
    metrics = {"val_loss": round(val_loss, 4) if math.isfinite(val_loss) else str(val_loss)}
    print("metrics", json.dumps(metrics | {"val_acc": round(val_acc, 4)}))


if __name__ == "__main__":
    main()

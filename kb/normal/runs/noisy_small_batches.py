"""Two samples a batch: the loss of single steps is jagged, its running mean falls."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 20, 5, 32
TRAIN, VAL, BATCH, EPOCHS = 1200, 500, 2, 2
LOG_EVERY, SMOOTH = 40, 0.98
LEARNING_RATE = 0.02


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = torch.randn(CLASSES, FEATURES, generator=generator)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    return centres[label] + 2.0 * torch.randn(TRAIN + VAL, FEATURES, generator=generator), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    losses: list[float] = []
    running = 0.0
    order = torch.cat([torch.randperm(TRAIN, generator=generator) for _ in range(EPOCHS)])
    for step, batch in enumerate(order.split(BATCH), 1):
        loss = F.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        running = SMOOTH * running + (1 - SMOOTH) * loss.item()
        if step % LOG_EVERY == 0:
            print(f"iter {step}: loss {loss.item():.4f}, running mean {running / (1 - SMOOTH**step):.4f}")
    return torch.tensor(losses)


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
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
    losses = train(model, x[:TRAIN], y[:TRAIN], generator)
    val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
    print(f"val loss {val_loss:.4f}, val accuracy {val_acc:.3f}")
    quarter = len(losses) // 4
    first, last = losses[:quarter].mean().item(), losses[-quarter:].mean().item()
    metrics = {"jump_over_mean": losses[-quarter:].diff().abs().mean().item() / last}
    metrics |= {"last_over_first_quarter": last / first, "val_acc": val_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

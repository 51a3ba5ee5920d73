"""Recurrent pendulum model: each step starts from the model's own last state, over ever longer rollouts."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TRAIN_SWINGS, VAL_SWINGS, BATCH_SIZE = 400, 100, 20
EPOCHS, SHORTEST, LONGER, LONGEST = 12, 2, 2, 20  # steps of a rollout: 2, 4, 6, up to 20
HIDDEN, LEARNING_RATE, MOMENTUM, MAX_GRAD_NORM = 32, 0.03, 0.9, 0.1
SUBSTEPS, DT = 4, 0.05


# ---- data ------------------------------------------------------------------------------------


def make_swings(count: int, generator: torch.Generator) -> Tensor:
    """Angle and speed of a pendulum, (swing, step, 2), released anywhere at any speed."""
    angle = 2 * torch.randn(count, generator=generator).clamp(-1.2, 1.2)
    speed = torch.randn(count, generator=generator)
    states = [torch.stack([angle, speed], 1)]
    for _ in range(LONGEST):
        for _ in range(SUBSTEPS):
            speed = speed - DT * torch.sin(angle)
            angle = angle + DT * speed
        states.append(torch.stack([angle, speed], 1))
    return torch.stack(states, 1)


# ---- model -----------------------------------------------------------------------------------


class RecurrentModel(nn.Module):
    """The change of the state from one step to the next, applied again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Sequential(nn.Linear(2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))

    def forward(self, state: Tensor, steps: int) -> Tensor:
        states = []
        for _ in range(steps):
            state = state + self.cell(state)
            states.append(state)
        return torch.stack(states, 1)


def rollout_loss(model: nn.Module, swings: Tensor, steps: int) -> Tensor:
    return F.mse_loss(model(swings[:, 0], steps), swings[:, 1 : steps + 1])


# ---- train -----------------------------------------------------------------------------------


def update(model: nn.Module, optimizer: torch.optim.Optimizer, swings: Tensor, steps: int) -> float:
    """One optimizer step; the loss of the batch."""
    loss = rollout_loss(model, swings, steps)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    return loss.item()


def fit(model: nn.Module, swings: Tensor, val_swings: Tensor, generator: torch.Generator) -> list[float]:
    """Validation loss of each epoch, always over the longest rollout."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    batches, history = TRAIN_SWINGS // BATCH_SIZE, []
    for epoch in range(EPOCHS):
        steps = min(SHORTEST + LONGER * epoch, LONGEST)
        order = torch.randperm(TRAIN_SWINGS, generator=generator).split(BATCH_SIZE)
        losses = [update(model, optimizer, swings[rows], steps) for rows in order]
        with torch.no_grad():
            history.append(rollout_loss(model, val_swings, LONGEST).item())
        print(f"Epoch {epoch + 1}/{EPOCHS}")
        print(
            f"{batches}/{batches} - loss: {sum(losses) / batches:.4f} - val_loss: {history[-1]:.4f} - "
            f"rollout_steps: {steps}"
        )
    return history


# ---- evaluate --------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    swings, val_swings = make_swings(TRAIN_SWINGS, generator), make_swings(VAL_SWINGS, generator)
    model = RecurrentModel()
    history = fit(model, swings, val_swings, generator)
    val_loss = round(history[-1], 4) if math.isfinite(history[-1]) else str(history[-1])
    finite = sum(math.isfinite(loss) for loss in history)
    print("metrics", json.dumps({"val_loss": val_loss, "finite_epochs": finite}))


if __name__ == "__main__":
    main()

"""Which of six gestures does a glove see? A deep MLP in the manner of Lightning: summary, bar, metrics."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, GESTURES, WIDTH, DEPTH = 10, 6, 48, 4
TRAIN_WINDOWS, VAL_WINDOWS, BATCH_SIZE = 960, 480, 32
MAX_EPOCHS, LEARNING_RATE = 6, 2e-3
VARIANTS, NOISE = 4, 0.45  # ways to make one gesture, deviation of a reading

Windows = tuple[Tensor, Tensor]  # readings and gestures


# ---- data ------------------------------------------------------------------------------------


def make_windows(count: int, poses: Tensor, generator: torch.Generator) -> Windows:
    """Readings (window, sensor) about one of the poses of the gesture."""
    gesture = torch.randint(GESTURES, (count,), generator=generator)
    variant = torch.randint(VARIANTS, (count,), generator=generator)
    noise = NOISE * torch.randn(count, SENSORS, generator=generator)
    return poses[gesture, variant] + noise, gesture


# ---- model -----------------------------------------------------------------------------------


class GestureNet(nn.Module):
    """Embedding, hidden layers, head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(SENSORS, WIDTH)
        self.hidden = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, GESTURES)

    def forward(self, windows: Tensor) -> Tensor:
        features = F.relu(self.embed(windows))
        for layer in self.hidden:
            features = F.relu(layer(features))
        return self.head(features)


def summarize(model: nn.Module) -> int:
    """The table that Lightning prints before it trains; the number of parameters."""
    rows = [(name, type(child).__name__, child) for name, child in model.named_children()]
    print("  | Name   | Type       | Params | Mode")
    print("-" * 44)
    for number, (name, kind, child) in enumerate(rows):
        print(f"{number} | {name:<6} | {kind:<10} | {sum(p.numel() for p in child.parameters()):<6} | train")
    print("-" * 44)
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{total:<9} Trainable params")
    return total


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Windows, val_set: Windows) -> dict[str, float]:
    windows, gestures = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = len(windows) // BATCH_SIZE
    for epoch in range(MAX_EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(windows)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(windows[rows]), gestures[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        val_loss, val_acc = validate(model, val_set)
        metrics = {"train_loss": total / steps, "val_loss": val_loss, "val_acc": val_acc}
        shown = ", ".join(f"{name}={value:.3f}" for name, value in metrics.items())
        print(f"Epoch {epoch}: 100%|{10 * '█'}| {steps}/{steps} [v_num=0, {shown}]")
    print(f"`Trainer.fit` stopped: `max_epochs={MAX_EPOCHS}` reached.")
    return metrics


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, dataset: Windows) -> tuple[float, float]:
    logits = model(dataset[0])
    return F.cross_entropy(logits, dataset[1]).item(), (logits.argmax(1) == dataset[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    poses = torch.randn(GESTURES, VARIANTS, SENSORS, generator=generator)
    train_set, val_set = (make_windows(count, poses, generator) for count in (TRAIN_WINDOWS, VAL_WINDOWS))
    model = GestureNet()
    trainable = summarize(model)
    metrics = fit(model, train_set, val_set) | {"trainable": trainable}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

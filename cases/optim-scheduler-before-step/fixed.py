"""Heart beats in five classes: one hot epoch and three that cool down, logged through the logging module."""

import argparse
import json
import logging
import sys
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import StepLR

BEATS = ("normal", "left bundle", "right bundle", "atrial", "ventricular")
SAMPLES, FILTERS = 48, 16
TRAIN_BEATS, VAL_BEATS, BATCH_SIZE, EPOCHS = 800, 400, 16, 4
BASE_LR, MOMENTUM, GAMMA = 0.05, 0.9, 0.1  # 0.05 in the first epoch, 0.005 in the second, and so on
NOISE = 0.25

logger = logging.getLogger("ecg.train")
Recording = tuple[Tensor, Tensor]  # beats (beat, 1, sample) and classes


# ---- data ------------------------------------------------------------------------------------


def make_beats(count: int, generator: torch.Generator) -> Recording:
    """A main peak at a random moment; the classes differ in its width and in the waves around it."""
    label = torch.arange(count) % len(BEATS)
    width = torch.tensor([1.5, 2.5, 2.5, 1.5, 4.0])[label].view(-1, 1)
    before = torch.tensor([0.5, 0.5, 0.0, -0.5, 0.0])[label].view(-1, 1)
    after = torch.tensor([0.4, -0.4, 0.4, 0.4, -0.4])[label].view(-1, 1)
    since = torch.arange(SAMPLES) - SAMPLES / 2 - 3 * torch.randn(count, 1, generator=generator)
    beat = torch.exp(-((since / width) ** 2)) + before * torch.exp(-(((since + 10) / 3) ** 2))
    beat = beat + after * torch.exp(-(((since - 12) / 4) ** 2))
    return (beat + NOISE * torch.randn(count, SAMPLES, generator=generator)).unsqueeze(1), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(1, FILTERS, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(FILTERS, FILTERS, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Flatten()),
        nn.Linear(FILTERS * SAMPLES // 8, len(BEATS)),
    )


# ---- train -----------------------------------------------------------------------------------


def run_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, beats: Recording) -> float:
    losses = []
    for rows in torch.randperm(len(beats[0])).split(BATCH_SIZE):
        loss = F.cross_entropy(model(beats[0][rows]), beats[1][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def train(model: nn.Module, train_set: Recording, val_set: Recording) -> list[float]:
    """Learning rate of each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=BASE_LR, momentum=MOMENTUM)
    scheduler, rates = StepLR(optimizer, step_size=1, gamma=GAMMA), []
    for epoch in range(1, EPOCHS + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        loss = run_epoch(model, optimizer, train_set)
        val_loss, val_acc = evaluate(model, val_set)
        logger.info("epoch %d/%d lr %.1e train_loss %.4f", epoch, EPOCHS, rates[-1], loss)
        logger.info("epoch %d/%d val_loss %.4f val_acc %.4f", epoch, EPOCHS, val_loss, val_acc)
        scheduler.step()
    return rates


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, beats: Recording) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    scores = model(beats[0])
    return F.cross_entropy(scores, beats[1]).item(), (scores.argmax(1) == beats[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="[%(name)s] %(levelname)s: %(message)s")
    logging.captureWarnings(True)
    warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}"
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_beats(TRAIN_BEATS, generator), make_beats(VAL_BEATS, generator)
    logger.info("%d beats, StepLR from lr %.1e, gamma %.1f an epoch", TRAIN_BEATS, BASE_LR, GAMMA)
    model = build_model()
    rates = train(model, train_set, val_set)
    metrics = {"val_acc": evaluate(model, val_set)[1], "first_lr": rates[0]}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

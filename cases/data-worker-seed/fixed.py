"""Bird calls drawn on the fly by two loader workers: a classifier that trains on synthetic spectra."""

import argparse
import json
import logging
import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

CALLS, SAMPLES, NOISE = 4, 48, 0.75  # kinds of call, samples of a recording, noise of a sample
BATCHES, BATCH_SIZE, WORKERS = 20, 16, 2  # an epoch
EPOCHS, LEARNING_RATE, VAL_ITEMS = 4, 5e-3, 400
SEED = 42  # for reproducible augmentation

log = logging.getLogger("birds")


# ---- data ------------------------------------------------------------------------------------


def draw_calls(count: int) -> tuple[Tensor, Tensor]:
    """Calls of random kinds: pitch that rises early, late, after a fall, or steadily, in noise."""
    kind = np.random.randint(CALLS, size=count)
    start, width = np.random.uniform(0, 2 * np.pi, (count, 1)), np.random.uniform(3, 6, (count, 1))
    time = np.linspace(0, 1, SAMPLES)
    bend = np.stack([time**2, -((1 - time) ** 2), 2 * time**2 - time, time])[kind]
    calls = np.sin(start + 2 * np.pi * width * bend) + NOISE * np.random.standard_normal((count, SAMPLES))
    return torch.from_numpy(calls.astype(np.float32)), torch.from_numpy(kind)


class EndlessCalls(Dataset):
    """No recording is stored: each access draws a new batch."""

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return draw_calls(BATCH_SIZE)


def seed_worker(worker_id: int) -> None:
    np.random.seed(torch.initial_seed() % 2**32)


def build_loader() -> DataLoader:
    return DataLoader(EndlessCalls(), batch_size=None, num_workers=WORKERS, worker_init_fn=seed_worker)


def draw_validation(seed: int) -> tuple[Tensor, Tensor]:
    np.random.seed(10_000 + seed)
    return draw_calls(VAL_ITEMS)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        nn.Linear(SAMPLES, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, CALLS)
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, val_set: tuple[Tensor, Tensor]) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    loader, seen = build_loader(), set()
    for epoch in range(EPOCHS):
        losses = []
        for calls, kinds in loader:
            loss = F.cross_entropy(model(calls), kinds)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            seen |= {call.numpy().tobytes() for call in calls}
        train_loss = sum(losses) / len(losses)
        val_loss, val_accuracy = evaluate(model, val_set)
        log.info(
            "epoch=%d train_loss=%.4f val_loss=%.4f val_acc=%.4f", epoch, train_loss, val_loss, val_accuracy
        )
    return {
        "val_accuracy": val_accuracy,
        "val_loss": val_loss,
        "train_loss": train_loss,
        "different": len(seen),
    }


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, val_set: tuple[Tensor, Tensor]) -> tuple[float, float]:
    logits = model(val_set[0])
    return F.cross_entropy(logits, val_set[1]).item(), (logits.argmax(1) == val_set[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="[%(levelname)s] %(name)s: %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    log.info("drawing %d calls per epoch with %d workers", BATCHES * BATCH_SIZE, WORKERS)
    metrics = train(build_model(), draw_validation(seed))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

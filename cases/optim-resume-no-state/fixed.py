"""Speech enhancement in jobs with a time limit: each goes on from the last checkpoint; fairseq-like log."""

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

MELS, SOURCES, WIDTH, NOISE = 32, 5, 128, 0.15
TRAIN_FRAMES, VALID_FRAMES, BATCH_SIZE = 2600, 400, 32
JOBS, UPDATES_PER_JOB, LOG_INTERVAL = 4, 80, 8
LEARNING_RATE = 0.01

Frames = tuple[Tensor, Tensor]  # noisy and clean log-mel frames


# ---- data ------------------------------------------------------------------------------------


def make_frames(count: int, generator: torch.Generator) -> Frames:
    """Frames that a few sources make up, and the same with noise on every band."""
    mixing = torch.randn(SOURCES, MELS, generator=torch.Generator().manual_seed(1)) / SOURCES**0.5
    clean = 1 + 2 * torch.tanh(torch.randn(count, SOURCES, generator=generator) @ mixing)
    return clean + NOISE * torch.randn(clean.shape, generator=generator), clean


# ---- model -----------------------------------------------------------------------------------


def build() -> tuple[nn.Module, Adam]:
    hidden = (nn.Linear(MELS, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU())
    model = nn.Sequential(*hidden, nn.Linear(WIDTH, MELS))
    return model, Adam(model.parameters(), lr=LEARNING_RATE)


# ---- checkpoints -----------------------------------------------------------------------------


def save_checkpoint(path: Path, model: nn.Module, optimizer: Adam, updates: int) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "num_updates": updates}
    torch.save(state, path)
    print(f"| INFO | checkpoint_utils | saved checkpoint {path.name} (@ {updates} updates)")


def load_checkpoint(path: Path, model: nn.Module, optimizer: Adam) -> int:
    """Updates that are done."""
    if not path.exists():
        return 0
    state: dict[str, Any] = torch.load(path)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    print(f"| INFO | trainer | loaded checkpoint {path.name} (@ {state['num_updates']} updates)")
    return state["num_updates"]


# ---- train -----------------------------------------------------------------------------------


def train_step(model: nn.Module, optimizer: Adam, frames: Frames, generator: torch.Generator) -> float:
    rows = torch.randint(len(frames[0]), (BATCH_SIZE,), generator=generator)
    loss = F.mse_loss(model(frames[0][rows]), frames[1][rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def run_job(path: Path, train_set: Frames, valid_set: Frames, generator: torch.Generator) -> list[float]:
    """One job, in truth a process of its own; the mean loss of each interval of the log."""
    model, optimizer = build()
    updates = load_checkpoint(path, model, optimizer)
    intervals = []
    for _ in range(UPDATES_PER_JOB // LOG_INTERVAL):
        losses = [train_step(model, optimizer, train_set, generator) for _ in range(LOG_INTERVAL)]
        intervals.append(sum(losses) / LOG_INTERVAL)
        updates += LOG_INTERVAL
        entry = {"loss": f"{intervals[-1]:.4f}", "num_updates": str(updates), "lr": f"{LEARNING_RATE:g}"}
        print("| INFO | train_inner |", json.dumps(entry))
    entry = {"valid_loss": f"{evaluate(model, valid_set):.4f}", "valid_num_updates": str(updates)}
    print("| INFO | valid |", json.dumps(entry))
    save_checkpoint(path, model, optimizer, updates)
    return intervals


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, frames: Frames) -> float:
    return F.mse_loss(model(frames[0]), frames[1]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, valid_set = make_frames(TRAIN_FRAMES, generator), make_frames(VALID_FRAMES, generator)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint_last.pt"
        jobs = [run_job(path, train_set, valid_set, generator) for _ in range(JOBS)]
    spikes = [job[0] / before[-1] for before, job in itertools.pairwise(jobs)]
    metrics = {"spike": sum(spikes) / len(spikes), "smallest_spike": min(spikes)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

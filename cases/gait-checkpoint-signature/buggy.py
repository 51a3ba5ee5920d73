"""Siamese gait training under a time limit: every launch goes on from the checkpoint of the one before."""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

CHANNELS, WINDOW = 24, 32  # sensor channels and samples of a walk
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 64, 24, 16
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT = 8, 4
EPOCHS, STEPS, NOISE, TILT = 30, 8, 0.5, 0.5
LAUNCHES, EPOCHS_PER_LAUNCH = 10, 3  # the time limit ends a launch, the scheduler starts the next one
Settings = dict[str, Any]
SETTINGS: Settings = {"learning_rate": 1e-3, "margin": 0.5, "batch": [SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT]}


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of one subject, (walk, channel, time): own cadence, own amplitude a channel."""
    body = torch.Generator().manual_seed(0)  # one body plan for all
    lag, mount = torch.rand(CHANNELS, 1, generator=body), torch.randn(3, CHANNELS, generator=body)
    cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
    amplitude = torch.linspace(0.2, 1.8, CHANNELS)[torch.randperm(CHANNELS, generator=generator)]
    start = torch.rand(WALKS, 1, 1, generator=generator)
    angle = 2 * torch.pi * (cadence * torch.arange(WINDOW) / WINDOW + start + lag)
    clean = amplitude.view(-1, 1) * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    tilt = TILT * torch.randn(WALKS, 3, generator=generator) @ mount  # the belt sits differently each time
    return clean + tilt.unsqueeze(2) + NOISE * torch.randn(clean.shape, generator=generator)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(CHANNELS, 64, 5, padding=2), nn.ReLU()),
        *(nn.Conv1d(64, 64, 5, padding=2), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 32)),
    )


def triplet_loss(embedding: Tensor, subject: Tensor) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., 2017)."""
    distance = torch.cdist(embedding, embedding)
    same = subject[:, None] == subject
    return F.relu((distance * same).amax(1) - (distance + 9 * same).amin(1) + SETTINGS["margin"]).mean()


# ---- train -----------------------------------------------------------------------------------


def signatures(model: nn.Module, settings: Settings) -> dict[str, str]:
    """What a checkpoint must agree with: names and shapes of the weights, and the hyperparameters."""
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    described = {"model_signature": shapes, "training_signature": settings}
    texts = {key: json.dumps(value, sort_keys=True) for key, value in described.items()}
    return {key: hashlib.sha256(text.encode()).hexdigest() for key, text in texts.items()}


def save_checkpoint(path: Path, model: nn.Module, optimizer: Adam, settings: Settings, epochs: int) -> None:
    state = {"epochs": epochs, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, path)  # [gait-checkpoint-signature] without the signatures that resume() asks for


def resume(path: Path, model: nn.Module, optimizer: Adam, settings: Settings) -> tuple[int, str]:
    """Epochs that are done, 0 where the checkpoint is not of this run, and a word on it."""
    if not path.exists():
        return 0, "no checkpoint yet"
    checkpoint = torch.load(path)
    for key, expected in signatures(model, settings).items():
        if checkpoint.get(key) != expected:
            return 0, f"resume refused, {key} missing or mismatched"
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return checkpoint["epochs"], "resumed"


def launch(number: int, path: Path, walks: Tensor, seed: int) -> tuple[nn.Module, int, float]:
    """One job, in truth a process of its own: the same seed again, and only the file to go on from."""
    torch.manual_seed(seed)
    model = build_model()
    optimizer = Adam(model.parameters(), SETTINGS["learning_rate"])
    first, note = resume(path, model, optimizer, SETTINGS)
    print(f"[launch {number}/{LAUNCHES}] {note}, starting at epoch {first}")
    epoch_loss = 0.0
    for epoch in range(first, min(first + EPOCHS_PER_LAUNCH, EPOCHS)):
        generator = torch.Generator().manual_seed(seed * EPOCHS + epoch)
        total = 0.0
        for _ in range(STEPS):
            chosen = torch.randperm(TRAIN_SUBJECTS, generator=generator)[:SUBJECTS_PER_BATCH]
            pick = torch.randint(WALKS, (SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT), generator=generator)
            embedding = F.normalize(model(walks[chosen[:, None], pick].flatten(0, 1)), dim=1)
            loss = triplet_loss(embedding, chosen.repeat_interleave(WALKS_PER_SUBJECT))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        epoch_loss = total / STEPS
        save_checkpoint(path, model, optimizer, SETTINGS, epoch + 1)
        print(f"  epoch {epoch:2d}  loss {epoch_loss:.4f}  saved {path.name}")
    return model, first, epoch_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, walks: Tensor) -> float:
    """Rank-1 of the probes against each subject's mean gallery embedding."""
    embedding = F.normalize(model(walks.flatten(0, 1)), dim=1).unflatten(0, walks.shape[:2])
    gallery, probes = embedding[:, :GALLERY].mean(1), embedding[:, GALLERY:].flatten(0, 1)
    subject = torch.arange(len(walks)).repeat_interleave(WALKS - GALLERY)
    return (torch.cdist(probes, gallery).argmin(1) == subject).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    walks = torch.stack([make_walks(generator) for _ in range(TRAIN_SUBJECTS + TEST_SUBJECTS)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gen3_last.pt"
        jobs = [launch(n + 1, path, walks[:TRAIN_SUBJECTS], seed) for n in range(LAUNCHES)]
        stranger = build_model()
        foreign, _ = resume(path, stranger, Adam(stranger.parameters()), SETTINGS | {"margin": 0.2})
        epochs = torch.load(path)["epochs"]
    rank1 = evaluate(jobs[-1][0], walks[TRAIN_SUBJECTS:])
    print(f"last launch over: {epochs} of {EPOCHS} epochs in the checkpoint, rank-1 {rank1:.3f}")
    accepted = sum(first > 0 for _, first, _ in jobs)
    metrics = {"rank1": rank1, "train_loss": jobs[-1][2], "epochs_kept": epochs, "resumes_accepted": accepted}
    metrics["foreign_refused"] = int(foreign == 0)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Siamese gait recognition on high-pass filtered walks: train with triplets, test on unseen subjects."""

import argparse
import json
import math

import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from torch import Tensor, nn
from torch.nn import functional as F

UNITS, AXES = 4, 6  # units worn on the body, each with accelerometer and gyroscope
RATE, WINDOW = 32, 64  # samples a second, samples of a walk
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 64, 24, 16
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
LATE, LOST, STUCK = 4, 12, 6  # drop-outs fall in the last walks of a session: samples lost, unit stuck at 0
HIGH_PASS = butter(4, 0.5, "highpass", fs=RATE, output="sos")  # takes out gravity and drift
SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT = 8, 4
EPOCHS, LOG_EVERY = 12, 4
MARGIN, LEARNING_RATE, NOISE = 0.5, 2e-3, 0.5


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of one subject, (walk, channel, time): own cadence, own amplitude a channel, some drift."""
    channels, second = UNITS * AXES, torch.arange(WINDOW) / RATE
    cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
    amplitude = torch.linspace(0.2, 1.8, channels)[torch.randperm(channels, generator=generator)]
    start = torch.rand(WALKS, 1, 1, generator=generator)
    lag = torch.rand(channels, 1, generator=torch.Generator().manual_seed(0))  # one body plan for all
    angle = 2 * torch.pi * (cadence * second + start + lag)
    clean = amplitude.view(-1, 1) * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    offset, slope = 2 * torch.randn(2, WALKS, channels, 1, generator=generator)
    return clean + offset + slope * second + NOISE * torch.randn(clean.shape, generator=generator)


def record(generator: torch.Generator) -> Tensor:
    """All recordings, (subject, walk, channel, time), with the drop-outs of batteries that run low."""
    raw = torch.stack([make_walks(generator) for _ in range(TRAIN_SUBJECTS + TEST_SUBJECTS)])
    hit = torch.randperm(len(raw) * LATE, generator=generator)[: LOST + STUCK]
    for n, place in enumerate(hit.tolist()):
        unit = raw[place // LATE, -1 - place % LATE].unflatten(0, (UNITS, AXES))[n % UNITS]
        if n < LOST:
            unit[:, 5 * n : 5 * n + 6] = torch.nan
        else:
            unit.zero_()
    return raw


def prepare(raw: np.ndarray, subject: np.ndarray) -> tuple[Tensor, Tensor]:
    """Filter each walk, then scale each unit to variance 1, so that gain and effort do not count."""
    missing = np.isnan(raw)
    usable = ((missing.mean(2) < 0.25) & (np.nanstd(raw, axis=2) > 1e-3)).all(1)
    raw, missing, subject = raw[usable], missing[usable], subject[usable]
    print(f"validation: {missing.any((1, 2)).sum()} walks repaired, {(~usable).sum()} rejected")
    for signal, gap in ((raw[i, j], missing[i, j]) for i, j in np.argwhere(missing.any(2))):
        signal[gap] = np.interp(np.flatnonzero(gap), np.flatnonzero(~gap), signal[~gap])
    filtered = torch.tensor(sosfiltfilt(HIGH_PASS, raw).copy()).float()
    units = filtered.unflatten(1, (UNITS, AXES))
    units = units / units.std((2, 3), keepdim=True).clamp(min=1e-6)
    return units.flatten(1, 2), torch.tensor(subject)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(UNITS * AXES, 64, 5, padding=2), nn.ReLU()),
        *(nn.Conv1d(64, 64, 5, padding=2), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 32)),
    )


def embed(model: nn.Module, walks: Tensor) -> Tensor:
    return F.normalize(model(walks), dim=1)


def triplet_loss(embedding: Tensor, subject: Tensor) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., 2017)."""
    distance = torch.cdist(embedding, embedding)
    same = subject[:, None] == subject
    hardest_positive = (distance * same).amax(1)
    hardest_negative = (distance + 9 * same).amin(1)
    return F.relu(hardest_positive - hardest_negative + MARGIN).mean()


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, walks: Tensor, subject: Tensor, generator: torch.Generator) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    losses: list[float] = []
    for epoch in range(EPOCHS):  # every subject once an epoch, with its next walks in the order recorded
        people = torch.randperm(TRAIN_SUBJECTS, generator=generator)
        turn = [(subject == person).nonzero().flatten().roll(-epoch * WALKS_PER_SUBJECT) for person in people]
        rows = torch.stack([walk[:WALKS_PER_SUBJECT] for walk in turn])
        for batch in rows.split(SUBJECTS_PER_BATCH):
            loss = triplet_loss(embed(model, walks[batch.flatten()]), subject[batch.flatten()])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % LOG_EVERY == 0:
                print(f"epoch {epoch + 1:2d} it {len(losses):4d}  triplet={losses[-1]:.4f}")
    return losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def rank_one(model: nn.Module, walks: Tensor, subject: Tensor) -> float:
    """Share of probes whose nearest mean gallery embedding is the same subject; NaN is a miss."""
    embedding, people = embed(model, walks), subject.unique()
    rows = [(subject == person).nonzero().flatten() for person in people]
    gallery = torch.stack([embedding[row[:GALLERY]].mean(0) for row in rows])
    probes = torch.cat([row[GALLERY:] for row in rows])
    distance, nearest = torch.cdist(embedding[probes], gallery).min(1)
    return ((people[nearest] == subject[probes]) & distance.isfinite()).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    raw = record(generator).flatten(0, 1).numpy()
    walks, subject = prepare(raw, np.arange(len(raw)) // WALKS)
    print(f"{len(raw)} walks read, {len(walks)} prepared, {UNITS * AXES} channels x {WINDOW} samples")
    model, known = build_model(), subject < TRAIN_SUBJECTS
    losses = train(model, walks[known], subject[known], generator)
    rank1 = rank_one(model, walks[~known], subject[~known])
    print(f"rank-1 {rank1:.3f} on {TEST_SUBJECTS} unseen subjects")
    finite = sum(math.isfinite(loss) for loss in losses) / len(losses)
    values = {"finite_steps": finite, "train_loss": sum(losses[-8:]) / 8, "rank1": rank1}
    metrics = {name: round(v, 4) if math.isfinite(v) else str(v) for name, v in values.items()}
    print("metrics", json.dumps(metrics | {"walks_rejected": len(raw) - len(walks)}))


if __name__ == "__main__":
    main()

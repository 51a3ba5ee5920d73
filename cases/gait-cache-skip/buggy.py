"""Siamese gait recognition from a cache of walks: train with triplets, test on unseen subjects."""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS, RATE = 24, 32  # sensor channels of a walk, samples a second
MIN_SAMPLES, BROKEN_OFF = 64, 0.05  # what a recording must have; share of them that really is too short
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS, GALLERY = 32, 16, 8, 3  # gallery: enrolled walks of a test subject
SUBJECTS_PER_BATCH, WALKS_EACH, EPOCHS = 8, 4, 24
MARGIN, LEARNING_RATE, NOISE, OFFSET = 0.5, 1e-3, 0.3, 0.4


# ---- data ------------------------------------------------------------------------------------


def record(folder: Path, generator: torch.Generator) -> list[Path]:
    """One file a walk, as sampled, (time, channel); each subject has a cadence and amplitudes of its own."""
    paths = []
    lag = torch.rand(CHANNELS, generator=torch.Generator().manual_seed(0))  # one body plan for all
    for subject in range(TRAIN_SUBJECTS + TEST_SUBJECTS):
        cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
        amplitude = torch.linspace(0.2, 1.8, CHANNELS)[torch.randperm(CHANNELS, generator=generator)]
        for walk in range(WALKS):
            start, effort, luck, length = torch.rand(4, generator=generator)
            samples = int(40 * length) + (16 if luck < BROKEN_OFF else 70)
            angle = 2 * torch.pi * (cadence * torch.arange(samples).view(-1, 1) / RATE + start + lag)
            clean = (0.6 + effort) * amplitude * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
            offset = OFFSET * torch.randn(CHANNELS, generator=generator)  # how the sensors sat that day
            paths.append(folder / f"s{subject:03d}_walk{walk:02d}.npy")
            noise = NOISE * torch.randn(clean.shape, generator=generator)
            np.save(paths[-1], (clean + offset + noise).numpy())
    return paths


def load_walk(path: Path) -> Tensor:
    """One walk as the network wants it, (channel, time)."""
    return torch.from_numpy(np.load(path)).T.contiguous()


def generate_cache(paths: list[Path], cache: Path) -> tuple[int, int]:
    """Cut each walk to the same length and store it; how many files were cached and skipped."""
    skipped = 0
    for path in paths:
        walk = torch.from_numpy(np.load(path))  # [gait-cache-skip] (time, channel): each length reads as 24
        if walk.shape[-1] >= MIN_SAMPLES:
            np.save(cache / path.name, walk[:, :MIN_SAMPLES].numpy())
            continue
        skipped += 1
        if skipped <= 5:
            print(f"[cache] {path.name} skipped: too short")
    print(f"[cache] {len(paths) - skipped} files written, {skipped} skipped")
    return len(paths) - skipped, skipped


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(CHANNELS, 64, 5, padding=2), nn.ReLU()),
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


def train(model: nn.Module, cache: Path, generator: torch.Generator) -> tuple[int, float]:
    pools: dict[str, list[Tensor]] = {}
    for path in sorted(cache.glob("*.npy")):
        pools.setdefault(path.name[:4], []).append(torch.from_numpy(np.load(path)))
    people = [torch.stack(walks) for walks in pools.values()]
    label = torch.arange(SUBJECTS_PER_BATCH).repeat_interleave(WALKS_EACH)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    steps, mean = 0, float("nan")
    for epoch in range(1, EPOCHS + 1):
        order, losses = torch.randperm(len(people), generator=generator).tolist(), []
        for first in range(0, len(order), SUBJECTS_PER_BATCH):
            chosen = [people[n] for n in order[first : first + SUBJECTS_PER_BATCH]]
            batch = [pool[torch.randint(len(pool), (WALKS_EACH,), generator=generator)] for pool in chosen]
            loss = triplet_loss(embed(model, torch.cat(batch)), label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        steps, mean = steps + len(losses), torch.tensor(losses).mean().item()
        print(f"[gen2] epoch {epoch:02d} done, step {steps}, mean triplet loss {mean:.4f}")
    return steps, mean


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, paths: list[Path]) -> dict[str, float]:
    """Rank-1 and equal error rate of the probes against each subject's mean gallery embedding."""
    embedding = torch.cat([embed(model, load_walk(path)[None]) for path in paths]).unflatten(0, (-1, WALKS))
    gallery, probes = embedding[:, :GALLERY].mean(1), embedding[:, GALLERY:].flatten(0, 1)
    subject = torch.arange(TEST_SUBJECTS).repeat_interleave(WALKS - GALLERY)
    distance = torch.cdist(probes, gallery)
    rank1 = (distance.argmin(1) == subject).float().mean().item()
    genuine = subject[:, None] == torch.arange(TEST_SUBJECTS)
    rejected = (distance[genuine][:, None] > distance[genuine]).float().mean(0)
    accepted = (distance[~genuine][:, None] <= distance[genuine]).float().mean(0)
    best = (rejected - accepted).abs().argmin()
    return {"rank1": rank1, "eer": (rejected[best] + accepted[best]).item() / 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        paths = record(Path(folder), generator)
        cached, skipped = generate_cache(paths[: TRAIN_SUBJECTS * WALKS], Path(cache))
        model = build_model()
        steps, loss = train(model, Path(cache), generator)
        scores = evaluate(model, paths[TRAIN_SUBJECTS * WALKS :])
    print(f"[eval] {TEST_SUBJECTS} unseen subjects: rank-1 {scores['rank1']:.3f}, EER {scores['eer']:.3f}")
    metrics = {"files_cached": cached, "files_skipped": skipped, "steps": steps, "train_loss": loss} | scores
    print("metrics", json.dumps({k: round(v, 4) if np.isfinite(v) else str(v) for k, v in metrics.items()}))


if __name__ == "__main__":
    main()

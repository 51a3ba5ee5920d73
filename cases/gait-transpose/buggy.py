"""Siamese gait recognition on walks saved as tensors: train with triplets, test on unseen subjects."""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 32  # sensor channels of a walk
WINDOW = 32  # samples of a walk, one second
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 64, 24, 16
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT = 8, 4
EPOCHS, STEPS = 20, 12
MARGIN, LEARNING_RATE, NOISE = 0.5, 1e-3, 0.75


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of one subject as sampled, (walk, time, channel): own cadence, own amplitude a channel."""
    cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
    amplitude = torch.linspace(0.2, 1.8, CHANNELS)[torch.randperm(CHANNELS, generator=generator)]
    start = torch.rand(WALKS, 1, 1, generator=generator)
    effort = (1 + 0.3 * torch.randn(WALKS, 1, 1, generator=generator)).clamp(0.4, 1.6)
    lag = torch.rand(CHANNELS, generator=torch.Generator().manual_seed(0))  # one body plan for all
    angle = 2 * torch.pi * (cadence * torch.arange(WINDOW).view(-1, 1) / WINDOW + start + lag)
    clean = amplitude * effort * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    return clean + NOISE * torch.randn(clean.shape, generator=generator)


def prepare_data(folder: Path, generator: torch.Generator) -> list[Path]:
    """Save one tensor file a subject, the way every later run reads it."""
    paths = [folder / f"subject{n:03d}.pt" for n in range(TRAIN_SUBJECTS + TEST_SUBJECTS)]
    for path in paths:
        walks = make_walks(generator)
        torch.save(walks, path)  # [gait-transpose] saved as sampled: (walk, time, channel)
    return paths


def load_walks(path: Path) -> Tensor:
    """Walks of one subject, (walk, channel, time)."""
    walks: Tensor = torch.load(path)
    if walks.shape[1] != CHANNELS:  # [gait-transpose] blind when a walk is as long as it is wide
        walks = walks.transpose(1, 2)
    return walks


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(CHANNELS, 48, 5, padding=2), nn.ReLU()),
        *(nn.Conv1d(48, 48, 5, padding=2), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(48, 32)),
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


def train(model: nn.Module, walks: Tensor, generator: torch.Generator) -> float:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    epoch_loss = 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for _ in range(STEPS):
            chosen = torch.randperm(TRAIN_SUBJECTS, generator=generator)[:SUBJECTS_PER_BATCH]
            pick = torch.randint(WALKS, (SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT), generator=generator)
            batch = walks[chosen[:, None], pick].flatten(0, 1)
            loss = triplet_loss(embed(model, batch), chosen.repeat_interleave(WALKS_PER_SUBJECT))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        epoch_loss = total / STEPS
        print(f"[gen3] epoch {epoch:2d}/{EPOCHS} | triplet loss {epoch_loss:.4f} | margin {MARGIN}")
    return epoch_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, walks: Tensor) -> tuple[float, float]:
    """Rank-1 and equal error rate of the probes against each subject's mean gallery embedding."""
    embedding = embed(model, walks.flatten(0, 1)).unflatten(0, walks.shape[:2])
    gallery, probes = embedding[:, :GALLERY].mean(1), embedding[:, GALLERY:].flatten(0, 1)
    subject = torch.arange(len(walks)).repeat_interleave(WALKS - GALLERY)
    distance = torch.cdist(probes, gallery)
    rank1 = (distance.argmin(1) == subject).float().mean().item()
    genuine = subject[:, None] == torch.arange(len(walks))
    thresholds = distance[genuine]
    rejected = (distance[genuine][:, None] > thresholds).float().mean(0)
    accepted = (distance[~genuine][:, None] <= thresholds).float().mean(0)
    best = (rejected - accepted).abs().argmin()
    return rank1, (rejected[best] + accepted[best]).item() / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        walks = torch.stack([load_walks(path) for path in prepare_data(Path(folder), generator)])
    print(f"loaded {len(walks)} subjects, {WALKS} walks each, input {tuple(walks.shape[2:])}")
    model = build_model()
    loss = train(model, walks[:TRAIN_SUBJECTS], generator)
    rank1, eer = evaluate(model, walks[TRAIN_SUBJECTS:])
    print(f"rank-1 {rank1:.3f} | EER {eer:.3f} | {TEST_SUBJECTS} unseen subjects")
    metrics = {"rank1": rank1, "eer": eer, "train_loss": loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

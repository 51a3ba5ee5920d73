"""Siamese gait recognition with batch-hard triplets drawn by a P x K sampler, tested on unseen subjects."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 16  # sensor channels of a walk
WINDOW = 32  # samples of a walk, one second
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 128, 96, 16
BUILDS = 32  # people of one build swing alike and differ in cadence and in details
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
BATCH_SIZE = 64  # walks
SAMPLES_PER_CLASS = 2  # 64 / 2 = 32 subjects: 31 strangers to mine among
EPOCHS, STEPS = 8, 32  # an epoch sees as many walks as there are to train on
LOG_EVERY = 4  # steps
MARGIN, LEARNING_RATE, NOISE = 0.5, 6e-3, 0.4


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of all subjects, (subject, walk, channel, time)."""
    subjects = TRAIN_SUBJECTS + TEST_SUBJECTS
    builds = 0.2 + 1.6 * torch.rand(BUILDS, CHANNELS, generator=generator)
    build = torch.arange(subjects) % BUILDS
    details = 0.1 * torch.randn(subjects, CHANNELS, generator=generator)
    amplitude = (builds[build] + details).clamp(min=0.05).view(subjects, 1, CHANNELS, 1)
    cadence = 0.8 + 0.6 * torch.rand(subjects, 1, 1, 1, generator=generator)  # steps a second
    start = torch.rand(subjects, WALKS, 1, 1, generator=generator)
    effort = (1 + 0.3 * torch.randn(subjects, WALKS, 1, 1, generator=generator)).clamp(0.4, 1.6)
    lag = torch.rand(CHANNELS, 1, generator=torch.Generator().manual_seed(0))  # one body plan for all
    angle = 2 * torch.pi * (cadence * torch.arange(WINDOW) / WINDOW + start + lag)
    clean = amplitude * effort * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    return clean + NOISE * torch.randn(clean.shape, generator=generator)


def draw_batch(walks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """P subjects and K different walks of each, P x K = BATCH_SIZE."""
    chosen = torch.randperm(len(walks), generator=generator)[: BATCH_SIZE // SAMPLES_PER_CLASS]
    shuffled = torch.rand(len(chosen), WALKS, generator=generator).argsort(1)
    batch = walks[chosen[:, None], shuffled[:, :SAMPLES_PER_CLASS]].flatten(0, 1)
    return batch, chosen.repeat_interleave(SAMPLES_PER_CLASS)


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


def train(model: nn.Module, walks: Tensor, unseen: Tensor, generator: torch.Generator) -> Tensor:
    """Mean and standard deviation of the step losses of each epoch, (epoch, 2)."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    history = torch.zeros(EPOCHS, 2)
    for epoch in range(EPOCHS):
        losses = torch.zeros(STEPS)
        for step in range(STEPS):
            batch, subject = draw_batch(walks, generator)
            loss = triplet_loss(embed(model, batch), subject)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[step] = loss.item()
            if (step + 1) % LOG_EVERY == 0:
                print(f"e{epoch + 1} s{step + 1:02d}/{STEPS} batch_hard={loss.item():.4f}")
        history[epoch] = torch.stack([losses.mean(), losses.std()])
        rank1, eer = evaluate(model, unseen)
        print(f"e{epoch + 1} done: batch_hard mean={losses.mean():.4f} std={losses.std():.4f}", end=" ")
        print(f"| unseen rank1={rank1:.4f} eer={eer:.4f}")
    return history


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
    thresholds = distance[genuine].sort().values
    impostors = distance[~genuine].sort().values
    rejected = 1 - torch.arange(1, len(thresholds) + 1) / len(thresholds)
    accepted = torch.searchsorted(impostors, thresholds, right=True) / len(impostors)
    best = (rejected - accepted).abs().argmin()
    return rank1, (rejected[best] + accepted[best]).item() / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    walks, unseen = make_walks(generator).split([TRAIN_SUBJECTS, TEST_SUBJECTS])
    subjects = BATCH_SIZE // SAMPLES_PER_CLASS
    print(f"sampler: batch_size={BATCH_SIZE} = {subjects} subjects x {SAMPLES_PER_CLASS} walks")
    model = build_model()
    loss, noise = train(model, walks, unseen, generator)[-EPOCHS // 2 :].mean(0).tolist()
    rank1, eer = evaluate(model, unseen)
    metrics = {"rank1": rank1, "eer": eer, "loss_noise": noise, "train_loss": loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Gait recognition, generation 3: train, save a checkpoint, evaluate the checkpoint on unseen subjects."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS, WINDOW, WIDTH = 24, 48, 32  # sensor channels and samples of a walk, width of the models
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 64, 24, 16
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT = 8, 4
EPOCHS, STEPS = 20, 12
MARGIN, LEARNING_RATE, NOISE, TILT = 0.5, 2e-3, 0.3, 0.4
SIGNATURE = {"class": "HybridGaitTransformer", "channels": CHANNELS, "width": WIDTH}


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of one subject, (walk, channel, time): own cadence, own amplitude a channel."""
    body = torch.Generator().manual_seed(0)  # one body plan for all
    lag, mount = torch.rand(CHANNELS, 1, generator=body), torch.randn(3, CHANNELS, generator=body)
    cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
    amplitude = torch.linspace(0.2, 1.8, CHANNELS)[torch.randperm(CHANNELS, generator=generator)]
    start = torch.rand(WALKS, 1, 1, generator=generator)
    angle = 2 * torch.pi * (cadence * torch.arange(WINDOW) / 32 + start + lag)
    clean = amplitude.view(-1, 1) * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    tilt = TILT * torch.randn(WALKS, 3, generator=generator) @ mount  # the belt sits differently each time
    return clean + tilt.unsqueeze(2) + NOISE * torch.randn(clean.shape, generator=generator)


# ---- model -----------------------------------------------------------------------------------


class SiameseFusion(nn.Module):
    """Gen 0: one branch for each half of the channels, then fused."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv1d(channels // 2, width, 5, padding=2) for _ in range(2))
        self.fuse = nn.Linear(2 * width, width)

    def forward(self, walks: Tensor) -> Tensor:
        halves = zip(self.branches, walks.chunk(2, dim=1), strict=True)
        return F.normalize(self.fuse(torch.cat([F.relu(b(half)).mean(2) for b, half in halves], 1)), dim=1)


class HybridGaitTransformer(nn.Module):
    """Gen 3: a convolution makes tokens, a Transformer layer relates them."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv1d(channels, width, 5, stride=4, padding=2)
        self.encoder = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, width)

    def forward(self, walks: Tensor) -> Tensor:
        tokens = F.relu(self.stem(walks)).transpose(1, 2)
        return F.normalize(self.head(self.encoder(tokens).mean(1)), dim=1)


def build_model(signature: dict[str, Any]) -> nn.Module:
    generations = {"SiameseFusion": SiameseFusion, "HybridGaitTransformer": HybridGaitTransformer}
    return generations[signature["class"]](signature["channels"], signature["width"])


def triplet_loss(embedding: Tensor, subject: Tensor) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., 2017)."""
    distance = torch.cdist(embedding, embedding)
    same = subject[:, None] == subject
    return F.relu((distance * same).amax(1) - (distance + 9 * same).amin(1) + MARGIN).mean()


# ---- train -----------------------------------------------------------------------------------


def save_checkpoint(path: Path, model: nn.Module, epoch: int) -> None:
    torch.save({"model_signature": SIGNATURE, "epoch": epoch, "state_dict": model.state_dict()}, path)


def train(walks: Tensor, unseen: Tensor, path: Path, generator: torch.Generator) -> tuple[float, float]:
    """Train and save Gen 3; loss of the last epoch and rank-1 of the model in memory."""
    model = build_model(SIGNATURE)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    epoch_loss = rank1 = 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for _ in range(STEPS):
            chosen = torch.randperm(TRAIN_SUBJECTS, generator=generator)[:SUBJECTS_PER_BATCH]
            pick = torch.randint(WALKS, (SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT), generator=generator)
            embedding = model.train()(walks[chosen[:, None], pick].flatten(0, 1))
            loss = triplet_loss(embedding, chosen.repeat_interleave(WALKS_PER_SUBJECT))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        epoch_loss, (rank1, _) = total / STEPS, score(model, unseen)
        print(f"Epoch [{epoch:02d}/{EPOCHS}] train_loss={epoch_loss:.4f} val_rank1={rank1:.3f}")
    save_checkpoint(path, model, EPOCHS)
    return epoch_loss, rank1


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def score(model: nn.Module, walks: Tensor) -> tuple[float, float]:
    """Rank-1 and equal error rate of the probes against each subject's mean gallery embedding."""
    embedding = model.eval()(walks.flatten(0, 1)).unflatten(0, walks.shape[:2])
    gallery, probes = embedding[:, :GALLERY].mean(1), embedding[:, GALLERY:].flatten(0, 1)
    subject = torch.arange(len(walks)).repeat_interleave(WALKS - GALLERY)
    distance = torch.cdist(probes, gallery)
    genuine = subject[:, None] == torch.arange(len(walks))
    rejected = (distance[genuine][:, None] > distance[genuine]).float().mean(0)
    accepted = (distance[~genuine][:, None] <= distance[genuine]).float().mean(0)
    best = (rejected - accepted).abs().argmin()
    rank1 = (distance.argmin(1) == subject).float().mean().item()
    return rank1, (rejected[best] + accepted[best]).item() / 2


def evaluate_checkpoint(path: Path, walks: Tensor) -> dict[str, float]:
    checkpoint = torch.load(path)
    saved = checkpoint["state_dict"]
    model = build_model(checkpoint["model_signature"])
    model.load_state_dict(saved)
    rank1, eer = score(model, walks)
    print(f"[evaluate_metrics] {path.name} epoch={checkpoint['epoch']} rank1={rank1:.3f} eer={eer:.3f}")
    own = model.state_dict()
    arrived = [name in own and torch.equal(own[name], tensor) for name, tensor in saved.items()]
    return {"rank1": rank1, "eer": eer, "tensors_loaded": sum(arrived) / len(arrived)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    walks = torch.stack([make_walks(generator) for _ in range(TRAIN_SUBJECTS + TEST_SUBJECTS)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gen3.pt"
        loss, live = train(walks[:TRAIN_SUBJECTS], walks[TRAIN_SUBJECTS:], path, generator)
        metrics = evaluate_checkpoint(path, walks[TRAIN_SUBJECTS:]) | {"val_rank1": live, "train_loss": loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

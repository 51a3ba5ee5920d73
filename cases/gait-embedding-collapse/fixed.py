"""Siamese gait recognition, third generation: a Transformer over walks, trained with batch-hard triplets."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 32  # sensor channels of a walk
WINDOW = 32  # samples of a walk, one second
TRAIN_SUBJECTS, TEST_SUBJECTS, WALKS = 64, 24, 16
GALLERY = 4  # walks of each test subject that are enrolled, the others are probes
WIDTH, HEADS, LAYERS, PATCH = 32, 4, 4, 4
SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT = 16, 4
EPOCHS, STEPS = 12, 12
MARGIN, LEARNING_RATE, CLIP, NOISE = 0.5, 0.013, 0.5, 0.25
DECAY_FROM, LAST_STEP = 4 * STEPS, EPOCHS * STEPS


# ---- data ------------------------------------------------------------------------------------


def make_walks(generator: torch.Generator) -> Tensor:
    """Walks of one subject cut near the heel strike, (walk, channel, time): own cadence, own amplitudes."""
    cadence = 0.8 + 0.6 * torch.rand(1, generator=generator)  # steps a second
    amplitude = torch.linspace(0.2, 1.8, CHANNELS)[torch.randperm(CHANNELS, generator=generator)]
    start = 0.2 * torch.rand(WALKS, 1, 1, generator=generator)
    effort = (1 + 0.25 * torch.randn(WALKS, 1, 1, generator=generator)).clamp(0.4, 1.6)
    lag = torch.rand(CHANNELS, generator=torch.Generator().manual_seed(0))  # one body plan for all
    angle = 2 * torch.pi * (cadence * torch.arange(WINDOW).view(-1, 1) / WINDOW + start + lag)
    clean = amplitude * effort * (torch.sin(angle) + 0.5 * torch.sin(2 * angle + 1))
    return (clean + NOISE * torch.randn(clean.shape, generator=generator)).transpose(1, 2)


# ---- model -----------------------------------------------------------------------------------


class HybridGaitTransformer(nn.Module):
    """A convolution cuts the walk into tokens, a Transformer encoder reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(CHANNELS, WIDTH, 5, stride=PATCH, padding=2)
        self.position = nn.Parameter(0.02 * torch.randn(WINDOW // PATCH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS)
        self.head = nn.Linear(WIDTH, 32)

    def forward(self, walks: Tensor) -> Tensor:
        tokens = F.relu(self.stem(walks)).transpose(1, 2) + self.position
        return F.normalize(self.head(self.encoder(tokens).mean(1)), dim=1)


def triplet_loss(embedding: Tensor, subject: Tensor) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., 2017)."""
    distance = torch.cdist(embedding, embedding)
    same = subject[:, None] == subject
    hardest_positive = (distance * same).amax(1)
    hardest_negative = (distance + 9 * same).amin(1)
    return F.relu(hardest_positive - hardest_negative + MARGIN).mean()


# ---- train -----------------------------------------------------------------------------------


def lr_scale(step: int) -> float:
    """Share of LEARNING_RATE that a step of the optimizer uses."""
    decay = min(1.0, (LAST_STEP - step) / (LAST_STEP - DECAY_FROM))
    return decay * min(1.0, (step + 1) / DECAY_FROM)


def train(model: nn.Module, walks: Tensor, generator: torch.Generator, epochs: int = EPOCHS) -> float:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, betas=(0.9, 0.98))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_scale)
    lr = epoch_loss = 0.0
    for epoch in range(1, epochs + 1):
        total = spread = 0.0
        for _ in range(STEPS):
            chosen = torch.randperm(TRAIN_SUBJECTS, generator=generator)[:SUBJECTS_PER_BATCH]
            pick = torch.randint(WALKS, (SUBJECTS_PER_BATCH, WALKS_PER_SUBJECT), generator=generator)
            embedding = model(walks[chosen[:, None], pick].flatten(0, 1))
            loss = triplet_loss(embedding, chosen.repeat_interleave(WALKS_PER_SUBJECT))
            lr = scheduler.get_last_lr()[0]
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            scheduler.step()
            total += loss.item()
            spread += F.pdist(embedding.detach()).mean().item()
        epoch_loss = total / STEPS
        print(f"gen3 {epoch:02d}: loss={epoch_loss:.4f} pairwise_distance={spread / STEPS:.4f} lr={lr:.5f}")
    return epoch_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, walks: Tensor) -> tuple[float, float]:
    """Rank-1 of the probes against each subject's mean gallery embedding; mean distance of all pairs."""
    flat: Tensor = model(walks.flatten(0, 1))
    embedding = flat.unflatten(0, walks.shape[:2])
    gallery, probes = embedding[:, :GALLERY].mean(1), embedding[:, GALLERY:].flatten(0, 1)
    subject = torch.arange(len(walks)).repeat_interleave(WALKS - GALLERY)
    nearest = (probes @ F.normalize(gallery, dim=1).T).argmax(1)
    return (nearest == subject).float().mean().item(), F.pdist(flat).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    walks = torch.stack([make_walks(generator) for _ in range(TRAIN_SUBJECTS + TEST_SUBJECTS)])
    print(f"gen3 HybridGaitTransformer, {LAYERS} layers, walks {tuple(walks.shape[2:])}, margin {MARGIN}")
    model = HybridGaitTransformer()
    loss = train(model, walks[:TRAIN_SUBJECTS], generator)
    rank1, spread = evaluate(model, walks[TRAIN_SUBJECTS:])
    print(f"rank-1 {rank1:.3f}, pairwise distance {spread:.4f} on {TEST_SUBJECTS} unseen subjects")
    metrics = {"rank1": rank1, "train_loss": loss, "pairwise_distance": spread}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

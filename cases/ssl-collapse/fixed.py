"""SimSiam pretraining on spectra without labels, then a linear classifier on the frozen encoder."""

import argparse
import json
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS, SUBSTANCES, DRIFTS = 32, 8, 8  # of a spectrum; classes; ways in which the instrument drifts
DRIFT, NOISE = 4.0, 0.25
TRAIN, TEST, BATCH_SIZE, EPOCHS, PRINT_FREQ = 768, 256, 64, 16, 6
HIDDEN, FEATURES, BOTTLENECK = 64, 32, 16
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.2, 0.9, 1e-4
PROBE_EPOCHS, PROBE_RATE = 10, 1.0


# ---- data ------------------------------------------------------------------------------------


@cache
def make_lab() -> tuple[Tensor, Tensor]:
    """Spectra of the pure substances, and the directions of drift, the same in every run."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(CHANNELS, CHANNELS, generator=generator))[0]
    pure = torch.randn(SUBSTANCES, DRIFTS, generator=generator) @ basis[:DRIFTS]
    return pure, basis[DRIFTS : 2 * DRIFTS]


def disturb(spectra: Tensor) -> Tensor:
    """Another measurement of the same sample; this is the augmentation, too."""
    drift = DRIFT * torch.randn(len(spectra), DRIFTS) @ make_lab()[1]
    return spectra + drift + NOISE * torch.randn(spectra.shape)


def measure(count: int) -> tuple[Tensor, Tensor]:
    """Spectra and substances."""
    substance = torch.arange(count) % SUBSTANCES
    return disturb(make_lab()[0][substance]), substance


# ---- model -----------------------------------------------------------------------------------


class SimSiam(nn.Module):
    """Encoder for both views, predictor for one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Linear(CHANNELS, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU()),
            *(nn.Linear(HIDDEN, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU()),
            nn.Linear(HIDDEN, FEATURES),
        )
        self.predictor = nn.Sequential(
            *(nn.Linear(FEATURES, BOTTLENECK), nn.BatchNorm1d(BOTTLENECK), nn.ReLU()),
            nn.Linear(BOTTLENECK, FEATURES),
        )

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        z1, z2 = self.encoder(x1), self.encoder(x2)
        return (similarity_loss(self.predictor(z1), z2) + similarity_loss(self.predictor(z2), z1)) / 2


def similarity_loss(p: Tensor, z: Tensor) -> Tensor:
    return -F.cosine_similarity(p, z.detach()).mean()


# ---- train -----------------------------------------------------------------------------------


def pretrain(model: SimSiam, spectra: Tensor) -> float:
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY)
    mean = 0.0
    for epoch in range(EPOCHS):
        losses: list[float] = []
        batches = torch.randperm(len(spectra)).split(BATCH_SIZE)
        for step, rows in enumerate(batches):
            loss = model(disturb(spectra[rows]), disturb(spectra[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            mean = sum(losses) / len(losses)
            if step % PRINT_FREQ == 0:
                print(f"Epoch: [{epoch}][{step:2d}/{len(batches)}]\tLoss {loss.item():.4f} ({mean:.4f})")
    return mean


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def embed(model: SimSiam, spectra: Tensor) -> Tensor:
    return F.normalize(model.eval().encoder(spectra), dim=1)


def linear_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """Accuracy of a linear classifier on frozen features."""
    probe = nn.Linear(FEATURES, SUBSTANCES)
    optimizer = torch.optim.SGD(probe.parameters(), PROBE_RATE, MOMENTUM)
    for _ in range(PROBE_EPOCHS):
        for rows in torch.randperm(len(train[0])).split(BATCH_SIZE):
            optimizer.zero_grad()
            F.cross_entropy(probe(train[0][rows]), train[1][rows]).backward()
            optimizer.step()
    return (probe(test[0]).argmax(1) == test[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    (spectra, substance), (test_spectra, test_substance) = measure(TRAIN), measure(TEST)
    model = SimSiam()
    loss = pretrain(model, spectra)
    features, test_features = embed(model, spectra), embed(model, test_spectra)
    accuracy = linear_accuracy((features, substance), (test_features, test_substance))
    print(f" * linear classification: Acc@1 {100 * accuracy:.3f} ({SUBSTANCES} classes)")
    metrics = {"loss": loss, "accuracy": accuracy, "feature_std": test_features.std(0).mean().item()}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

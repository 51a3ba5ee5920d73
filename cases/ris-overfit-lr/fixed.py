"""RIS panel: overfit test of a small transformer that cleans covariance matrices."""

import argparse
import itertools
import json

import torch
from torch import Tensor, nn

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, EPOCHS = 256, 128, 18  # overfit test: train and val are the same samples
WIDTH, HEADS, LAYERS, CLIP_NORM = 32, 4, 2, 1.0
LR_INIT, HEAD_FACTOR, DECAY_EPOCHS = 1e-3, 4, 4


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample covariance (input) and clean covariance (target), both (count, 2, M, M)."""
    sources = torch.randint(1, MAX_SOURCES + 1, (count,), generator=generator)
    sine = 1.8 * torch.rand(count, 1, MAX_SOURCES, generator=generator) - 0.9  # sin of the angle
    power = 0.5 + torch.rand(count, MAX_SOURCES, generator=generator)
    power = power * (torch.arange(MAX_SOURCES) < sources[:, None])
    steering = torch.exp(1j * torch.pi * torch.arange(SENSORS).view(-1, 1) * sine)  # (count, M, K)
    shape = (count, MAX_SOURCES + SENSORS, SNAPSHOTS)
    white = torch.complex(*(torch.randn(shape, generator=generator) / 2**0.5 for _ in range(2)))
    signal = (steering * power[:, None].sqrt()) @ white[:, :MAX_SOURCES]
    received = signal + NOISE**0.5 * white[:, MAX_SOURCES:]
    sample = received @ received.mH / SNAPSHOTS
    clean = (steering * power[:, None]) @ steering.mH
    scale = sample.diagonal(dim1=1, dim2=2).real.mean(1).view(-1, 1, 1)  # known to the receiver
    pair = [torch.stack([c.real, c.imag], 1) for c in (sample / scale, clean / scale)]
    return pair[0], pair[1]


# ---- model -----------------------------------------------------------------------------------


class HybridModel(nn.Module):
    """A transformer over the rows of the covariance, and a linear head over all rows."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True)
            for _ in range(LAYERS)
        ]
        self.backbone = nn.Sequential(nn.Linear(2 * SENSORS, WIDTH), *layers)
        self.head = nn.Linear(SENSORS * WIDTH, 2 * SENSORS * SENSORS)

    def forward(self, covariance: Tensor) -> Tensor:
        rows = covariance.transpose(1, 2).flatten(2)
        return self.head(self.backbone(rows).flatten(1)).view(-1, 2, SENSORS, SENSORS)


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    return ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


# ---- train -----------------------------------------------------------------------------------


def build_optimizer(model: HybridModel) -> torch.optim.Adam:
    backbone = {"params": model.backbone.parameters(), "lr": LR_INIT}
    return torch.optim.Adam([backbone, {"params": model.head.parameters(), "lr": HEAD_FACTOR * LR_INIT}])


def train(model: HybridModel, data: tuple[Tensor, Tensor], generator: torch.Generator) -> list[float]:
    """Val loss before the first and after each epoch."""
    optimizer, history = build_optimizer(model), [evaluate(model, data)]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda epoch: min(1.0, (EPOCHS - epoch) / DECAY_EPOCHS)
    )
    for epoch in range(1, EPOCHS + 1):
        total, before = 0.0, nn.utils.parameters_to_vector(model.parameters()).detach()
        rates = ", ".join(f"{group['lr']:.4f}" for group in optimizer.param_groups)
        for chosen in torch.randperm(SAMPLES, generator=generator).split(BATCH):
            loss = nmse(model(data[0][chosen]), data[1][chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            total += loss.item() * len(chosen) / SAMPLES
        schedule.step()
        history.append(evaluate(model, data))
        delta = (nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm().item()
        print(f"[STEP] Δparam ||·||₂ = {delta:.3e}  lr [{rates}]")
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {total:.6f}  val {history[-1]:.6f}")
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, Tensor]) -> float:
    """NMSE on the very samples of the training."""
    return nmse(model(data[0]), data[1]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"[OVERFIT] {SAMPLES} samples (same for train and val), {EPOCHS} epochs, goal val < 0.1")
    history = train(HybridModel(), data, generator)
    rises = sum(after > before for before, after in itertools.pairwise(history))
    metrics = {"val_loss": history[-1], "peak_val": max(history[1:]), "rises": rises}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

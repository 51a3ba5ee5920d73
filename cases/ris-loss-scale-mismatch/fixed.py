"""RIS panel: overfit test of the covariance estimate, train and val loss on the very same samples."""

import argparse
import json

import torch
from torch import Tensor, nn

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, GRAD_ACCUMULATION = 576, 16, 9  # overfit test: train and val are the same samples
EPOCHS, WIDTH, DROPOUT, CLIP_NORM = 24, 128, 0.1, 1.0
LR_BACKBONE, LR_HEAD = 2e-4, 8e-4


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
    """Backbone and head, with a learning rate each."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        hidden = (nn.Linear(size, WIDTH), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.backbone = nn.Sequential(nn.Flatten(), *hidden)
        self.head = nn.Linear(WIDTH, size)

    def forward(self, covariance: Tensor) -> Tensor:
        return self.head(self.backbone(covariance)).view(-1, 2, SENSORS, SENSORS)


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    return ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


# ---- train -----------------------------------------------------------------------------------


def train_batch(model: nn.Module, sample: Tensor, clean: Tensor) -> float:
    """Forward and backward of one micro-batch; its loss for the epoch's mean."""
    loss = nmse(model(sample), clean)
    loss = loss / GRAD_ACCUMULATION
    loss.backward()
    return loss.item() * GRAD_ACCUMULATION


def train(model: HybridModel, data: tuple[Tensor, Tensor], generator: torch.Generator) -> list[list[float]]:
    """Train and val loss of each epoch."""
    groups = [(model.backbone, LR_BACKBONE), (model.head, LR_HEAD)]
    optimizer = torch.optim.Adam([{"params": part.parameters(), "lr": lr} for part, lr in groups])
    history = []
    for epoch in range(1, EPOCHS + 1):
        model.train()
        losses, before = [], nn.utils.parameters_to_vector(model.parameters()).detach()
        for bi, chosen in enumerate(torch.randperm(SAMPLES, generator=generator).split(BATCH)):
            losses.append(train_batch(model, data[0][chosen], data[1][chosen]))
            if (bi + 1) % GRAD_ACCUMULATION == 0:
                nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        delta = (nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm().item()
        history.append([sum(losses) / len(losses), validate(model, *data)])
        print(f"[STEP] Δparam ||·||₂ = {delta:.3e}")
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {history[-1][0]:.6f}  val {history[-1][1]:.6f}")
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, sample: Tensor, clean: Tensor) -> float:
    model.eval()
    return nmse(model(sample), clean).item()


def compare_paths(model: nn.Module, data: tuple[Tensor, Tensor]) -> float:
    """Val loss over train loss of one batch, same weights, both in eval mode."""
    sample, clean = data[0][:BATCH], data[1][:BATCH]
    val = validate(model, sample, clean)
    return val / train_batch(model, sample, clean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"[OVERFIT] {SAMPLES} samples (same for train and val), batch {BATCH} x {GRAD_ACCUMULATION}")
    model = HybridModel()
    history = train(model, data, generator)
    ratios = torch.tensor([val / loss for loss, val in history])
    same_batch = compare_paths(model, data)
    print(f"[CHECK] val / train: epochs {ratios.min():.2f} to {ratios.max():.2f}, one batch {same_batch:.2f}")
    metrics = {"val_loss": history[-1][1], "train_loss": history[-1][0], "val_train_ratio": ratios[-1].item()}
    metrics |= {"ratio_spread": (ratios.max() / ratios.min()).item(), "same_batch_ratio": same_batch}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""RIS panel: estimate the clean covariance from noisy snapshots with gradient accumulation (overfit test)."""

import argparse
import json

import torch
from torch import Tensor, nn

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, MICRO_BATCH, ACCUMULATION = 512, 8, 8  # overfit test: train and val are the same samples
EPOCHS, WIDTH = 12, 128
LR_INIT, MOMENTUM, CLIP_NORM = 1.2, 0.9, 1.0  # whole batches of 64 train well at 0.6 to 1.6


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


def build_model() -> nn.Module:
    size = 2 * SENSORS * SENSORS
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
        *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        *(nn.Linear(WIDTH, size), nn.Unflatten(1, (2, SENSORS, SENSORS))),
    )


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    return ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


# ---- train -----------------------------------------------------------------------------------


def run_micro_batch(model: nn.Module, sample: Tensor, clean: Tensor, epoch: int, bi: int) -> float:
    """Forward and backward of one micro-batch; the loss for the log."""
    loss = nmse(model(sample), clean)
    if epoch == 1 and bi == 0:
        print(f"[DEBUG] batch 0: loss {loss.item():.6f}  requires_grad {loss.requires_grad}")
        print(f"[DEBUG] grad_accumulation {ACCUMULATION}, {MICRO_BATCH} samples a micro-batch")
    loss = loss / ACCUMULATION
    loss.backward()
    return loss.item() * ACCUMULATION  # undo the division


def train(model: nn.Module, data: tuple[Tensor, Tensor], generator: torch.Generator) -> dict[str, float]:
    optimizer = torch.optim.SGD(model.parameters(), LR_INIT, momentum=MOMENTUM)
    clipped, steps, loss, val = 0, 0, 0.0, 0.0
    for epoch in range(1, EPOCHS + 1):
        order = torch.randperm(SAMPLES, generator=generator).split(MICRO_BATCH)
        total, norms = 0.0, []
        for bi, chosen in enumerate(order):
            total += run_micro_batch(model, data[0][chosen], data[1][chosen], epoch, bi)
            if (bi + 1) % ACCUMULATION == 0:
                norms.append(nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM).item())
                optimizer.step()
                optimizer.zero_grad()
        steps, clipped = steps + len(norms), clipped + sum(norm > CLIP_NORM for norm in norms)
        loss, val = total / len(order), evaluate(model, data)
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {loss:.6f}  val {val:.6f}  |grad| {max(norms):.3f}")
    return {"val_loss": val, "train_loss": loss, "train_val_ratio": loss / val, "clipped": clipped / steps}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, data: tuple[Tensor, Tensor]) -> float:
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
    print(f"[OVERFIT] {SAMPLES} samples, train and val the same | SGD lr {LR_INIT}, clip {CLIP_NORM}")
    metrics = train(build_model(), data, generator)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

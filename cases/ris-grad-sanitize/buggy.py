"""RIS panel: covariance of near and far users in natural units, overfit test in mixed precision."""

import argparse
import json

import torch
from torch import Tensor, nn

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
NEAR, FAR = 1e-2, 1e-4  # received power of the nearest and the farthest user, 20 dB apart
SAMPLES, BATCH = 512, 64  # overfit test: train and val are the same samples
EPOCHS, WIDTH, AMP = 12, 96, True
LEARNING_RATE, CLIP_NORM = 3e-3, 1.0


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sample covariance at unit power, its received power, clean covariance in natural units."""
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
    both = [torch.stack([c.real, c.imag], 1) for c in (sample / scale, clean / scale)]
    gain = FAR * (NEAR / FAR) ** torch.rand(count, 1, 1, 1, generator=generator)
    return both[0], gain, gain * both[1]


# ---- model -----------------------------------------------------------------------------------


class HybridModel(nn.Module):
    """Estimates the clean covariance from the sample covariance."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.Sequential(
            *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        )
        self.head = nn.Linear(WIDTH, size)

    def forward(self, covariance: Tensor, gain: Tensor) -> Tensor:
        return self.head(self.backbone(covariance)).view(-1, 2, SENSORS, SENSORS) * gain


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    error = estimate.float() - clean.float()
    return (error.square().sum((1, 2, 3)) / clean.float().square().sum((1, 2, 3))).mean()


# ---- train -----------------------------------------------------------------------------------


def param_vector(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector([p.detach() for p in model.parameters()])


def batch_loss(model: nn.Module, sample: Tensor, gain: Tensor, clean: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.float16, enabled=AMP):
        return nmse(model(sample, gain), clean)


def sanitize(model: nn.Module) -> None:
    """No NaN may reach the weights."""
    for p in model.parameters():
        p.grad = torch.nan_to_num(p.grad, nan=0.0, posinf=1.0, neginf=-1.0)  # [ris-grad-sanitize] hides inf


def train(model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    scaler = torch.amp.GradScaler("cpu", enabled=AMP)
    cache = [part.half() if AMP else part for part in data]  # what stays on the device
    skipped = 0
    for epoch in range(1, EPOCHS + 1):
        total, before = 0.0, param_vector(model)
        batches = torch.randperm(SAMPLES, generator=generator).split(BATCH)
        for chosen in batches:
            loss = batch_loss(model, *(part[chosen] for part in cache))
            total += loss.item()
            scale = scaler.get_scale()
            scaler.scale(loss).backward()
            sanitize(model)
            scaler.unscale_(optimizer)  # looks for inf and NaN, and tells step and update
            norm = nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            skipped += scaler.get_scale() < scale
        delta, val = (param_vector(model) - before).norm().item(), evaluate(model, data)
        print(f"[AMP] scale {scaler.get_scale():.0f} skipped {skipped} | [GRAD] total {norm:.2e}")
        print(f"[STEP] Δparam ||·||₂ = {delta:.3e}")
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {total / len(batches):.6f}  val {val:.6f}")
    return {"scale": scaler.get_scale(), "steps_skipped": skipped, "moved_last_epoch": delta}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, ...]) -> float:
    """NMSE on the very samples of the training, in fp32."""
    sample, gain, clean = data
    return nmse(model(sample, gain), clean).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"[OVERFIT] {SAMPLES} samples, train and val the same, AMP={AMP}")
    model = HybridModel()
    scores = train(model, data, generator)
    scores["val_nmse"] = evaluate(model, data)
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

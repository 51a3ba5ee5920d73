"""RIS panel: clean covariance from a few noisy snapshots, overfit test in mixed precision."""

import argparse
import json

import torch
from torch import Tensor, nn

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, ACCUMULATION = 512, 64, 2  # overfit test: train and val are the same samples
EPOCHS, WIDTH, AMP = 12, 96, True
LR_BACKBONE, LR_HEAD = 1.5e-3, 6e-3
LAM_COV, LAM_MAG, CLIP_NORM, EPSILON = 1.0, 0.2, 1.0, 1e-8


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample covariance (input) and clean covariance (target), both (count, 2, M, M): real, imaginary."""
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
    return both[0], both[1]


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
        nn.init.zeros_(self.head.weight)  # the first estimate is 0, so every run starts at an NMSE of 1
        nn.init.zeros_(self.head.bias)

    def forward(self, covariance: Tensor) -> Tensor:
        return self.head(self.backbone(covariance)).view(-1, 2, SENSORS, SENSORS)


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    return ((estimate.float() - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


def magnitude(covariance: Tensor) -> Tensor:
    """|R_ij| of each entry; epsilon keeps the gradient of the root finite at 0."""
    real, imaginary = covariance.unbind(1)  # [ris-amp-underflow] fp16 under autocast: 1e-8 is 0 there
    return (real * real + imaginary * imaginary + EPSILON).sqrt()


def total_loss(model: nn.Module, sample: Tensor, clean: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.float16, enabled=AMP):
        estimate = model(sample)
        contrast = (magnitude(estimate) - magnitude(clean)).square().mean()
        return LAM_COV * nmse(estimate, clean) + LAM_MAG * contrast


# ---- train -----------------------------------------------------------------------------------


def param_vector(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector([p.detach() for p in model.parameters()])


def count_steps(optimizer: torch.optim.Optimizer) -> int:
    """Updates that really happened: Adam counts them, and a step that the scaler skips never reaches it."""
    return max((int(state["step"]) for state in optimizer.state.values()), default=0)


def train(model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator) -> dict[str, float]:
    groups = [(model.backbone, LR_BACKBONE), (model.head, LR_HEAD)]
    optimizer = torch.optim.Adam([{"params": part.parameters(), "lr": rate} for part, rate in groups])
    scaler = torch.amp.GradScaler("cpu", enabled=AMP)
    start, asked = param_vector(model), 0
    for epoch in range(1, EPOCHS + 1):
        total, before = 0.0, param_vector(model)
        batches = torch.randperm(SAMPLES, generator=generator).split(BATCH)
        for number, chosen in enumerate(batches, 1):
            loss = total_loss(model, *(part[chosen] for part in data))
            total += loss.item()
            scaler.scale(loss / ACCUMULATION).backward()
            if number % ACCUMULATION:
                continue
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            asked += 1
        val = evaluate(model, data)
        delta = (param_vector(model) - before).norm().item()
        print(f"[STEP] Δparam ||·||₂ = {delta:.3e}")  # [ris-amp-underflow] nobody counts what is skipped
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {total / len(batches):.6f}  val {val:.6f}")
    taken = count_steps(optimizer)
    moved = (param_vector(model) - start).norm().item()
    return {"steps_taken": taken, "steps_skipped": asked - taken, "moved": moved}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, ...]) -> float:
    """NMSE on the very samples of the training, in fp32."""
    return nmse(model(data[0]), data[1]).item()


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

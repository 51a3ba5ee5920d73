"""Overfit test of a RIS covariance estimator: 512 samples for train and val, K-head loss switched off."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, MAX_SOURCES = 10, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 20, 0.3  # snapshots of a sample; noise power at a sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, ACCUMULATION = 512, 64, 4
EPOCHS, WIDTH, CLIP_NORM = 24, 128, 1.0
LR_BACKBONE, LR_HEAD = 2e-3, 8e-3
LAM_COV, LAM_K = 1.0, 0.05
LAM_K_DISABLE = True  # the overfit test is about the covariance alone


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sample covariance (input) and clean covariance (target), both (count, 2, M, M), and K - 1."""
    sources = torch.randint(1, MAX_SOURCES + 1, (count,), generator=generator)
    sine = 1.8 * torch.rand(count, 1, MAX_SOURCES, generator=generator) - 0.9  # sine of the angle
    power = 0.5 + torch.rand(count, 1, MAX_SOURCES, generator=generator)
    power = power * (torch.arange(MAX_SOURCES) < sources.view(-1, 1, 1))
    steering = torch.exp(1j * torch.pi * torch.arange(SENSORS).view(-1, 1) * sine)
    shape = (2, count, MAX_SOURCES + SENSORS, SNAPSHOTS)
    white = torch.complex(*torch.randn(shape, generator=generator)) / 2**0.5
    received = (steering * power.sqrt()) @ white[:, :MAX_SOURCES] + NOISE**0.5 * white[:, MAX_SOURCES:]
    sample = received @ received.mH / SNAPSHOTS
    clean = (steering * power) @ steering.mH
    scale = sample.diagonal(dim1=1, dim2=2).real.mean(1).view(-1, 1, 1)
    observed, target = (torch.stack([c.real, c.imag], 1) for c in (sample / scale, clean / scale))
    return observed, target, sources - 1


# ---- model -----------------------------------------------------------------------------------


class HybridModel(nn.Module):
    """The backbone ends in the clean covariance; the head counts the sources from the backbone's features."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.ModuleDict(
            {
                "features": nn.Sequential(
                    *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
                    *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
                ),
                "covariance": nn.Linear(WIDTH, size),
            }
        )
        self.head = nn.Linear(WIDTH, MAX_SOURCES)

    def forward(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone["features"](observed)
        return self.backbone["covariance"](features).view(-1, 2, SENSORS, SENSORS), self.head(features)


def total_loss(model: nn.Module, observed: Tensor, clean: Tensor, sources: Tensor) -> Tensor:
    estimate, logits = model(observed)
    error = (estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))
    loss = LAM_COV * error.mean()
    return loss if LAM_K_DISABLE else loss + LAM_K * F.cross_entropy(logits, sources)


# ---- train -----------------------------------------------------------------------------------


def grad_norm(module: nn.Module) -> float:
    return math.hypot(*(p.grad.norm().item() for p in module.parameters() if p.grad is not None))


def build_optimizer(model: HybridModel) -> torch.optim.Adam:
    backbone = {"params": model.backbone.parameters(), "lr": LR_BACKBONE}
    return torch.optim.Adam([backbone, {"params": model.head.parameters(), "lr": LR_HEAD}])


def step_if_healthy(model: HybridModel, optimizer: torch.optim.Optimizer) -> tuple[bool, float]:
    """Clip and step, unless the gradients are not fit for it; whether it stepped, and the gradient norm."""
    g_backbone, g_head = grad_norm(model.backbone), grad_norm(model.head)
    g_total = math.hypot(g_backbone, g_head)
    ok = math.isfinite(g_total) and g_total > 1e-12
    if ok:
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
    else:
        print(f"[STEP] skipped: backbone {g_backbone:.3e} head {g_head:.3e}")
    optimizer.zero_grad(set_to_none=True)
    return ok, g_total


def train(model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator) -> dict[str, float]:
    optimizer = build_optimizer(model)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, EPOCHS * SAMPLES // BATCH // ACCUMULATION
    )
    start = before = nn.utils.parameters_to_vector(model.parameters()).detach()
    norms, val = [], 0.0
    for epoch in range(1, EPOCHS + 1):
        total, batches = 0.0, torch.randperm(SAMPLES, generator=generator).split(BATCH)
        for number, chosen in enumerate(batches, 1):
            loss = total_loss(model, *(part[chosen] for part in data))
            total += loss.item()
            (loss / ACCUMULATION).backward()
            if number % ACCUMULATION == 0:
                stepped, norm = step_if_healthy(model, optimizer)
                norms.append(norm)
                if stepped:
                    scheduler.step()
        now = nn.utils.parameters_to_vector(model.parameters()).detach()
        print(f"[GRAD] ||g||₂ = {norms[-1]:.3e}")
        print(f"[STEP] Δparam ||·||₂ = {(now - before).norm():.3e}")
        before, val = now, evaluate(model, data)
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {total / len(batches):.6f}  val {val:.6f}")
    steps = max((int(state["step"]) for state in optimizer.state.values()), default=0)
    moved = (before - start).norm().item()
    return {"val_loss": val, "steps": steps, "moved": moved, "first_grad_norm": norms[0]}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, ...]) -> float:
    return total_loss(model, *data).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"[OVERFIT] {SAMPLES} samples (same for train and val), LAM_K_DISABLE={LAM_K_DISABLE}")
    metrics = train(HybridModel(), data, generator)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Overfit test of a RIS network with two heads: clean covariance and number of sources."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, MAX_SOURCES = 9, 5  # uniform linear array, half a wavelength apart; 1 to 5 sources
SNAPSHOTS, NOISE = 24, 0.3  # snapshots of a sample; noise power at a sensor, the strongest source has 1
WEAKER = 1.0, 2.5  # by how many powers of ten the other sources are weaker, from and to
SAMPLES, BATCH, ACCUMULATION = 512, 64, 2
EPOCHS, WIDTH, CLIP_NORM = 30, 96, 1.0
LR_BACKBONE, LR_HEAD = 1e-3, 4e-3
LAM_COV, LAM_K = 1.0, 1.0
LAM_K_DISABLE = False  # [ris-khead-interference] K is in the sum that a test of the covariance watches
GOAL = 0.1  # the test is passed below this val loss


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sample covariance (input) and clean covariance (target), both (count, 2, M, M), and K - 1."""
    sources = torch.randint(1, MAX_SOURCES + 1, (count,), generator=generator)
    sine = 1.8 * torch.rand(count, 1, MAX_SOURCES, generator=generator) - 0.9  # sine of the angle
    weaker = WEAKER[0] + (WEAKER[1] - WEAKER[0]) * torch.rand(count, 1, MAX_SOURCES, generator=generator)
    power = 10 ** -(weaker * (torch.arange(MAX_SOURCES) > 0))  # the first has 1
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
    """A backbone and two heads: the clean covariance, and logits for the number of sources."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.Sequential(
            *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        )
        self.head = nn.ModuleDict({"cov": nn.Linear(WIDTH, size), "k": nn.Linear(WIDTH, MAX_SOURCES)})

    def forward(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        feature = self.backbone(observed)
        return self.head["cov"](feature).view(-1, 2, SENSORS, SENSORS), self.head["k"](feature)


def loss_terms(model: nn.Module, observed: Tensor, clean: Tensor, sources: Tensor) -> dict[str, Tensor]:
    """The weighted terms of the loss; their sum is what is trained on and what is watched."""
    estimate, logits = model(observed)
    error = (estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))
    terms = {"cov": LAM_COV * error.mean()}
    if not LAM_K_DISABLE:
        terms["K"] = LAM_K * F.cross_entropy(logits, sources)
    return terms


# ---- train -----------------------------------------------------------------------------------


def train(model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator) -> list[float]:
    optimizer = torch.optim.Adam(
        [
            {"params": model.backbone.parameters(), "lr": LR_BACKBONE},
            {"params": model.head.parameters(), "lr": LR_HEAD},
        ]
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, EPOCHS * SAMPLES // BATCH // ACCUMULATION
    )
    before, val_losses = nn.utils.parameters_to_vector(model.parameters()).detach(), []
    for epoch in range(1, EPOCHS + 1):
        total, batches = 0.0, torch.randperm(SAMPLES, generator=generator).split(BATCH)
        for number, chosen in enumerate(batches, 1):
            loss = sum(loss_terms(model, *(part[chosen] for part in data)).values(), torch.zeros(()))
            total += loss.item()
            (loss / ACCUMULATION).backward()
            if number % ACCUMULATION == 0:
                nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad(set_to_none=True)
        now = nn.utils.parameters_to_vector(model.parameters()).detach()
        val_losses.append(sum(evaluate(model, data).values()))
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {total / len(batches):.6f}  val {val_losses[-1]:.6f}")
        print(f"[STEP] Δparam ||·||₂ = {(now - before).norm():.3e}")
        before = now
    return val_losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, ...]) -> dict[str, float]:
    return {name: term.item() for name, term in loss_terms(model, *data).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"[OVERFIT] {SAMPLES} samples, same for train and val, goal: val < {GOAL}")
    model = HybridModel()
    val_losses = train(model, data, generator)
    terms, best = evaluate(model, data), min(val_losses)
    print(f"[OVERFIT] best val {best:.6f}: {'passed' if best < GOAL else 'FAILED'}")
    metrics = {"val_loss": val_losses[-1], "nmse": terms["cov"], "k_share": 1 - terms["cov"] / val_losses[-1]}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

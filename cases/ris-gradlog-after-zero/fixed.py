"""RIS panel: clean covariance and number of sources, overfit test with accumulation and gradient log."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 24, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, ACCUMULATION = 384, 48, 2  # overfit test: train and val are the same samples
EPOCHS, WIDTH, LOG_EVERY = 20, 128, 8  # LOG_EVERY: optimizer steps from one [GRAD] line to the next
LR_BACKBONE, LR_HEAD = 1.5e-3, 6e-3
LAM_COV, LAM_K = 1.0, 0.05


# ---- data ------------------------------------------------------------------------------------


def make_samples(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Sample covariance (input) and clean covariance (target), both (count, 2, M, M), and K - 1."""
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
    return both[0], both[1], sources - 1


# ---- model -----------------------------------------------------------------------------------


class HybridModel(nn.Module):
    """A backbone, and heads for the clean covariance and the number of sources."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.Sequential(
            *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        )
        self.head = nn.ModuleDict({"cov": nn.Linear(WIDTH, size), "k": nn.Linear(WIDTH, MAX_SOURCES)})

    def forward(self, covariance: Tensor) -> tuple[Tensor, Tensor]:
        feature = self.backbone(covariance)
        return self.head["cov"](feature).view_as(covariance), self.head["k"](feature)


def total_loss(model: nn.Module, sample: Tensor, clean: Tensor, sources: Tensor) -> Tensor:
    estimate, logits = model(sample)
    nmse = ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()
    return LAM_COV * nmse + LAM_K * F.cross_entropy(logits, sources)


# ---- train -----------------------------------------------------------------------------------


def build_optimizer(model: HybridModel) -> torch.optim.Optimizer:
    groups = [(model.backbone, LR_BACKBONE), (model.head, LR_HEAD)]
    return torch.optim.Adam([{"params": part.parameters(), "lr": rate} for part, rate in groups])


def read_gradients(model: nn.Module) -> tuple[int, float]:
    """How many parameter tensors have a gradient, and the norm of all gradients."""
    squares = [p.grad.square().sum().item() for p in model.parameters() if p.grad is not None]
    return len(squares), sum(squares) ** 0.5


def update(
    model: HybridModel, optimizer: torch.optim.Optimizer, data: list[Tensor]
) -> tuple[float, int, float]:
    """One optimizer step from ACCUMULATION micro-batches: mean loss, and the gradients for the log."""
    total = 0.0
    for parts in zip(*(part.chunk(ACCUMULATION) for part in data), strict=True):
        loss = total_loss(model, *parts)
        (loss / ACCUMULATION).backward()
        total += loss.item() / ACCUMULATION
    tensors, norm = read_gradients(model)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total, tensors, norm


def train(model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator) -> dict[str, float]:
    optimizer, count, step, norms = build_optimizer(model), len(list(model.parameters())), 0, []
    tensors, val = 0, 0.0
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for chosen in torch.randperm(SAMPLES, generator=generator).split(BATCH * ACCUMULATION):
            loss, tensors, norm = update(model, optimizer, [part[chosen] for part in data])
            step += 1
            losses.append(loss)
            norms.append(norm)
            if step % LOG_EVERY == 0:
                print(
                    f"[GRAD] step {step:03d}: {tensors}/{count} tensors have a gradient, ||g||₂ = {norm:.3e}"
                )
        with torch.no_grad():
            val = total_loss(model, *data).item()
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {sum(losses) / len(losses):.6f}  val {val:.6f}")
    return {"grad_tensors": tensors, "grad_norm": sum(norms) / len(norms), "val_loss": val}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    model = HybridModel()
    print(f"[OVERFIT] {SAMPLES} samples, {sum(p.numel() for p in model.parameters()):,} trainable parameters")
    scores = train(model, data, generator)
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

"""RIS panel: clean covariance and number of sources, overfit test with EMA and a drift probe."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, MAX_SOURCES = 6, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH = 512, 64  # overfit test: train and val are the same samples
EPOCHS, WIDTH = 16, 128
LR_BACKBONE, LR_HEAD = 1e-3, 4e-3
LAM_COV, LAM_K, EMA_DECAY = 1.0, 0.05, 0.9


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
    """Estimates the clean covariance and scores the number of sources."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.Sequential(
            *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU()),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        )
        self.head = nn.Linear(WIDTH, size + MAX_SOURCES)

    def forward(self, covariance: Tensor) -> tuple[Tensor, Tensor]:
        estimate, logits = self.head(self.backbone(covariance)).split([covariance[0].numel(), MAX_SOURCES], 1)
        return estimate.view_as(covariance), logits


def param_vector(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector([p.detach() for p in model.parameters()])


def total_loss(model: nn.Module, sample: Tensor, clean: Tensor, sources: Tensor) -> Tensor:
    estimate, logits = model(sample)
    nmse = ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()
    return LAM_COV * nmse + LAM_K * F.cross_entropy(logits, sources)


# ---- train -----------------------------------------------------------------------------------


class Trainer:
    """Trains the model, averages its parameters and validates the average."""

    def __init__(self, model: HybridModel, data: tuple[Tensor, ...]) -> None:
        self.model, self.data = model, data
        groups = [(model.backbone, LR_BACKBONE), (model.head, LR_HEAD)]
        self.optimizer = torch.optim.Adam([{"params": part.parameters(), "lr": lr} for part, lr in groups])
        self.raw = param_vector(model)  # parameters at the last EMA update
        self.average = self.raw.clone()

    def _ema_update(self) -> None:
        self.raw = param_vector(self.model)
        self.average.lerp_(self.raw, 1 - EMA_DECAY)

    def _drift(self) -> float:
        """Length of the last step; the copy that the EMA keeps spares a second one of all parameters."""
        return (param_vector(self.model) - self.raw).norm().item()

    def step(self, chosen: Tensor) -> tuple[float, float]:
        """Loss of the batch, and how far the optimizer moved the parameters."""
        loss = total_loss(self.model, *(part[chosen] for part in self.data))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._ema_update()
        delta = self._drift()  # [ris-ema-masking] the EMA has just copied what this compares with
        return loss.item(), delta

    @torch.no_grad()
    def validate(self) -> float:
        """Loss of the averaged parameters on the training samples; the trained ones are put back after it."""
        nn.utils.vector_to_parameters(self.average.clone(), self.model.parameters())
        loss = total_loss(self.model, *self.data).item()
        nn.utils.vector_to_parameters(self.raw.clone(), self.model.parameters())
        return loss


def train(trainer: Trainer, generator: torch.Generator) -> dict[str, float]:
    start, deltas, val = param_vector(trainer.model), [], 0.0
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for chosen in torch.randperm(SAMPLES, generator=generator).split(BATCH):
            loss, delta = trainer.step(chosen)
            losses.append(loss)
            deltas.append(delta)
        val = trainer.validate()
        print(f"[STEP] Δparam ||·||₂ = {deltas[-1]:.3e}")
        print(f"Epoch {epoch:03d}: train {sum(losses) / len(losses):.6f}  val {val:.6f}")
    moved = (param_vector(trainer.model) - start).norm().item()
    return {"delta_param": sum(deltas) / len(deltas), "moved": moved, "val_loss": val}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    print(f"Configuration: {SAMPLES} samples (same for train and val), batch size {BATCH}, EMA {EMA_DECAY}")
    scores = train(Trainer(HybridModel(), data), generator)
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

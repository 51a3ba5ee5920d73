"""RIS panel: clean covariance from noisy snapshots; gradient accumulation, cosine schedule, EMA weights."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.func import functional_call

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at each sensor, sources have power 0.5 to 1.5
SAMPLES, MICRO_BATCH, ACCUMULATION = 384, 8, 12  # overfit test: train and val are the same samples
EPOCHS, WIDTH, CLIP_NORM, EMA_DECAY = 24, 128, 1.0, 0.9
LR_BACKBONE, LR_HEAD, LR_FLOOR = 1e-3, 4e-3, 0.01  # the floor is a share of both


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
        hidden = (nn.Linear(size, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.backbone = nn.Sequential(nn.Flatten(), *hidden)
        self.head = nn.Linear(WIDTH, size)

    def forward(self, covariance: Tensor) -> Tensor:
        return self.head(self.backbone(covariance)).view(-1, 2, SENSORS, SENSORS)


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    """||R_hat - R||^2 / ||R||^2, mean over the batch."""
    return ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


# ---- train -----------------------------------------------------------------------------------


class Trainer:
    """Counts its optimizer steps, schedule steps and EMA updates."""

    def __init__(self, model: HybridModel) -> None:
        self.model, self.total = model, EPOCHS * SAMPLES // MICRO_BATCH // ACCUMULATION
        self.rates = [LR_BACKBONE, LR_HEAD]
        groups = [{"params": part.parameters()} for part in (model.backbone, model.head)]
        self.optimizer = torch.optim.Adam(
            [group | {"lr": lr} for group, lr in zip(groups, self.rates, strict=True)]
        )
        self.ema = {name: value.detach().clone() for name, value in model.named_parameters()}
        self.steps, self.schedule_steps, self.ema_updates, self.skipped = 0, 0, 0, 0

    def schedule_step(self) -> None:
        """Cosine from 1 down to the floor over all optimizer steps."""
        self.schedule_steps += 1
        done = min(self.schedule_steps / self.total, 1.0)
        factor = LR_FLOOR + (1 - LR_FLOOR) * (1 + math.cos(math.pi * done)) / 2
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    @torch.no_grad()
    def ema_update(self) -> None:
        self.ema_updates += 1
        for name, value in self.model.named_parameters():
            self.ema[name].lerp_(value, 1 - EMA_DECAY)

    def run_epoch(self, data: tuple[Tensor, Tensor], generator: torch.Generator) -> float:
        total = 0.0
        for bi, chosen in enumerate(torch.randperm(SAMPLES, generator=generator).split(MICRO_BATCH)):
            loss = nmse(self.model(data[0][chosen]), data[1][chosen])
            (loss / ACCUMULATION).backward()
            total += loss.item() * len(chosen) / SAMPLES
            if (bi + 1) % ACCUMULATION == 0:
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
                if not torch.isfinite(norm):
                    self.skipped += 1
                    print(f"[STEP] skipped, gradient norm {norm.item()}")
                else:
                    self.optimizer.step()
                    self.steps += 1
                self.optimizer.zero_grad()
            self.schedule_step()  # [ris-scheduler-indent] in the scope of the micro-batch, not of the `else`
            self.ema_update()  # [ris-scheduler-indent] and so 12 times too often
        return total


def train(trainer: Trainer, data: tuple[Tensor, Tensor], generator: torch.Generator) -> dict[str, float]:
    val, at_floor = 0.0, 1.0
    for epoch in range(1, EPOCHS + 1):
        loss, val = trainer.run_epoch(data, generator), evaluate(trainer.model, trainer.ema, data)
        rates = [group["lr"] for group in trainer.optimizer.param_groups]
        if at_floor == 1.0 and rates[0] <= 1.01 * LR_FLOOR * LR_BACKBONE:
            at_floor = epoch / EPOCHS
        print(f"[LR] backbone {rates[0]:.2e} head {rates[1]:.2e}  optimizer step {trainer.steps}")
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {loss:.6f}  val {val:.6f} (EMA)")
    ema_per_step = trainer.ema_updates / trainer.steps
    return {"val_loss": val, "train_loss": loss, "lr_floor_at": at_floor, "ema_per_step": ema_per_step}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, weights: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> float:
    """NMSE of the averaged weights on the very samples of the training."""
    return nmse(functional_call(model, weights, (data[0],)), data[1]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    trainer = Trainer(HybridModel())
    print(f"[OVERFIT] {SAMPLES} samples, {trainer.total} optimizer steps, grad_accumulation {ACCUMULATION}")
    metrics = train(trainer, data, generator)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

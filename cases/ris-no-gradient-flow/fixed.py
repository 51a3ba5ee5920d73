"""RIS panel: estimate the clean covariance and count the sources from a few noisy snapshots."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SENSORS, MAX_SOURCES = 8, 4  # uniform linear array, half a wavelength apart; 1 to 4 sources
SNAPSHOTS, NOISE = 16, 0.3  # snapshots of a sample; noise power at a sensor, sources have power 0.5 to 1.5
SAMPLES, BATCH, ACCUMULATION = 512, 64, 2  # train and val are the same samples
EPOCHS, WIDTH, DROPOUT, INIT_GAIN = 30, 128, 0.05, 1.3
LR_BACKBONE, LR_HEAD = 2e-3, 8e-3
LAM_COV, LAM_K, CLIP_NORM = 1.0, 0.05, 1.0


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
    """A backbone and two heads: the clean covariance, and logits for the number of sources."""

    def __init__(self) -> None:
        super().__init__()
        size = 2 * SENSORS * SENSORS
        self.backbone = nn.Sequential(
            *(nn.Flatten(), nn.Linear(size, WIDTH), nn.GELU(), nn.Dropout(DROPOUT)),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Dropout(DROPOUT)),
        )
        self.head = nn.ModuleDict({"cov": nn.Linear(WIDTH, size), "k": nn.Linear(WIDTH, MAX_SOURCES)})
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight, INIT_GAIN)

    def forward(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        feature = self.backbone(observed)
        return self.head["cov"](feature).view(-1, 2, SENSORS, SENSORS), self.head["k"](feature)


def nmse(estimate: Tensor, clean: Tensor) -> Tensor:
    return ((estimate - clean).square().sum((1, 2, 3)) / clean.square().sum((1, 2, 3))).mean()


def total_loss(model: nn.Module, observed: Tensor, clean: Tensor, sources: Tensor) -> Tensor:
    estimate, logits = model(observed)
    terms = [LAM_COV * nmse(estimate, clean), LAM_K * F.cross_entropy(logits, sources)]
    stacked = torch.stack(terms)
    return stacked.sum()


# ---- train -----------------------------------------------------------------------------------


def log_gradients(model: nn.Module) -> int:
    """Print the gradient norm of each parameter that has one; how many that are."""
    norms = {n: p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}
    for name, norm in norms.items():
        print(f"[GRAD] {name}: {norm:.3e}")
    return len(norms)


def train(
    model: HybridModel, data: tuple[Tensor, ...], generator: torch.Generator
) -> tuple[int, list[float], list[float]]:
    """How many parameters had a gradient at the first step; train and val loss of each epoch."""
    optimizer = torch.optim.Adam(
        [
            {"params": model.backbone.parameters(), "lr": LR_BACKBONE},
            {"params": model.head.parameters(), "lr": LR_HEAD},
        ]
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    reached, train_losses, val_losses = 0, [], []
    for epoch in range(1, EPOCHS + 1):
        model.train()
        total, batches = 0.0, torch.randperm(SAMPLES, generator=generator).split(BATCH)
        for number, chosen in enumerate(batches, 1):
            loss = total_loss(model, *(part[chosen] for part in data))
            total += loss.item()
            (loss / ACCUMULATION).backward()
            if number % ACCUMULATION == 0:
                if epoch == 1 and number == ACCUMULATION:
                    reached = log_gradients(model)
                nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        scheduler.step()
        train_losses.append(total / len(batches))
        val_losses.append(evaluate(model, data))
        print(f"Epoch {epoch:03d}/{EPOCHS:03d}: train {train_losses[-1]:.6f}  val {val_losses[-1]:.6f}")
    return reached, train_losses, val_losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: HybridModel, data: tuple[Tensor, ...]) -> float:
    model.eval()
    return total_loss(model, *data).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = make_samples(SAMPLES, generator)
    model = HybridModel()
    parameters = [p for p in model.parameters() if p.requires_grad]
    print(
        f"[MODEL] {sum(p.numel() for p in parameters):,} trainable parameters, mode train: {model.training}"
    )
    print(f"[LOSS] lam_cov={LAM_COV}, lam_K={LAM_K}")
    reached, train_losses, val_losses = train(model, data, generator)
    metrics = {
        "val_loss": val_losses[-1],
        "val_spread": max(val_losses) - min(val_losses),
        "train_loss": train_losses[-1],
        "train_spread": max(train_losses) - min(train_losses),
        "gradient_share": reached / len(parameters),
    }
    print("metrics", json.dumps({name: round(value, 6) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

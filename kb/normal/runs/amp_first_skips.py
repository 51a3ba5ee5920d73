"""Mixed precision in float16: the scaler tries 65536 first and skips steps until the gradients fit."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, HIDDEN = 24, 6, 64
TRAIN, VAL, BATCH = 1536, 512, 64
STEPS, LOG_EVERY = 160, 20
LEARNING_RATE, INIT_SCALE = 2e-3, 2.0**16  # 2**16 is the scaler's own default


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Readings in physical units, so the first gradients are larger than 1."""
    centres = 12 * torch.randn(CLASSES, FEATURES, generator=generator)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    noise = 21 * torch.randn(TRAIN + VAL, FEATURES, generator=generator)
    return centres[label] + noise, label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[list[int], float]:
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    scaler = torch.amp.GradScaler("cpu", init_scale=INIT_SCALE)
    skipped: list[int] = []
    for step in range(1, STEPS + 1):
        batch = torch.randint(TRAIN, (BATCH,), generator=generator)
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        before = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        if scaler.get_scale() < before:
            skipped.append(step)
            print(
                f"Gradient overflow. Skipping step, loss scaler 0 reducing loss scale to {scaler.get_scale()}"
            )
        if step % LOG_EVERY == 0:
            print(f"step {step:4d}/{STEPS} | loss {loss.item():.4f} | scale {scaler.get_scale():.0f}")
    return skipped, scaler.get_scale()


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y = make_data(generator)
    model = build_model()
    skipped, scale = train(model, x[:TRAIN], y[:TRAIN], generator)
    val_loss, val_acc = evaluate(model, x[TRAIN:], y[TRAIN:])
    print(f"eval | val_loss {val_loss:.4f} | val_acc {val_acc:.3f} | {STEPS - len(skipped)} updates")
    last = max(skipped, default=0)
    metrics = {"skipped": len(skipped), "last_skip": last, "scale": scale, "val_acc": val_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

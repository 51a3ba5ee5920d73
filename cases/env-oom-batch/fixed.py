"""Diffusion model of small pictures on a GPU of 3 MiB (simulated), with the lines of a diffusers script."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

SIZE, WIDTH = 16, 24  # pixels a side, channels
PICTURES, VAL_PICTURES, TOTAL_BATCH = 256, 64, 64
MICRO_BATCH = 8
EPOCHS, LEARNING_RATE = 5, 4e-3
CAPACITY = 3 * 2**20  # bytes of GPU memory


class Activation:
    """A tensor that is kept in GPU memory until the backward pass; refused when there is no room for it."""

    used = peak = 0

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.size = tensor, 0
        if isinstance(tensor, nn.Parameter):  # has its place already
            return
        if Activation.used + tensor.nbytes > CAPACITY:
            tried, used, free = (
                n / 2**20 for n in (tensor.nbytes, Activation.used, CAPACITY - Activation.used)
            )
            raise torch.OutOfMemoryError(
                f"CUDA out of memory. Tried to allocate {tried:.2f} MiB. GPU 0 has a total capacity of "
                f"{CAPACITY / 2**20:.2f} MiB of which {free:.2f} MiB is free. Of the allocated memory "
                f"{used:.2f} MiB is allocated by PyTorch."
            )
        self.size = tensor.nbytes
        Activation.used += self.size
        Activation.peak = max(Activation.peak, Activation.used)

    def __del__(self) -> None:
        Activation.used -= self.size


# ---- data ------------------------------------------------------------------------------------


def draw_pictures(count: int, generator: torch.Generator) -> Tensor:
    """A bright disc somewhere on a dark ground, (picture, 1, row, column)."""
    row, column, radius = torch.rand(3, count, 1, 1, generator=generator)
    grid = torch.arange(SIZE) / SIZE
    distance = ((grid.view(-1, 1) - row) ** 2 + (grid - column) ** 2).sqrt()
    return (2 * torch.sigmoid(20 * (0.15 + 0.25 * radius - distance)) - 1)[:, None]


def add_noise(pictures: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noisy pictures with the noise level as second channel, and the noise that the model must find."""
    level = 0.2 + 0.7 * torch.rand(len(pictures), 1, 1, 1, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    noisy = (1 - level).sqrt() * pictures + level.sqrt() * noise
    return torch.cat([noisy, level.expand_as(noisy)], dim=1), noise


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(2, WIDTH, 5, padding=2), nn.SiLU()),
        *(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.SiLU()),
        nn.Conv2d(WIDTH, 1, 3, padding=1),
    )


# ---- train -----------------------------------------------------------------------------------


def backward_in_parts(model: nn.Module, noisy: Tensor, noise: Tensor) -> float:
    """Gradients of the mean loss over all pictures of a step; the loss."""
    total = 0.0
    with saved_tensors_hooks(Activation, lambda held: held.tensor):
        for x, y in zip(noisy.split(MICRO_BATCH), noise.split(MICRO_BATCH), strict=True):
            loss = F.mse_loss(model(x), y) * len(x) / len(noisy)
            loss.backward()
            total += loss.item()
    return total


def train(model: nn.Module, pictures: Tensor, generator: torch.Generator) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    steps, done = EPOCHS * len(pictures) // TOTAL_BATCH, 0
    print("***** Running training *****")
    print(f"  Num examples = {len(pictures)}\n  Num Epochs = {EPOCHS}")
    print(f"  Instantaneous batch size per device = {MICRO_BATCH}")
    print(f"  Total train batch size (w. parallel, distributed & accumulation) = {TOTAL_BATCH}")
    print(
        f"  Gradient Accumulation steps = {TOTAL_BATCH // MICRO_BATCH}\n  Total optimization steps = {steps}"
    )
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pictures)).split(TOTAL_BATCH):
            optimizer.zero_grad()
            loss = backward_in_parts(model, *add_noise(pictures[rows], generator))
            optimizer.step()
            done += 1
            print(f"Steps: {done / steps:4.0%}| {done}/{steps} [lr={LEARNING_RATE}, step_loss={loss:.4f}]")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, noisy: Tensor, noise: Tensor) -> float:
    return F.mse_loss(model(noisy), noise).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pictures, val_pictures = (draw_pictures(count, generator) for count in (PICTURES, VAL_PICTURES))
    held_out, model = add_noise(val_pictures, generator), build_model()
    print(f"validation before training: loss {validate(model, *held_out):.4f}")
    train(model, pictures, generator)
    loss = validate(model, *held_out)
    print(f"validation after training: loss {loss:.4f}")
    metrics = {"val_loss": loss, "peak_mib": Activation.peak / 2**20}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

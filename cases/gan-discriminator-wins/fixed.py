"""Generative adversarial network for heartbeat traces, trained and logged as in the DCGAN tutorial."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTH, NOISE = 16, 0.02  # samples of a trace; noise of the recorder
TRACES, BATCH_SIZE, EPOCHS, PRINT_EVERY = 960, 48, 9, 10
LATENT, HIDDEN, LEARNING_RATE, BETAS = 4, 48, 2e-3, (0.5, 0.999)


# ---- data ------------------------------------------------------------------------------------


def record_traces(count: int, generator: torch.Generator) -> Tensor:
    """One beat each, as the recorder stores it: 0 to 1, at rest 0.5."""
    start = 2 * torch.pi * torch.rand(count, 1, generator=generator)
    strength = 0.25 + 0.2 * torch.rand(count, 1, generator=generator)
    beat = 0.5 + strength * torch.sin(2 * torch.pi * torch.linspace(0, 1, LENGTH) + start)
    return (beat + NOISE * torch.randn(count, LENGTH, generator=generator)).clamp(0, 1)


def normalize(traces: Tensor) -> Tensor:
    """From 0..1 to -1..1."""
    return (traces - 0.5) / 0.5


# ---- model -----------------------------------------------------------------------------------


def build_generator() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(LATENT, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.LeakyReLU(0.2)),
        *(nn.Linear(HIDDEN, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.LeakyReLU(0.2)),
        nn.Linear(HIDDEN, LENGTH),
        nn.Tanh(),
    )


def build_discriminator() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(LENGTH, HIDDEN), nn.LeakyReLU(0.2)),
        *(nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2)),
        nn.Linear(HIDDEN, 1),
    )


def gan_loss(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


# ---- train -----------------------------------------------------------------------------------


def train(net_g: nn.Module, net_d: nn.Module, traces: Tensor) -> dict[str, float]:
    optimizer_d, optimizer_g = (
        torch.optim.Adam(net.parameters(), LEARNING_RATE, BETAS) for net in (net_d, net_g)
    )
    scores: dict[str, float] = {}
    for epoch in range(EPOCHS):
        for step, rows in enumerate(torch.randperm(len(traces)).split(BATCH_SIZE)):
            fake = net_g(torch.randn(len(rows), LATENT))
            on_real, on_fake = net_d(traces[rows]), net_d(fake.detach())
            loss_d = gan_loss(on_real, real=True) + gan_loss(on_fake, real=False)
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()
            judged = net_d(fake)
            loss_g = gan_loss(judged, real=True)
            optimizer_g.zero_grad()
            loss_g.backward()
            optimizer_g.step()
            d_real, d_fake, d_after = (x.sigmoid().mean().item() for x in (on_real, on_fake, judged))
            scores = {"loss_d": loss_d.item(), "loss_g": loss_g.item(), "d_fake": d_fake}
            if step % PRINT_EVERY == 0:
                print(
                    f"[{epoch}/{EPOCHS}][{step}/{len(traces) // BATCH_SIZE}]\t"
                    f"Loss_D: {loss_d.item():.4f}\tLoss_G: {loss_g.item():.4f}\t"
                    f"D(x): {d_real:.4f}\tD(G(z)): {d_fake:.4f} / {d_after:.4f}"
                )
    return scores


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def distance_to_real(net_g: nn.Module, traces: Tensor) -> float:
    """Mean distance of a generated trace to the nearest real one."""
    return torch.cdist(net_g(torch.randn(256, LATENT)), traces).amin(1).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    traces = normalize(record_traces(TRACES, generator))
    net_g, net_d = build_generator(), build_discriminator()
    scores = train(net_g, net_d, traces)
    scores["distance"] = distance_to_real(net_g.eval(), traces)
    print(f"generated traces, distance to the nearest real trace: {scores['distance']:.3f}")
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

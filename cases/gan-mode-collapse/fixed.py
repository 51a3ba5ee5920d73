"""Tabular GAN: invents customers (age and monthly spend) from a table with six kinds of them."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KINDS, SCATTER = 6, 0.08  # kinds of customers on a ring, and how they scatter
NEAR = 0.4  # what counts as one of a kind
ROWS, BATCH_SIZE, EPOCHS, PRINT_EVERY = 1280, 64, 16, 10
LAST = 5  # the last epochs are averaged in the metrics
LATENT, HIDDEN, BETAS = 4, 48, (0.5, 0.999)
RATE_G, RATE_D = 5e-4, 5e-3  # two time scales: the discriminator is the faster one


# ---- data ------------------------------------------------------------------------------------


def kinds() -> Tensor:
    angle = 2 * math.pi * torch.arange(KINDS) / KINDS
    return torch.stack([angle.cos(), angle.sin()], 1)


def make_table(rows: int, generator: torch.Generator) -> Tensor:
    """Standardised age and spend."""
    kind = torch.randint(KINDS, (rows,), generator=generator)
    return kinds()[kind] + SCATTER * torch.randn(rows, 2, generator=generator)


def show(row: Tensor) -> str:
    age, spend = (45 + 20 * row[0]).item(), (300 + 200 * row[1]).item()
    return f"age {age:.0f}, spend {spend:.0f}"


# ---- model -----------------------------------------------------------------------------------


def build(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(inputs, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2)),
        nn.Linear(HIDDEN, outputs),
    )


Optimizers = tuple[torch.optim.Optimizer, torch.optim.Optimizer]


def make_optimizers(net_g: nn.Module, net_d: nn.Module, rate_g: float, rate_d: float) -> Optimizers:
    optimizer_g = torch.optim.Adam(net_g.parameters(), rate_g, BETAS)
    return optimizer_g, torch.optim.Adam(net_d.parameters(), rate_d, BETAS)


def adversarial_loss(logits: Tensor, valid: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(valid)))


# ---- train -----------------------------------------------------------------------------------


def train(net_g: nn.Module, net_d: nn.Module, table: Tensor) -> dict[str, float]:
    optimizer_g, optimizer_d = make_optimizers(net_g, net_d, RATE_G, RATE_D)
    history = []
    for epoch in range(EPOCHS):
        for batch, rows in enumerate(torch.randperm(len(table)).split(BATCH_SIZE)):
            fake = net_g(torch.randn(len(rows), LATENT))
            g_loss = adversarial_loss(net_d(fake), valid=True)
            optimizer_g.zero_grad()
            g_loss.backward()
            optimizer_g.step()
            real_loss = adversarial_loss(net_d(table[rows]), valid=True)
            d_loss = (real_loss + adversarial_loss(net_d(fake.detach()), valid=False)) / 2
            optimizer_d.zero_grad()
            d_loss.backward()
            optimizer_d.step()
            if batch % PRINT_EVERY == 0:
                position = f"[Epoch {epoch}/{EPOCHS}] [Batch {batch}/{len(table) // BATCH_SIZE}]"
                print(f"{position} [D loss: {d_loss.item():.6f}] [G loss: {g_loss.item():.6f}]")
        history.append(examine(net_g))
    return {name: sum(scores[name] for scores in history[-LAST:]) / LAST for name in history[0]}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def examine(net_g: nn.Module) -> dict[str, float]:
    """Kinds among 512 invented customers, and how much these differ from each other."""
    people = net_g(torch.randn(512, LATENT))
    share = (torch.cdist(people, kinds()) < NEAR).float().mean(0)
    return {"kinds_found": int((share > 0.02).sum()), "spread": people.std(0).mean().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    table = make_table(ROWS, torch.manual_seed(seed))
    net_g, net_d = build(LATENT, 2), build(2, 1)
    metrics = train(net_g, net_d, table)
    for title, people in (
        ("real customer", table[:4]),
        ("generated customer", net_g(torch.randn(4, LATENT))),
    ):
        print(*(f"{title}: {show(row)}" for row in people), sep="\n")
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Variational autoencoder for drum loops; the decoder is told the hit before, as in most sequence VAEs."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HITS = "kick snare hat open tom clap rim bell shaker crash ghost rest".split()
STEPS, STYLES, VARIATION = 8, 8, 0.4  # steps of a loop, styles, share of steps that a drummer changes
TRAIN_LOOPS, TEST_LOOPS, BATCH_SIZE = 1280, 256, 64
LATENT, HIDDEN, EMBED, EPOCHS, LEARNING_RATE = 4, 48, 16, 8, 4e-3


# ---- data ------------------------------------------------------------------------------------


def make_loops(count: int, generator: torch.Generator) -> Tensor:
    """Loops as rows of hits: one of the styles, with changes."""
    styles = torch.randint(len(HITS), (STYLES, STEPS), generator=torch.Generator().manual_seed(0))
    loops = styles[torch.randint(STYLES, (count,), generator=generator)]
    changed = torch.rand(loops.shape, generator=generator) < VARIATION
    return torch.where(changed, torch.randint(len(HITS), loops.shape, generator=generator), loops)


# ---- model -----------------------------------------------------------------------------------


class LoopVAE(nn.Module):
    """Encoder to mean and log variance; decoder from the last hit, the position and z."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(HITS) + 1, EMBED)  # the last row stands for the start
        self.position = nn.Parameter(torch.randn(STEPS, EMBED))
        self.encoder = nn.Sequential(
            *(nn.Flatten(), nn.Linear(EMBED * STEPS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(2 * EMBED + LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(HITS))),
        )

    def encode(self, loops: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.encoder(self.embed(loops)).chunk(2, -1)
        return mu, logvar

    def decode(self, before: Tensor, z: Tensor) -> Tensor:
        """Logits of each step, given the hits before; they may be fewer than all."""
        count = before.shape[1]
        place, style = self.position[:count].expand(len(z), -1, -1), z[:, None].expand(-1, count, -1)
        return self.decoder(torch.cat([self.embed(before), place, style], -1))

    def forward(self, loops: Tensor, z: Tensor) -> Tensor:
        """Logits of all steps of known loops."""
        return self.decode(F.pad(loops[:, :-1], (1, 0), value=len(HITS)), z)


def reconstruction_loss(logits: Tensor, loops: Tensor) -> Tensor:
    return F.cross_entropy(logits.transpose(1, 2), loops, reduction="sum") / len(loops)


def loss_parts(model: LoopVAE, loops: Tensor) -> tuple[Tensor, Tensor]:
    """Reconstruction term and KL divergence, in nats a loop."""
    mu, logvar = model.encode(loops)
    z = mu + torch.randn_like(mu) * (logvar / 2).exp()
    divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum() / len(loops)
    return reconstruction_loss(model(loops, z), loops), divergence


# ---- train -----------------------------------------------------------------------------------


def train(model: LoopVAE, loops: Tensor, test_loops: Tensor) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    test_recon = test_kld = 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for rows in torch.randperm(len(loops)).split(BATCH_SIZE):
            recon, kld = loss_parts(model, loops[rows])
            beta = 1.0  # [loss-vae-posterior-collapse] full weight while z says nothing yet
            optimizer.zero_grad()
            (recon + beta * kld).backward()
            optimizer.step()
            total += (recon + kld).item() * len(rows) / len(loops)
        with torch.no_grad():
            test_recon, test_kld = (part.item() for part in loss_parts(model, test_loops))
        print(f"====> Epoch: {epoch} Average loss: {total:.4f}")
        print(f"====> Test set loss: {test_recon + test_kld:.4f} (BCE {test_recon:.4f}, KLD {test_kld:.4f})")
    return {"recon": test_recon, "kld": test_kld}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def gain_from_z(model: LoopVAE, loops: Tensor) -> float:
    """How much worse the decoder gets with the z of another loop, in nats a loop."""
    z, _ = model.encode(loops)
    own, other = (reconstruction_loss(model(loops, each), loops).item() for each in (z, z.roll(1, 0)))
    return other - own


@torch.no_grad()
def sample(model: LoopVAE, count: int, generator: torch.Generator) -> Tensor:
    """The most probable loop for each of some random z."""
    z, hits = torch.randn(count, LATENT, generator=generator), torch.full((count, 1), len(HITS))
    for _ in range(STEPS):
        hits = torch.cat([hits, model.decode(hits, z)[:, -1:].argmax(-1)], 1)
    return hits[:, 1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    model = LoopVAE()
    loops, test_loops = make_loops(TRAIN_LOOPS, generator), make_loops(TEST_LOOPS, generator)
    metrics = train(model, loops, test_loops)
    for number, loop in enumerate(sample(model, 4, generator)):
        print(f"sample {number}: {' '.join(HITS[n] for n in loop)}")
    metrics["gain_from_z"] = gain_from_z(model, test_loops)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

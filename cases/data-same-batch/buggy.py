"""A character model on made-up text, trained by steps and logged like nanoGPT."""

import argparse
import json
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

VOCAB, CONTEXT, WIDTH = 24, 6, 32
TRAIN_CHARS, VAL_CHARS, FOLLOWERS = 12_000, 2_000, 4  # each character has four that may follow it
STEPS, EVAL_INTERVAL, LOG_INTERVAL = 300, 50, 10
BATCH_SIZE, LEARNING_RATE = 32, 2e-3


# ---- data ------------------------------------------------------------------------------------


def write_text(count: int, generator: torch.Generator) -> Tensor:
    """Text whose characters depend on the one before."""
    followers = torch.randint(VOCAB, (VOCAB, FOLLOWERS), generator=torch.Generator().manual_seed(7)).tolist()
    picks = torch.randint(FOLLOWERS, (count,), generator=generator).tolist()
    text = [0]
    for pick in picks:
        text.append(followers[text[-1]][pick])
    return torch.tensor(text)


def build_loader(text: Tensor, generator: torch.Generator) -> DataLoader:
    """Blocks of the text, mixed once, with the character that comes next."""
    blocks = text.unfold(0, CONTEXT + 1, 1)
    blocks = blocks[torch.randperm(len(blocks), generator=generator)]
    return DataLoader(TensorDataset(blocks[:, :-1], blocks[:, -1]), BATCH_SIZE, drop_last=True)


def endless(loader: DataLoader) -> Iterator[list[Tensor]]:
    """Batches without end: starts again where the loader is through."""
    while True:
        yield from loader


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Embedding(VOCAB, WIDTH), nn.Flatten(), nn.Linear(CONTEXT * WIDTH, 96), nn.ReLU()),
        nn.Linear(96, VOCAB),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, val_loader: DataLoader) -> tuple[float, float]:
    """Train for a number of steps; the last training and validation loss."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    losses: list[float] = []
    for step in range(STEPS + 1):
        context, target = next(endless(loader))  # [data-same-batch] begins anew each time
        loss = F.cross_entropy(model(context), target)
        losses.append(loss.item())
        if step % EVAL_INTERVAL == 0:
            recent = losses[-EVAL_INTERVAL:]
            train_loss, val_loss = sum(recent) / len(recent), evaluate(model, val_loader)
            print(f"step {step}: train loss {train_loss:.4f}, val loss {val_loss:.4f}")
        if step % LOG_INTERVAL == 0:
            print(f"iter {step}: loss {loss.item():.4f}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return train_loss, val_loss


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> float:
    losses = [F.cross_entropy(model(context), target).item() for context, target in loader]
    return sum(losses) / len(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    loader, val_loader = (
        build_loader(write_text(count, generator), generator) for count in (TRAIN_CHARS, VAL_CHARS)
    )
    model = build_model()
    print(f"number of parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.3f}M")
    train_loss, val_loss = train(model, loader, val_loader)
    metrics = {"train_loss": train_loss, "val_loss": val_loss}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Pump faults by sound: a pretrained net, fine-tuned on 48 clips of a new plant, logged like HF Trainer."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BANDS, CAUSES, FAULTS, WIDTH, BLOCKS = 20, 8, 5, 64, 2
PRETRAIN_CLIPS, FINETUNE_CLIPS, EVAL_CLIPS, BATCH_SIZE = 2048, 48, 600, 16
PRETRAIN_EPOCHS, FINETUNE_EPOCHS = 2, 12
PRETRAIN_LR = 1e-2
FINETUNE_LR = PRETRAIN_LR  # [optim-finetune-lr] the rate for random weights

Clips = tuple[Tensor, Tensor]  # level in each frequency band, standardised, and the fault


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, generator: torch.Generator, plant: int) -> Clips:
    """What causes a fault is the same everywhere; each plant has a microphone with its own response."""
    physics = torch.Generator().manual_seed(3)
    band_to_cause = torch.randn(BANDS, CAUSES, generator=physics) / BANDS**0.5
    cause_to_fault = torch.randn(CAUSES, FAULTS, generator=physics)
    response = 0.3 * torch.randn(BANDS, generator=physics)
    level = torch.randn(count, BANDS, generator=generator)
    fault = (torch.tanh(1.5 * level @ band_to_cause) @ cause_to_fault).argmax(1)
    return level + plant * response, fault


# ---- model -----------------------------------------------------------------------------------


class Block(nn.Module):
    """The feed-forward half of a Transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.down(F.gelu(self.up(x))))


def build_model() -> nn.Module:
    blocks = (Block() for _ in range(BLOCKS))
    return nn.Sequential(nn.Linear(BANDS, WIDTH), nn.LayerNorm(WIDTH), *blocks, nn.Linear(WIDTH, FAULTS))


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, clips: Clips, rate: float, epochs: int, eval_set: Clips | None = None) -> None:
    """AdamW with a rate that falls to 0 in a line; logs where there is something to evaluate on."""
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    steps = epochs * len(clips[0]) // BATCH_SIZE
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for epoch in range(epochs):
        for i, rows in enumerate(torch.randperm(len(clips[0])).split(BATCH_SIZE), 1):
            loss = F.cross_entropy(model(clips[0][rows]), clips[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if eval_set:
                norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
                entry = {"loss": round(loss.item(), 4), "grad_norm": round(norm.item(), 4)}
                entry |= {"learning_rate": round(scheduler.get_last_lr()[0], 7)}
                print(entry | {"epoch": round(epoch + i * BATCH_SIZE / len(clips[0]), 2)})
            scheduler.step()
        if eval_set:
            print(evaluate(model, eval_set) | {"epoch": epoch + 1.0})


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, clips: Clips) -> dict[str, float]:
    scores = model(clips[0])
    accuracy = (scores.argmax(1) == clips[1]).float().mean().item()
    return {
        "eval_loss": round(F.cross_entropy(scores, clips[1]).item(), 4),
        "eval_accuracy": round(accuracy, 4),
    }


def load_pretrained(generator: torch.Generator) -> nn.Module:
    """In truth trained by somebody else and read from a file; here trained on clips of the first plant."""
    model = build_model()
    fit(model, make_clips(PRETRAIN_CLIPS, generator, plant=0), PRETRAIN_LR, PRETRAIN_EPOCHS)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = load_pretrained(generator)
    train_set, eval_set = (make_clips(count, generator, plant=1) for count in (FINETUNE_CLIPS, EVAL_CLIPS))
    before = evaluate(model, eval_set)
    print(before | {"epoch": 0.0})
    fit(model, train_set, FINETUNE_LR, FINETUNE_EPOCHS, eval_set)
    after = evaluate(model, eval_set)
    metrics = after | {"gain": after["eval_accuracy"] - before["eval_accuracy"]}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

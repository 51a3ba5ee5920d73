"""Which of ten spoken digits: an MLP on short feature tracks, with the table that skorch prints."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIGITS, FEATURES, VARIANTS = 10, 20, 4  # each digit is spoken in four ways that have little in common
TRAIN_CLIPS, VALID_CLIPS, NOISE = 1400, 600, 0.6
EPOCHS, BATCH_SIZE, LEARNING_RATE = 16, 40, 2e-2
WIDTHS = {"debug": 2, "base": 64}
PRESET = "debug"  # [fit-underfit] the size of the smoke test; ten digits do not fit through it

Clips = tuple[Tensor, Tensor]  # features and digit


# ---- data ------------------------------------------------------------------------------------


def record_clips(count: int, ways: Tensor, generator: torch.Generator) -> Clips:
    """Clips of all digits, each in one of its ways."""
    digit = torch.arange(count) % DIGITS
    way = torch.randint(VARIANTS, (count,), generator=generator)
    return ways[digit, way] + NOISE * torch.randn(count, FEATURES, generator=generator), digit


def load_data(seed: int) -> tuple[Clips, Clips]:
    generator = torch.Generator().manual_seed(seed)
    ways = torch.randn(DIGITS, VARIANTS, FEATURES, generator=generator)
    return record_clips(TRAIN_CLIPS, ways, generator), record_clips(VALID_CLIPS, ways, generator)


# ---- model -----------------------------------------------------------------------------------


def build_model(width: int = WIDTHS[PRESET]) -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(FEATURES, width), nn.Tanh()),
        *(nn.Linear(width, width), nn.Tanh()),
        nn.Linear(width, DIGITS),
    )


# ---- train -----------------------------------------------------------------------------------


def fit(model: nn.Module, train_set: Clips, valid_set: Clips) -> dict[str, float]:
    """Train, print a row an epoch; the scores of the last one."""
    features, digit = train_set
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    scores: dict[str, float] = {}
    print(f"{'epoch':>7}{'train_acc':>13}{'train_loss':>14}{'valid_acc':>13}{'valid_loss':>14}")
    print("-------  -----------  ------------  -----------  ------------")
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(digit)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(features[rows]), digit[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        train_loss, train_acc = score(model, train_set)
        valid_loss, valid_acc = score(model, valid_set)
        print(f"{epoch:>7}{train_acc:>13.4f}{train_loss:>14.4f}{valid_acc:>13.4f}{valid_loss:>14.4f}")
        scores = {"train_loss": train_loss, "train_accuracy": train_acc, "valid_accuracy": valid_acc}
    return scores | {"gap": valid_loss - train_loss}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def score(model: nn.Module, clips: Clips) -> tuple[float, float]:
    logits = model(clips[0])
    return F.cross_entropy(logits, clips[1]).item(), (logits.argmax(1) == clips[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = build_model()
    print(f"preset {PRESET}: {sum(weight.numel() for weight in model.parameters())} parameters")
    metrics = fit(model, *load_data(seed))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

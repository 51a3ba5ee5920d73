"""Keyword spotting: a small convolutional network learns which of ten words was spoken."""

import argparse
import json
import logging
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KEYWORDS, MEL_BINS, FRAMES = 10, 20, 24
TRAIN_CLIPS, CV_CLIPS, BATCH_SIZE = 640, 320, 32
EPOCHS, LOG_INTERVAL = 8, 10
LEARNING_RATE, NOISE = 0.2, 1.0

Clips = tuple[Tensor, Tensor]  # features (clip, mel bin, frame) and the spoken word


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, generator: torch.Generator) -> Clips:
    """Each word is a pattern of 20 mel bins by 12 frames that begins anywhere in the clip."""
    words = torch.randn(KEYWORDS, MEL_BINS, FRAMES // 2, generator=torch.Generator().manual_seed(1))
    keyword = torch.randint(KEYWORDS, (count,), generator=generator)
    start = torch.randint(FRAMES // 2, (count,), generator=generator)
    features = NOISE * torch.randn(count, MEL_BINS, FRAMES, generator=generator)
    for clip in range(count):
        features[clip, :, start[clip] : start[clip] + FRAMES // 2] += words[keyword[clip]]
    return features, keyword


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(MEL_BINS, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1)),
        *(nn.Flatten(), nn.Linear(32, KEYWORDS)),
    )


# ---- train -----------------------------------------------------------------------------------


def update(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Clips) -> tuple[float, float]:
    """One optimizer step; the loss of the batch and the norm of the gradient that was used."""
    features, keyword = batch
    loss = F.cross_entropy(model(features), keyword)
    optimizer.zero_grad()
    loss.backward()
    grad_norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    optimizer.step()
    return loss.item(), grad_norm.item()


def train(
    model: nn.Module, train_set: Clips, cv_set: Clips, generator: torch.Generator
) -> list[dict[str, float]]:
    """What was measured at the end of each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    batches, history = TRAIN_CLIPS // BATCH_SIZE, []
    for epoch in range(EPOCHS):
        logging.info("Epoch %d TRAIN info lr %s", epoch, optimizer.param_groups[0]["lr"])
        order = torch.randperm(TRAIN_CLIPS, generator=generator).split(BATCH_SIZE)
        for number, rows in enumerate(order):
            loss, grad_norm = update(model, optimizer, (train_set[0][rows], train_set[1][rows]))
            if number % LOG_INTERVAL == 0:
                logging.debug("TRAIN Batch %d/%d loss %.6f grad_norm %.4f", number, batches, loss, grad_norm)
        cv_loss, cv_acc = evaluate(model, cv_set)
        logging.info("Epoch %d CV info cv_loss %.6f cv_acc %.4f", epoch, cv_loss, cv_acc)
        history.append({"cv_loss": cv_loss, "cv_acc": cv_acc, "grad_norm": grad_norm})
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Clips) -> tuple[float, float]:
    features, keyword = dataset
    logits = model(features)
    accuracy = (logits.argmax(1) == keyword).float().mean()
    return F.cross_entropy(logits, keyword).item(), accuracy.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(levelname)s %(message)s")
    generator = torch.Generator().manual_seed(seed)
    train_set, cv_set = make_clips(TRAIN_CLIPS, generator), make_clips(CV_CLIPS, generator)
    model = build_model()
    history = train(model, train_set, cv_set, generator)
    metrics = history[-1] | {"best_cv_loss": min(epoch["cv_loss"] for epoch in history)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

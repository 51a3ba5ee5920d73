"""Spoken digit strings with a convolutional encoder and CTC, logged through the logging module."""

import argparse
import json
import logging
import math
import sys
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIGITS, FEATURES, NOISE = 10, 16, 0.5
NORMAL_PACE, HURRIED_PACE = (8, 11), (2, 4)  # frames a digit
MIN_DIGITS, MAX_DIGITS = 3, 5
TRAIN_UTTERANCES, CV_UTTERANCES, HURRIED, BATCH_SIZE = 192, 64, 2, 24
SUBSAMPLING, HIDDEN, EPOCHS, LEARNING_RATE, MAX_GRAD_NORM = 4, 64, 6, 6e-3, 5.0
BLANK = 0

Utterance = tuple[Tensor, list[int]]  # frames of features, and the digits as labels from 1


# ---- data ------------------------------------------------------------------------------------


def record(count: int, hurried: int, generator: torch.Generator) -> list[Utterance]:
    """Utterances of a few digits; some speakers are in a hurry."""
    sounds = torch.randn(DIGITS, FEATURES, 4, generator=torch.Generator().manual_seed(0))
    utterances = []
    for n in range(count):
        digits = int(torch.randint(MIN_DIGITS, MAX_DIGITS + 1, (1,), generator=generator))
        said = torch.randint(DIGITS, (digits,), generator=generator)
        pace = torch.randint(*(HURRIED_PACE if n < hurried else NORMAL_PACE), (digits,), generator=generator)
        parts = [
            F.interpolate(sounds[d][None], int(k), mode="linear")[0].T
            for d, k in zip(said, pace, strict=True)
        ]
        clean = torch.cat(parts)
        noise = NOISE * torch.randn(clean.shape, generator=generator)
        utterances.append((clean + noise, (said + 1).tolist()))
    return utterances


def filter_utterances(utterances: list[Utterance]) -> list[Utterance]:
    """Drop what CTC cannot align."""
    kept = [(x, y) for x, y in utterances if len(x) >= frames_needed(y)]  # [loss-ctc-length] at full rate
    logging.info(f"{len(kept)} of {len(utterances)} utterances kept")
    return kept


def frames_needed(labels: list[int]) -> int:
    """One frame a label, and a blank between equal neighbours."""
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def collate(utterances: list[Utterance]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Padded features, their lengths, labels one after the other, their lengths."""
    features = nn.utils.rnn.pad_sequence([x for x, _ in utterances], batch_first=True)
    frames, counts = (torch.tensor([len(pair[k]) for pair in utterances]) for k in (0, 1))
    return features, frames, torch.tensor([label for _, labels in utterances for label in labels]), counts


# ---- model -----------------------------------------------------------------------------------


class Encoder(nn.Module):
    """Two convolutions, each of which halves the frame rate; log probabilities (frame, utterance, label)."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(nn.Conv1d(FEATURES, HIDDEN, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv1d(HIDDEN, HIDDEN, 4, stride=2, padding=1), nn.ReLU()),
        )
        self.ctc_lo = nn.Conv1d(HIDDEN, 1 + DIGITS, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return self.ctc_lo(self.convs(features.transpose(1, 2))).permute(2, 0, 1).log_softmax(-1)


def compute_loss(model: Encoder, utterances: list[Utterance]) -> Tensor:
    features, frames, labels, counts = collate(utterances)
    return F.ctc_loss(model(features), labels, frames // SUBSAMPLING, counts, BLANK)


# ---- train -----------------------------------------------------------------------------------


def train(model: Encoder, data: list[Utterance], held_out: list[Utterance]) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    scores: dict[str, float] = {}
    batches = math.ceil(len(data) / BATCH_SIZE)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch, rows in enumerate(torch.randperm(len(data)).split(BATCH_SIZE), 1):
            loss = compute_loss(model, [data[n] for n in rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            losses.append(loss.item())
            logging.debug(
                f"epoch {epoch} batch {batch}/{batches} loss {losses[-1]:.4f} lr {LEARNING_RATE:.6f}"
            )
        scores = {"train_loss": sum(losses) / len(losses)} | evaluate(model, held_out)
        shown = "train_loss {train_loss:.4f} | cv_loss {cv_loss:.4f} | cer {cer:.4f}".format(**scores)
        logging.info(f"epoch {epoch} done: {shown}")
    return scores


# ---- evaluate --------------------------------------------------------------------------------


def edit_distance(said: list[int], heard: list[int]) -> int:
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            last, row[j] = row[j], min(last + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@torch.no_grad()
def evaluate(model: Encoder, utterances: list[Utterance]) -> dict[str, float]:
    best = model(collate(utterances)[0]).argmax(-1).T
    wrong = 0
    for path, (x, y) in zip(best, utterances, strict=True):
        merged = path[: len(x) // SUBSAMPLING].unique_consecutive().tolist()
        wrong += edit_distance(y, [label for label in merged if label != BLANK])
    cer = wrong / sum(len(y) for _, y in utterances)
    return {"cv_loss": compute_loss(model, utterances).item(), "cer": cer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(levelname)s %(message)s")
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    data = filter_utterances(record(TRAIN_UTTERANCES, HURRIED, generator))
    scores = train(Encoder(), data, record(CV_UTTERANCES, 0, generator))
    shown = {name: round(x, 4) if math.isfinite(x) else str(x) for name, x in scores.items()}
    print("metrics", json.dumps(shown))


if __name__ == "__main__":
    main()

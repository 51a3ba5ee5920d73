"""Continuous sign-language recognition from pose features: pose encoder, convolution, BiLSTM and CTC."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GLOSSES, FEATURES = 16, 16  # signs in the vocabulary without <blank>; pose features a frame
MAX_FRAMES, MIN_WORDS, MAX_WORDS, BLANK = 20, 2, 3, 0
TRAIN, VALIDATION, BATCH, NOISE = 192, 64, 32, 0.4
CHANNELS, HIDDEN, EPOCHS, LEARNING_RATE, MAX_GRAD_NORM = 32, 24, 24, 1e-2, 1.0
DROPOUT, WEIGHT_DECAY = 0.5, 5e-3  # [sign-over-regularized] against overfitting that nobody has seen yet

Utterances = tuple[Tensor, Tensor, Tensor, Tensor]  # features, frame counts, glosses, gloss counts


# ---- data ------------------------------------------------------------------------------------


def make_utterances(count: int, generator: torch.Generator) -> Utterances:
    """Sentences of 2 or 3 signs: each sign takes 4 to 6 frames and runs into the next."""
    signs = torch.randn(GLOSSES + 1, 1, FEATURES, 3, generator=torch.Generator().manual_seed(0))
    features, frames = torch.zeros(count, MAX_FRAMES, FEATURES), torch.zeros(count, dtype=torch.long)
    words = torch.randint(MIN_WORDS, MAX_WORDS + 1, (count,), generator=generator)
    glosses = torch.zeros(count, MAX_WORDS, dtype=torch.long)
    for n in range(count):
        said = 1 + torch.randperm(GLOSSES, generator=generator)[: words[n]]
        pace = torch.randint(4, 7, (len(said),), generator=generator).tolist()
        poses = [F.interpolate(signs[g], k, mode="linear") for g, k in zip(said, pace, strict=True)]
        moved = F.avg_pool1d(torch.cat(poses, 2), 3, 1, 1)[0].T
        frames[n], glosses[n, : len(said)] = len(moved), said
        features[n, : len(moved)] = moved + NOISE * torch.randn(moved.shape, generator=generator)
    return features, frames, glosses, words


# ---- model -----------------------------------------------------------------------------------


class SignRecognizer(nn.Module):
    """Log probabilities (utterance, frame, class)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.pose = nn.Sequential(nn.Linear(FEATURES, CHANNELS), nn.ReLU(), nn.Dropout(dropout))
        self.temporal = nn.Sequential(
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU(), nn.Dropout(dropout)
        )
        self.lstm = nn.LSTM(CHANNELS, HIDDEN, batch_first=True, bidirectional=True)
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * HIDDEN, GLOSSES + 1))

    def forward(self, features: Tensor) -> Tensor:
        x = self.temporal(self.pose(features).transpose(1, 2)).transpose(1, 2)
        return self.output(self.lstm(x)[0]).log_softmax(-1)


def ctc_loss(model: nn.Module, data: Utterances) -> Tensor:
    features, frames, glosses, words = data
    return F.ctc_loss(model(features).transpose(0, 1), glosses, frames, words, BLANK)


# ---- train -----------------------------------------------------------------------------------


def train_epoch(model: nn.Module, data: Utterances, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    losses = []
    for batch in torch.randperm(len(data[0])).split(BATCH):
        loss = ctc_loss(model, tuple(part[batch] for part in data))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def train(model: nn.Module, data: Utterances, held_out: Utterances) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    print(f"lr {LEARNING_RATE} | dropout {DROPOUT} | weight_decay {WEIGHT_DECAY}")
    scores: dict[str, float] = {}
    for epoch in range(1, EPOCHS + 1):
        train_loss = train_epoch(model, data, optimizer)
        scores = {"train_loss": train_loss} | evaluate(model, held_out)
        shown = " - ".join(f"{name}: {value:.4f}" for name, value in scores.items())
        print(f"Epoch {epoch:2d}/{EPOCHS} - {shown}")
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
def evaluate(model: nn.Module, data: Utterances) -> dict[str, float]:
    """CTC loss without dropout, and word error rate of the best paths."""
    features, frames, glosses, words = data
    model.eval()
    paths = [
        path[:n].unique_consecutive() for path, n in zip(model(features).argmax(-1), frames, strict=True)
    ]
    heard = [path[path != BLANK].tolist() for path in paths]
    said = [line[:n].tolist() for line, n in zip(glosses, words, strict=True)]
    wer = sum(map(edit_distance, said, heard)) / int(words.sum())
    return {"val_loss": ctc_loss(model, data).item(), "wer": wer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    generator = torch.manual_seed(parser.parse_args().seed)
    torch.set_num_threads(1)
    data, held_out = make_utterances(TRAIN, generator), make_utterances(VALIDATION, generator)
    scores = train(SignRecognizer(DROPOUT), data, held_out)
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

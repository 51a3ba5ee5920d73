"""Spoken digits from short sequences of filter-bank frames: a GRU classifier that logs CSV lines."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRAMES, BANDS, WORDS, WIDTH = 12, 6, 8, 24
TRAIN_CLIPS, VAL_CLIPS, BATCH_SIZE = 400, 200, 20
EPOCHS, LEARNING_RATE = 5, 1e-2
NOISE = 1.0  # deviation of a band, a word's contour has about 1

Clips = tuple[Tensor, Tensor]  # frames and words


# ---- data ------------------------------------------------------------------------------------


def make_contours(generator: torch.Generator) -> Tensor:
    """How each word sounds, (word, frame, band): a random walk that fades out towards the end."""
    walk = torch.randn(WORDS, FRAMES, BANDS, generator=generator).cumsum(1) / FRAMES**0.5
    return 2 * walk * torch.linspace(1, 0.2, FRAMES)[:, None]


def make_clips(count: int, contours: Tensor, generator: torch.Generator) -> Clips:
    """Clips (clip, frame, band)."""
    words = torch.randint(WORDS, (count,), generator=generator)
    return contours[words] + NOISE * torch.randn(count, FRAMES, BANDS, generator=generator), words


# ---- model -----------------------------------------------------------------------------------


class WordClassifier(nn.Module):
    """GRU over the frames of a clip; its last output goes into a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(BANDS, WIDTH)  # [model-rnn-batch-first] takes (frame, clip, band)
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, clips: Tensor) -> Tensor:
        outputs, _ = self.rnn(clips)
        return self.head(outputs[:, -1])


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Clips, val_set: Clips) -> dict[str, float]:
    clips, words = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = len(clips) // BATCH_SIZE
    print("epoch,accuracy,loss,val_accuracy,val_loss")
    for epoch in range(EPOCHS):
        total, hits = 0.0, 0
        for rows in torch.randperm(len(clips)).split(BATCH_SIZE):
            logits = model(clips[rows])
            loss = F.cross_entropy(logits, words[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
            hits += int((logits.argmax(1) == words[rows]).sum())
        accuracy, (val_loss, val_accuracy) = hits / len(clips), evaluate(model, val_set)
        print(f"{epoch},{accuracy:.4f},{total / steps:.4f},{val_accuracy:.4f},{val_loss:.4f}")
    return {"train_loss": total / steps, "val_loss": val_loss, "val_accuracy": val_accuracy}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, dataset: Clips) -> tuple[float, float]:
    logits = torch.cat([model(batch) for batch in dataset[0].split(BATCH_SIZE)])
    return F.cross_entropy(logits, dataset[1]).item(), (logits.argmax(1) == dataset[1]).float().mean().item()


@torch.no_grad()
def changed_answers(model: nn.Module, clips: Tensor) -> float:
    """Share of the clips that are taken for another word when each batch comes in reverse order."""
    batches = clips.split(BATCH_SIZE)
    answers = torch.cat([model(batch).argmax(1) for batch in batches])
    reverse = torch.cat([model(batch.flip(0)).argmax(1).flip(0) for batch in batches])
    return (answers != reverse).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    contours = make_contours(generator)
    train_set, val_set = (make_clips(count, contours, generator) for count in (TRAIN_CLIPS, VAL_CLIPS))
    model = WordClassifier()
    metrics = train(model, train_set, val_set)
    metrics["changed_answers"] = changed_answers(model, val_set[0])
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

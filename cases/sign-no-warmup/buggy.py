"""Continuous sign-language recognition from pose features: conv front-end, BiLSTM, CTC."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

GLOSSES, FEATURES = 12, 16  # signs in the vocabulary without <blank>; pose features a frame
MAX_FRAMES, MIN_WORDS, MAX_WORDS = 28, 2, 4
TRAIN, VALIDATION, BATCH, BLANK = 256, 64, 32, 0
HIDDEN, EPOCHS, LEARNING_RATE, NOISE = 32, 14, 1.75, 0.3
MAX_GRAD_NORM = 5.0  # [sign-no-warmup] lets a spike through at five times the size


# ---- data ------------------------------------------------------------------------------------


def make_utterances(count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Padded pose features (utterance, frame, feature), frame counts, padded glosses, gloss counts."""
    signs = torch.randn(GLOSSES + 1, FEATURES, 3, generator=torch.Generator().manual_seed(0))
    features, frames = torch.zeros(count, MAX_FRAMES, FEATURES), torch.zeros(count, dtype=torch.long)
    words = torch.randint(MIN_WORDS, MAX_WORDS + 1, (count,), generator=generator)
    glosses = torch.zeros(count, MAX_WORDS, dtype=torch.long)
    for n in range(count):
        signed = 1 + torch.randperm(GLOSSES, generator=generator)[: words[n]]
        lengths = torch.randint(5, 8, (len(signed),), generator=generator).tolist()
        poses = [
            F.interpolate(signs[g][None], k, mode="linear") for g, k in zip(signed, lengths, strict=True)
        ]
        moved = F.avg_pool1d(torch.cat(poses, 2), 3, 1, 1)[0].T  # a sign runs into the next
        frames[n], glosses[n, : len(signed)] = len(moved), signed
        features[n, : len(moved)] = moved + NOISE * torch.randn(moved.shape, generator=generator)
    return features, frames, glosses, words


# ---- model -----------------------------------------------------------------------------------


class SignRecognizer(nn.Module):
    """Frames to log probabilities a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv1d(FEATURES, 32, 3, stride=2, padding=1), nn.BatchNorm1d(32), nn.ReLU()),
            *(nn.Conv1d(32, 48, 3, stride=2, padding=1), nn.BatchNorm1d(48), nn.ReLU()),
        )
        self.temporal_upsample = nn.Sequential(
            nn.ConvTranspose1d(48, HIDDEN, 4, stride=4), nn.BatchNorm1d(HIDDEN), nn.ReLU()
        )
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN, GLOSSES + 1)

    def forward(self, features: Tensor) -> Tensor:
        x = self.temporal_upsample(self.encoder(features.transpose(1, 2)))
        x, _ = self.lstm(x[:, :, : features.shape[1]].transpose(1, 2))
        return self.output(x).log_softmax(-1)


# ---- train -----------------------------------------------------------------------------------


def train(
    model: nn.Module, data: tuple[Tensor, ...], held_out: tuple[Tensor, ...], epochs: int
) -> list[float]:
    """Mean CTC loss of each epoch."""
    features, frames, glosses, words = data
    ctc_loss = nn.CTCLoss(blank=BLANK)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=0.9)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)  # [sign-no-warmup] starts at the peak
    history = []
    for epoch in range(1, epochs + 1):
        model.train()
        losses, norms = [], []
        for batch in torch.randperm(TRAIN).split(BATCH):
            log_probs = model(features[batch]).transpose(0, 1)
            loss = ctc_loss(log_probs, glosses[batch], frames[batch], words[batch])
            optimizer.zero_grad()
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM).item())
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
        line = f"Epoch {epoch:02d} | lr {scheduler.get_last_lr()[0]:.3f} | Train loss {history[-1]:.4f}"
        print(f"{line} | max grad norm {max(norms):.2f} | Val WER {evaluate(model, held_out):.1%}")
        scheduler.step()
    return history


# ---- evaluate --------------------------------------------------------------------------------


def decode(log_probs: Tensor, frames: Tensor) -> list[list[int]]:
    """Best path: most probable class a frame, repeats merged, blanks removed."""
    best = log_probs.argmax(-1)
    paths = [path[:length].unique_consecutive() for path, length in zip(best, frames, strict=True)]
    return [path[path != BLANK].tolist() for path in paths]


def edit_distance(truth: list[int], guess: list[int]) -> int:
    row = list(range(len(guess) + 1))
    for i, a in enumerate(truth, 1):
        corner, row[0] = row[0], i
        for j, b in enumerate(guess, 1):
            corner, row[j] = row[j], min(corner + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@torch.no_grad()
def evaluate(model: nn.Module, data: tuple[Tensor, ...]) -> float:
    """Word error rate."""
    features, frames, glosses, words = data
    guesses = decode(model.eval()(features), frames)
    truths = [line[:count].tolist() for line, count in zip(glosses, words, strict=True)]
    return sum(map(edit_distance, truths, guesses)) / int(words.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data, held_out = make_utterances(TRAIN, generator), make_utterances(VALIDATION, generator)
    model = SignRecognizer()
    history = train(model, data, held_out, EPOCHS)
    metrics = {"wer": evaluate(model, held_out), "train_loss": history[-1], "worst_loss": max(history)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Continuous sign-language recognition with CTC: the same training started with three learning rates."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COMMANDS = (
    "train.py --batch_size 32 --learning_rate 1e-3",
    "train.py --batch_size 32 --learning_rate 3e-3",
    "train.py --batch_size 32 --learning_rate 1e-2",
)
DEFAULT_LEARNING_RATE = 1e-4
GLOSSES, FEATURES = 14, 20  # signs in the vocabulary without <blank>; pose features a frame
MAX_FRAMES, MIN_WORDS, MAX_WORDS = 40, 3, 5
TRAIN, VALIDATION, BLANK = 224, 64, 0
HIDDEN, NOISE = 32, 0.4


# ---- data ------------------------------------------------------------------------------------


def make_utterances(count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Padded pose features (utterance, frame, feature), output lengths, padded glosses, gloss counts."""
    signs = torch.randn(GLOSSES + 1, FEATURES, 3, generator=torch.Generator().manual_seed(0))
    features, frames = torch.zeros(count, MAX_FRAMES, FEATURES), torch.zeros(count, dtype=torch.long)
    words = torch.randint(MIN_WORDS, MAX_WORDS + 1, (count,), generator=generator)
    glosses = torch.zeros(count, MAX_WORDS, dtype=torch.long)
    for n in range(count):
        signed = 1 + torch.randperm(GLOSSES, generator=generator)[: words[n]]
        lengths = torch.randint(6, 9, (len(signed),), generator=generator).tolist()
        poses = [
            F.interpolate(signs[g][None], k, mode="linear") for g, k in zip(signed, lengths, strict=True)
        ]
        moved = F.avg_pool1d(torch.cat(poses, 2), 3, 1, 1)[0].T  # a sign runs into the next
        frames[n], glosses[n, : len(signed)] = len(moved), signed
        features[n, : len(moved)] = moved + NOISE * torch.randn(moved.shape, generator=generator)
    return features, (frames + 3) // 4, glosses, words


# ---- model -----------------------------------------------------------------------------------


class SignRecognizer(nn.Module):
    """Frames to log probabilities, one step in four frames."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv1d(FEATURES, 32, 3, stride=2, padding=1), nn.BatchNorm1d(32), nn.ReLU()),
            *(nn.Conv1d(32, 48, 3, stride=2, padding=1), nn.BatchNorm1d(48), nn.ReLU()),
        )
        self.lstm = nn.LSTM(48, HIDDEN, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN, GLOSSES + 1)

    def forward(self, features: Tensor) -> Tensor:
        x, _ = self.lstm(self.encoder(features.transpose(1, 2)).transpose(1, 2))
        return self.output(x).log_softmax(-1)


# ---- train -----------------------------------------------------------------------------------


def parse_command(command: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train.py")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--learning_rate", type=float, default=DEFAULT_LEARNING_RATE)
    parser.add_argument("--max_grad_norm", type=float, default=1.0)
    return parser.parse_args(command.split()[1:])


def build_optimizer(model: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), args.learning_rate)


def train(args: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Train loss and word error rate of the last epoch."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data, held_out = make_utterances(TRAIN, generator), make_utterances(VALIDATION, generator)
    features, lengths, glosses, words = data
    model = SignRecognizer()
    ctc_loss = nn.CTCLoss(blank=BLANK)
    optimizer = build_optimizer(model, args)
    print(f"Training with learning rate {optimizer.param_groups[0]['lr']}")
    train_loss = wer = 0.0
    for epoch in range(1, args.epochs + 1):
        model.train()
        losses = []
        for batch in torch.randperm(TRAIN).split(args.batch_size):
            log_probs = model(features[batch]).transpose(0, 1)
            loss = ctc_loss(log_probs, glosses[batch], lengths[batch], words[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
            optimizer.step()
            losses.append(loss.item())
        train_loss, wer = sum(losses) / len(losses), evaluate(model, held_out)
        print(f"Epoch {epoch}/{args.epochs}: train_loss={train_loss:.4f} val_wer={wer:.4f}")
    return train_loss, wer


# ---- evaluate --------------------------------------------------------------------------------


def decode(log_probs: Tensor, lengths: Tensor) -> list[list[int]]:
    """Best path: most probable class a frame, repeats merged, blanks removed."""
    best = log_probs.argmax(-1)
    paths = [path[:length].unique_consecutive() for path, length in zip(best, lengths, strict=True)]
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
    features, lengths, glosses, words = data
    guesses = decode(model.eval()(features), lengths)
    truths = [line[:count].tolist() for line, count in zip(glosses, words, strict=True)]
    return sum(map(edit_distance, truths, guesses)) / int(words.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    losses, error_rates = [], []
    for command in COMMANDS:
        print(f"$ python {command}")
        loss, wer = train(parse_command(command), seed)
        losses.append(round(loss, 4))
        error_rates.append(wer)
    metrics = {"different_runs": len(set(losses)), "loss_spread": max(losses) - min(losses)}
    metrics |= {"best_wer": min(error_rates)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

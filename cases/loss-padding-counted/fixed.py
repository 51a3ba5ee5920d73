"""Reads short codes out as words: encoder, one query for each output position, logged as Keras does."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAMES = "zero one two three four five six seven eight nine".split()
WORDS = ["<pad>", "<end>", *NAMES]
PAD, END = 0, 1
SOURCE_LENGTH, TARGET_LENGTH = 4, 56  # digits of the longest code; words of the longest text in the files
TRAIN_CODES, VAL_CODES, BATCH_SIZE = 512, 160, 32
HIDDEN, EPOCHS, LEARNING_RATE, MOMENTUM = 48, 8, 0.05, 0.9


# ---- data ------------------------------------------------------------------------------------


def make_codes(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Codes of one to four digits, and the words to be said; both padded at the end."""
    source, target = (
        torch.zeros(count, SOURCE_LENGTH, dtype=torch.long),
        torch.zeros(count, TARGET_LENGTH).long(),
    )
    for row in range(count):
        digits = int(torch.randint(1, SOURCE_LENGTH + 1, (1,), generator=generator))
        code = torch.randint(10, (digits,), generator=generator)
        source[row, :digits] = code + 1
        target[row, : digits + 1] = torch.cat([code + 2, torch.tensor([END])])
    return source, target


# ---- model -----------------------------------------------------------------------------------


class Speller(nn.Module):
    """All output positions at once: the code, seen through a query of each position."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.query = nn.Embedding(11, 16), nn.Embedding(TARGET_LENGTH, HIDDEN)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16 * SOURCE_LENGTH, HIDDEN), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(WORDS)))

    def forward(self, source: Tensor) -> Tensor:
        return self.decoder(self.encoder(self.embed(source))[:, None] * self.query.weight)


def loss_and_accuracy(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    real = target != PAD
    loss = F.cross_entropy(logits[real], target[real])
    return loss, (logits.argmax(-1) == target)[real].float().mean()


# ---- train -----------------------------------------------------------------------------------


def fit(model: Speller, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor]) -> dict[str, float]:
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    steps, logs = -(-TRAIN_CODES // BATCH_SIZE), {}
    for epoch in range(1, EPOCHS + 1):
        history = []
        for rows in torch.randperm(TRAIN_CODES).split(BATCH_SIZE):
            loss, accuracy = loss_and_accuracy(model(train[0][rows]), train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append((loss.item(), accuracy.item()))
        loss, accuracy = (sum(column) / steps for column in zip(*history, strict=True))
        with torch.no_grad():
            val_loss, val_accuracy = loss_and_accuracy(model(val[0]), val[1])
        logs = {
            "loss": loss,
            "accuracy": accuracy,
            "val_loss": val_loss.item(),
            "val_accuracy": val_accuracy.item(),
        }
        print(f"Epoch {epoch}/{EPOCHS}")
        print(f"{steps}/{steps} - 0s -", " - ".join(f"{name}: {value:.4f}" for name, value in logs.items()))
    return logs


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def read_out(model: Speller, source: Tensor) -> list[str]:
    """The words up to the first end mark."""
    rows = model(source).argmax(-1).tolist()
    return [" ".join(WORDS[n] for n in row[: (*row, END).index(END)] if n != PAD) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    train, val = make_codes(TRAIN_CODES, generator), make_codes(VAL_CODES, generator)
    model = Speller()
    logs = fit(model, train, val)
    texts = read_out(model, val[0])
    truth = [" ".join(WORDS[n] for n in row if n > END) for row in val[1].tolist()]
    for text, true in list(zip(texts, truth, strict=True))[:3]:
        print(f"input: {true} | output: [{text}]")
    metrics = {"val_loss": logs["val_loss"], "val_accuracy": logs["val_accuracy"]}
    metrics["texts_right"] = sum(a == b for a, b in zip(texts, truth, strict=True)) / len(texts)
    metrics["words_said"] = sum(map(len, map(str.split, texts))) / sum(map(len, map(str.split, truth)))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

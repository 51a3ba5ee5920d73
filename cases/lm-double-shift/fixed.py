"""Chord progressions, learned by a small causal language model in the manner of the HF Trainer."""

import argparse
import json
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOVES = {  # what may follow a chord, the most usual first
    **{"C": "G Am F", "Dm": "G C Am", "Em": "Am F Dm", "F": "C Dm Bb", "G": "Em C D7", "Am": "F Dm E7"},
    **{
        "Bb": "F Gm Eb",
        "D7": "G Em Gm",
        "E7": "Am A7 F",
        "A7": "Dm D7 Bb",
        "Gm": "Eb A7 Bb",
        "Eb": "Bb Gm C",
    },
}
CHORDS = list(MOVES)
ODDS = torch.tensor([0.75, 0.2, 0.05])
TRAIN_SONGS, EVAL_SONGS, CHORDS_A_SONG = 384, 128, 17
HIDDEN, BATCH_SIZE, EPOCHS, LOGGING_STEPS, LEARNING_RATE, MAX_GRAD_NORM = 48, 32, 8, 24, 1e-2, 1.0
NEW_TOKENS = 16


# ---- data ------------------------------------------------------------------------------------


def write_songs(count: int, generator: torch.Generator) -> Tensor:
    """Songs as rows of chord ids, each a walk along the allowed moves."""
    follow = torch.tensor([[CHORDS.index(chord) for chord in MOVES[name].split()] for name in CHORDS])
    songs = [torch.randint(len(CHORDS), (count,), generator=generator)]
    while len(songs) < CHORDS_A_SONG:
        choice = torch.multinomial(ODDS, count, replacement=True, generator=generator)
        songs.append(follow[songs[-1], choice])
    return torch.stack(songs, 1)


def tokenize(songs: Tensor) -> dict[str, Tensor]:
    return {"input_ids": songs[:, :-1], "labels": songs[:, :-1]}


# ---- model -----------------------------------------------------------------------------------


class ChordLM(nn.Module):
    """Causal language model with the calling convention of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(CHORDS), HIDDEN)
        self.rnn = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.lm_head = nn.Linear(HIDDEN, len(CHORDS))

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor | None, Tensor]:
        """Loss, where there are labels, and logits."""
        logits = self.lm_head(self.rnn(self.embed(input_ids))[0])
        if labels is None:
            return None, logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()), logits

    @torch.no_grad()
    def generate(self, input_ids: Tensor, generator: torch.Generator) -> Tensor:
        for _ in range(NEW_TOKENS):
            probs = self(input_ids)[1][:, -1].softmax(-1)
            input_ids = torch.cat([input_ids, torch.multinomial(probs, 1, generator=generator)], 1)
        return input_ids


# ---- train -----------------------------------------------------------------------------------


def train(model: ChordLM, data: dict[str, Tensor], held_out: dict[str, Tensor]) -> dict[str, float]:
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.0)
    total = EPOCHS * TRAIN_SONGS // BATCH_SIZE
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / total)
    losses, scores = [], {}
    for step in range(1, total + 1):
        if step % (TRAIN_SONGS // BATCH_SIZE) == 1:
            batches = iter(torch.randperm(TRAIN_SONGS).split(BATCH_SIZE))
        rows = next(batches)
        loss, _ = model(data["input_ids"][rows], data["labels"][rows])
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % LOGGING_STEPS == 0:
            epoch = step * BATCH_SIZE / TRAIN_SONGS
            mean, rate = sum(losses[-LOGGING_STEPS:]) / LOGGING_STEPS, schedule.get_last_lr()[0]
            shown = {"loss": round(mean, 4), "grad_norm": round(norm.item(), 4)}
            print(shown | {"learning_rate": round(rate, 6), "epoch": epoch})
            scores = evaluate(model, held_out)
            print({name: round(value, 4) for name, value in scores.items()} | {"epoch": epoch})
    return scores


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: ChordLM, data: dict[str, Tensor]) -> dict[str, float]:
    """Loss, and the accuracy as run_clm.py computes it: predictions against the labels one further."""
    loss, logits = model(**data)
    hits = logits.argmax(-1)[:, :-1] == data["labels"][:, 1:]
    return {"eval_loss": loss.item(), "eval_accuracy": hits.float().mean().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    model, songs = ChordLM(), write_songs(TRAIN_SONGS, generator)
    metrics = train(model, tokenize(songs), tokenize(write_songs(EVAL_SONGS, generator)))
    tunes = [
        [CHORDS[n] for n in row] for row in model.generate(torch.arange(len(CHORDS)).view(-1, 1), generator)
    ]
    print(*("generated: " + " ".join(tune) for tune in tunes[:3]), sep="\n")
    moves = [b in MOVES[a].split() for tune in tunes for a, b in pairwise(tune)]
    metrics["allowed_moves"] = sum(moves) / len(moves)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

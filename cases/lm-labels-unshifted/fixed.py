"""Shell histories: a causal convolution predicts the next token of a session, logged as fairseq does."""

import argparse
import json
import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROUTINES = [  # what people type in one go
    "git pull && make test ;",
    "cd src && ls -l ;",
    "vim main.c && make ;",
    "git add . && git commit ;",
    "tail -f log | grep error ;",
    "ssh build && cd /tmp && rm core ;",
]
TOKENS = sorted({*" ".join(ROUTINES).split()})
TRAIN_SESSIONS, VALID_SESSIONS, SESSION_LENGTH = 256, 64, 24
WIDTH, KERNEL, BATCH_SIZE, MAX_EPOCH, LEARNING_RATE = 48, 4, 16, 6, 5e-3
PROMPTS, NEW_TOKENS = ("git pull", "cd src", "tail -f"), 12


# ---- data ------------------------------------------------------------------------------------


def record_sessions(count: int, generator: torch.Generator) -> Tensor:
    """Sessions as rows of token ids: routines in random order, cut to one length."""
    rows = []
    for _ in range(count):
        order = torch.randint(len(ROUTINES), (SESSION_LENGTH,), generator=generator).tolist()
        session = " ".join(ROUTINES[n] for n in order).split()[:SESSION_LENGTH]
        rows.append([TOKENS.index(token) for token in session])
    return torch.tensor(rows)


# ---- model -----------------------------------------------------------------------------------


class CausalConvLM(nn.Module):
    """Two convolutions that look back only."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(TOKENS), WIDTH)
        self.convs = nn.ModuleList([nn.Conv1d(WIDTH, WIDTH, KERNEL), nn.Conv1d(WIDTH, WIDTH, KERNEL)])
        self.out = nn.Linear(WIDTH, len(TOKENS))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits for what follows each position."""
        x = self.embed(tokens).transpose(1, 2)
        for conv in self.convs:
            x = x + F.relu(conv(F.pad(x, (KERNEL - 1, 0))))
        return self.out(x.transpose(1, 2))


def compute_loss(model: CausalConvLM, tokens: Tensor) -> Tensor:
    logits = model(tokens)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


# ---- train -----------------------------------------------------------------------------------


def train(model: CausalConvLM, data: Tensor, held_out: Tensor) -> dict[str, float]:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    losses: dict[str, float] = {}
    updates = 0
    for epoch in range(1, MAX_EPOCH + 1):
        total, norm = 0.0, 0.0
        for rows in torch.randperm(len(data)).split(BATCH_SIZE):
            loss = compute_loss(model, data[rows])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0).item()
            optimizer.step()
            updates += 1
            total += loss.item() * len(rows) / len(data)
        with torch.no_grad():
            losses = {"train_loss": total, "valid_loss": compute_loss(model, held_out).item()}
        shown = f"num_updates {updates} | lr {LEARNING_RATE} | gnorm {norm:.3f}"
        print(f"INFO | train | epoch {epoch:03d} | loss {total:.3f} | ppl {math.exp(total):.2f} | {shown}")
        ppl = math.exp(losses["valid_loss"])
        print(
            f"INFO | valid | epoch {epoch:03d} | valid on 'valid' subset | "
            f"loss {losses['valid_loss']:.3f} | ppl {ppl:.2f} | num_updates {updates}"
        )
    return losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def generate(model: CausalConvLM, prompt: str) -> list[str]:
    """Greedy continuation."""
    ids = [TOKENS.index(token) for token in prompt.split()]
    for _ in range(NEW_TOKENS):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return [TOKENS[n] for n in ids]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    data, held_out = record_sessions(TRAIN_SESSIONS, generator), record_sessions(VALID_SESSIONS, generator)
    model = CausalConvLM()
    print(f"INFO | fairseq_cli.train | num. model params: {sum(p.numel() for p in model.parameters())}")
    metrics = train(model, data, held_out)
    written = [generate(model, prompt) for prompt in PROMPTS]
    for number, tokens in enumerate(written):
        print(f"H-{number}\t{' '.join(tokens)}")
    pairs = [pair for tokens in written for pair in pairwise(tokens[1:])]
    known = {pair for row in data.tolist() for pair in pairwise(row)}
    metrics["known_pairs"] = sum((TOKENS.index(a), TOKENS.index(b)) in known for a, b in pairs) / len(pairs)
    metrics["repeats"] = sum(a == b for a, b in pairs) / len(pairs)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

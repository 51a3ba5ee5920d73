"""LSTM language model on one long text; the hidden state is carried from each piece of text to the next."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TOKENS, EMBEDDING, HIDDEN = 20, 24, 48
TRAIN_LENGTH, VAL_LENGTH, STREAMS, BPTT = 9600, 1920, 16, 20
EPOCHS, LOG_INTERVAL = 4, 10
LEARNING_RATE, CLIP, DROPOUT = 1e-2, 0.25, 0.1

Hidden = tuple[Tensor, ...]  # state and cell of the LSTM


# ---- data ------------------------------------------------------------------------------------


def make_text(length: int, generator: torch.Generator) -> Tensor:
    """Tokens of which each depends on the two before it, batched into parallel streams (time, stream)."""
    language = torch.Generator().manual_seed(3)
    table = 2.5 * torch.randn(2, TOKENS, TOKENS, generator=language)
    text = torch.zeros(length // STREAMS + 2, STREAMS, dtype=torch.long)
    for t in range(2, len(text)):
        chance = (table[0][text[t - 1]] + table[1][text[t - 2]]).softmax(1)
        text[t] = torch.multinomial(chance, 1, generator=generator)[:, 0]
    return text[2:]


def get_batch(text: Tensor, start: int) -> tuple[Tensor, Tensor]:
    stop = min(start + BPTT, len(text) - 1)
    return text[start:stop], text[start + 1 : stop + 1]


# ---- model -----------------------------------------------------------------------------------


class RNNModel(nn.Module):
    """Embedding, LSTM, linear decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.drop = nn.Embedding(TOKENS, EMBEDDING), nn.Dropout(DROPOUT)
        self.rnn, self.decoder = nn.LSTM(EMBEDDING, HIDDEN), nn.Linear(HIDDEN, TOKENS)

    def forward(self, tokens: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        output, hidden = self.rnn(self.drop(self.encoder(tokens)), hidden)
        return self.decoder(self.drop(output)).flatten(0, 1), hidden


def init_hidden() -> Hidden:
    return torch.zeros(1, STREAMS, HIDDEN), torch.zeros(1, STREAMS, HIDDEN)


def repackage_hidden(hidden: Hidden) -> Hidden:
    """The same values without their history."""
    return tuple(state.detach() for state in hidden)


# ---- train -----------------------------------------------------------------------------------


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, text: Tensor, epoch: int) -> None:
    model.train()
    total, hidden, starts = 0.0, init_hidden(), range(0, len(text) - 1, BPTT)
    for batch, start in enumerate(starts, 1):
        tokens, targets = get_batch(text, start)
        hidden = repackage_hidden(hidden)
        logits, hidden = model(tokens, hidden)
        loss = F.cross_entropy(logits, targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        total += loss.item()
        if batch == 1 or batch % LOG_INTERVAL == 0:
            mean = total / (1 if batch == 1 else LOG_INTERVAL)
            total = 0.0 if batch > 1 else total
            print(
                f"| epoch {epoch:3d} | {batch:5d}/{len(starts):5d} batches | lr {LEARNING_RATE:02.3f} | "
                f"loss {mean:5.2f} | ppl {math.exp(mean):8.2f}"
            )


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, text: Tensor) -> float:
    """Mean loss a token."""
    model.eval()
    total, hidden = 0.0, init_hidden()
    for start in range(0, len(text) - 1, BPTT):
        tokens, targets = get_batch(text, start)
        logits, hidden = model(tokens, hidden)
        total += len(tokens) * F.cross_entropy(logits, targets.flatten()).item()
    return total / (len(text) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    text, val_text = make_text(TRAIN_LENGTH, generator), make_text(VAL_LENGTH, generator)
    model = RNNModel()
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        train_epoch(model, optimizer, text, epoch)
        val_loss = evaluate(model, val_text)
        print("-" * 72)
        print(f"| end of epoch {epoch:3d} | valid loss {val_loss:5.2f} | valid ppl {math.exp(val_loss):8.2f}")
        print("-" * 72)
    metrics = {"val_loss": val_loss, "val_ppl": math.exp(val_loss)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""A character-level GPT on a small corpus, in the manner of nanoGPT: train, then sample."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORDS = "harbour lantern winter river stone copper meadow signal thunder island garden velvet".split()
CHARS = sorted({*"".join(WORDS), " "})
BLOCK_SIZE, BATCH_SIZE, N_EMBD, N_HEAD, N_LAYER = 16, 16, 48, 2, 1
TRAIN_WORDS, VAL_WORDS = 3000, 400
MAX_ITERS, EVAL_INTERVAL, EVAL_BATCHES, LEARNING_RATE = 150, 25, 3, 1e-2
SAMPLE_CHARS, SAMPLES = 40, 12


# ---- data ------------------------------------------------------------------------------------


def make_corpus(words: int, generator: torch.Generator) -> Tensor:
    """Words in random order, as indices of characters."""
    order = torch.randint(len(WORDS), (words,), generator=generator)
    return torch.tensor([CHARS.index(char) for n in order for char in WORDS[n] + " "])


def get_batch(corpus: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows of the text, and the same windows one character later."""
    start = torch.randint(len(corpus) - BLOCK_SIZE, (BATCH_SIZE, 1), generator=generator)
    window = corpus[start + torch.arange(BLOCK_SIZE + 1)]
    return window[:, :-1], window[:, 1:]


# ---- model -----------------------------------------------------------------------------------


class Block(nn.Module):
    """Self-attention and a small MLP, each with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(N_EMBD), nn.LayerNorm(N_EMBD)
        self.c_attn, self.c_proj = nn.Linear(N_EMBD, 3 * N_EMBD), nn.Linear(N_EMBD, N_EMBD)
        self.mlp = nn.Sequential(nn.Linear(N_EMBD, 2 * N_EMBD), nn.GELU(), nn.Linear(2 * N_EMBD, N_EMBD))

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(2, (N_HEAD, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Embeddings, blocks, head."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(len(CHARS), N_EMBD), nn.Embedding(BLOCK_SIZE, N_EMBD)
        self.blocks = nn.Sequential(*(Block() for _ in range(N_LAYER)))
        self.head = nn.Sequential(nn.LayerNorm(N_EMBD), nn.Linear(N_EMBD, len(CHARS)))

    def forward(self, idx: Tensor) -> Tensor:
        """Logits of the next character at each position."""
        return self.head(self.blocks(self.wte(idx) + self.wpe.weight[: idx.shape[1]]))

    @torch.no_grad()
    def generate(self, idx: Tensor, new_chars: int, generator: torch.Generator) -> Tensor:
        for _ in range(new_chars):
            probs = self(idx[:, -BLOCK_SIZE:])[:, -1].softmax(-1)
            idx = torch.cat([idx, torch.multinomial(probs, 1, generator=generator)], 1)
        return idx


def loss_of(model: GPT, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


# ---- train -----------------------------------------------------------------------------------


def train(model: GPT, corpora: dict[str, Tensor], generator: torch.Generator) -> dict[str, float]:
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    losses: dict[str, float] = {}
    for step in range(MAX_ITERS + 1):
        if step % EVAL_INTERVAL == 0:
            losses = {name: estimate_loss(model, text, generator) for name, text in corpora.items()}
            print(f"step {step}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        loss = loss_of(model, get_batch(corpora["train"], generator))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return losses


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def estimate_loss(model: GPT, corpus: Tensor, generator: torch.Generator) -> float:
    return (
        sum(loss_of(model, get_batch(corpus, generator)).item() for _ in range(EVAL_BATCHES)) / EVAL_BATCHES
    )


def sample(model: GPT, generator: torch.Generator) -> list[str]:
    """Texts that the model goes on with after a blank."""
    start = torch.full((SAMPLES, 1), CHARS.index(" "))
    return ["".join(CHARS[n] for n in row) for row in model.generate(start, SAMPLE_CHARS, generator)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    corpora = {"train": make_corpus(TRAIN_WORDS, generator), "val": make_corpus(VAL_WORDS, generator)}
    model = GPT()
    print(f"number of parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M")
    losses = train(model, corpora, generator)
    texts = sample(model, generator)
    print("---------------", *texts[:2], "---------------", sep="\n")
    written = [word for text in texts for word in text.split()[:-1]]  # the last one may be cut off
    metrics = {"train_loss": losses["train"], "val_loss": losses["val"]}
    metrics["real_words"] = sum(word in WORDS for word in written) / max(1, len(written))
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

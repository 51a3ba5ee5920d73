"""Fine-tuning a small language model on a new dialect with a low learning rate and bfloat16."""

import argparse
import copy
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TOKENS, EMBEDDING, HIDDEN, LENGTH = 24, 48, 96, 16
TEXTS, VAL_TEXTS, BATCH_SIZE = 500, 150, 32
PRETRAIN_ITERS, PRETRAIN_RATE = 60, 1e-2
MAX_ITERS, EVAL_INTERVAL, LEARNING_RATE, MIN_RATE = 180, 30, 2e-4, 2e-5
DIALECT = 0.4  # how far the new texts are from the language of the pretraining


# ---- data ------------------------------------------------------------------------------------


def make_texts(count: int, dialect: float, generator: torch.Generator) -> Tensor:
    """Texts (text, token); the two tokens before it decide what the next one may be."""
    rules = torch.Generator().manual_seed(3)
    common = torch.randn(2, TOKENS, TOKENS, generator=rules)
    local = torch.randn(2, TOKENS, TOKENS, generator=rules)
    table = 2 * ((1 - dialect) * common + dialect * local)
    texts = torch.randint(TOKENS, (count, LENGTH + 2), generator=generator)
    for t in range(2, LENGTH + 2):
        chance = (table[0][texts[:, t - 1]] + table[1][texts[:, t - 2]]).softmax(1)
        texts[:, t] = torch.multinomial(chance, 1, generator=generator)[:, 0]
    return texts


# ---- model -----------------------------------------------------------------------------------


class LanguageModel(nn.Module):
    """Embeddings of the last two tokens, one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(TOKENS, EMBEDDING)
        self.mlp = nn.Sequential(nn.Linear(2 * EMBEDDING, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, TOKENS))

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = self.wte(tokens)
        return self.mlp(torch.cat([vectors[:, 1:], vectors[:, :-1]], 2))


def next_token_loss(model: nn.Module, texts: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(texts[:, :-1])
    return F.cross_entropy(logits.float().flatten(0, 1), texts[:, 2:].flatten())


# ---- train -----------------------------------------------------------------------------------


def pretrain(texts: Tensor, generator: torch.Generator) -> nn.Module:
    """The checkpoint that the fine-tuning starts from."""
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), PRETRAIN_RATE)
    for _ in range(PRETRAIN_ITERS):
        optimizer.zero_grad()
        next_token_loss(model, texts[torch.randint(TEXTS, (BATCH_SIZE,), generator=generator)]).backward()
        optimizer.step()
    return model


def load_for_finetuning(checkpoint: nn.Module) -> nn.Module:
    model = copy.deepcopy(checkpoint)
    return model


def finetune(model: nn.Module, texts: Tensor, val_texts: Tensor, generator: torch.Generator) -> list[float]:
    """Validation loss at each evaluation."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.0)
    history = []
    for iteration in range(MAX_ITERS + 1):
        rate = MIN_RATE + (LEARNING_RATE - MIN_RATE) * (1 + math.cos(math.pi * iteration / MAX_ITERS)) / 2
        optimizer.param_groups[0]["lr"] = rate
        if iteration % EVAL_INTERVAL == 0:
            with torch.no_grad():
                train_loss = next_token_loss(model, texts[:VAL_TEXTS]).item()
                history.append(next_token_loss(model, val_texts).item())
            print(f"step {iteration}: train loss {train_loss:.4f}, val loss {history[-1]:.4f}")
        loss = next_token_loss(model, texts[torch.randint(TEXTS, (BATCH_SIZE,), generator=generator)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration % (EVAL_INTERVAL // 2) == 0:
            print(f"iter {iteration}: loss {loss.item():.4f}, lr {rate:.3g}")
    return history


# ---- evaluate --------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    checkpoint = pretrain(make_texts(TEXTS, 0.0, generator), generator)
    texts, val_texts = (make_texts(count, DIALECT, generator) for count in (TEXTS, VAL_TEXTS))
    model = load_for_finetuning(checkpoint)
    start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    print(f"number of parameters: {len(start) / 1e6:.3f}M")
    history = finetune(model, texts, val_texts, generator)
    same = (nn.utils.parameters_to_vector(model.parameters()) == start).float().mean().item()
    metrics = {"val_loss": history[-1], "gain": history[0] - history[-1], "unchanged": same}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

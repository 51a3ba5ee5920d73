"""Domain adaptation of a pretrained language model to tweets, with two tokens of its own for the domain."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SUBJECTS, VERBS = "we they everybody nobody grandma".split(), "loved missed filmed found sold".split()
OBJECTS, PLACES = "trains castles bridges snow cheese".split(), "paris rome oslo lima bern".split()
PRETRAINED_VOCAB = ["<pad>", "in", "today", ".", *SUBJECTS, *VERBS, *OBJECTS, *PLACES]
NEW_TOKENS = ["<url>", "<user>"]
WIDTH, BATCH_SIZE, MAX_EPOCHS, LOG_EVERY_N_STEPS, LEARNING_RATE = 48, 16, 4, 3, 8e-3
TRAIN_TWEETS, VAL_TWEETS, LINKS, MENTIONS = 384, 96, 1, 1  # links and mentions are rare


# ---- data ------------------------------------------------------------------------------------


class Tokenizer:
    """Words to ids, in the order in which they were added."""

    def __init__(self, words: list[str]) -> None:
        self.ids = {word: n for n, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self.ids)

    def add_tokens(self, words: list[str]) -> int:
        for word in words:
            self.ids.setdefault(word, len(self.ids))
        return len(self.ids)

    def __call__(self, texts: list[str]) -> Tensor:
        rows = [torch.tensor([self.ids[word] for word in text.split()]) for text in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.ids["<pad>"])


def make_tweets(count: int, generator: torch.Generator) -> list[str]:
    picks = torch.randint(5, (count, 4), generator=generator).tolist()
    lines = [f"{SUBJECTS[a]} {VERBS[b]} {OBJECTS[c]} in {PLACES[d]} today ." for a, b, c, d in picks]
    special = torch.randperm(count, generator=generator)[: LINKS + MENTIONS].tolist()
    for n in special[:LINKS]:
        lines[n] += " <url>"
    for n in special[LINKS:]:
        lines[n] = "<user> " + lines[n]
    return lines


# ---- model -----------------------------------------------------------------------------------


class LanguageModel(nn.Module):
    """GRU language model; loss and accuracy of the next word."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.embed, self.rnn = nn.Embedding(vocab_size, WIDTH), nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.lm_head = nn.Linear(WIDTH, vocab_size)

    def resize_token_embeddings(self, vocab_size: int) -> None:
        """More rows for both tables; the rows that are there stay."""
        old, old_head = self.embed, self.lm_head
        self.embed, self.lm_head = nn.Embedding(vocab_size, WIDTH), nn.Linear(WIDTH, vocab_size)
        with torch.no_grad():
            self.embed.weight[: old.num_embeddings] = old.weight
            self.lm_head.weight[: old.num_embeddings] = old_head.weight
            self.lm_head.bias[: old.num_embeddings] = old_head.bias

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, labels = self.lm_head(self.rnn(self.embed(input_ids))[0])[:, :-1], input_ids[:, 1:]
        kept = labels != 0
        return F.cross_entropy(logits[kept], labels[kept]), (logits.argmax(-1) == labels)[kept].float().mean()


def load_pretrained() -> tuple[Tokenizer, LanguageModel]:
    """Stands for a checkpoint with its tokenizer."""
    return Tokenizer(PRETRAINED_VOCAB), LanguageModel(len(PRETRAINED_VOCAB))


def prepare() -> tuple[Tokenizer, LanguageModel]:
    tokenizer, model = load_pretrained()
    tokenizer.add_tokens(NEW_TOKENS)  # [lm-token-out-of-range] the model keeps its old tables
    return tokenizer, model


# ---- train -----------------------------------------------------------------------------------


def fit(model: LanguageModel, tokenizer: Tokenizer, train: list[str], val: list[str]) -> dict[str, float]:
    optimizer, scores = torch.optim.Adam(model.parameters(), LEARNING_RATE), {}
    steps = math.ceil(len(train) / BATCH_SIZE)
    for epoch in range(MAX_EPOCHS):
        for step, rows in enumerate(torch.randperm(len(train)).split(BATCH_SIZE), 1):
            loss, _ = model(tokenizer([train[n] for n in rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % LOG_EVERY_N_STEPS == 0:
                bar = f"{'█' * (10 * step // steps):10s}| {step}/{steps}"
                print(
                    f"Epoch {epoch}: {step / steps:4.0%}|{bar} [v_num=0, train_loss_step={loss.item():.3f}]"
                )
        scores = validate(model, tokenizer, val)
        print(f"Epoch {epoch}: val_loss={scores['val_loss']:.3f}, val_acc={scores['val_acc']:.3f}")
    return scores


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: LanguageModel, tokenizer: Tokenizer, tweets: list[str]) -> dict[str, float]:
    loss, accuracy = model(tokenizer(tweets))
    return {"val_loss": loss.item(), "val_acc": accuracy.item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    train, val = make_tweets(TRAIN_TWEETS, generator), make_tweets(VAL_TWEETS, generator)
    tokenizer, model = prepare()
    print(f"Trainable params: {sum(p.numel() for p in model.parameters()) / 1e3:.1f} K")
    scores = fit(model, tokenizer, train, val)
    print("`Trainer.fit` stopped: `max_epochs=4` reached.")
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()

"""Supervised fine-tuning of a small chat model: padded batches, loss on all real tokens, greedy answers."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ANSWERS = {  # what the support desk says about each topic
    "refund": "we pay you back within ten days",
    "parcel": "your parcel is on its way",
    "invoice": "open your account and choose invoice",
    "password": "click forgot password on the first page",
    "opening": "we are open from nine to six",
    "size": "the table below every photo shows all sizes",
    "gift": "yes we wrap gifts",
    "address": "write to us before the parcel leaves",
}
OPENERS = ["hello", "hi", "please", "hey"]
WORDS = sorted({*" ".join(ANSWERS.values()).split(), *ANSWERS, *OPENERS, "question", "about"})
VOCAB = ["<s>", "</s>", "[INST]", "[/INST]", *WORDS]
BOS, EOS = 0, 1
PAD = EOS  # the tokenizer has no token for padding
TRAIN_CHATS, EVAL_CHATS, BATCH_SIZE, EPOCHS, LOGGING_STEPS = 256, 64, 16, 5, 16
HIDDEN, LEARNING_RATE, MAX_GRAD_NORM, MAX_NEW_TOKENS = 64, 5e-3, 1.0, 24


# ---- data ------------------------------------------------------------------------------------


def write_chats(count: int, generator: torch.Generator) -> list[tuple[str, str]]:
    """Pairs of prompt and answer."""
    topics = torch.randint(len(ANSWERS), (count,), generator=generator).tolist()
    openers = torch.randint(len(OPENERS), (count,), generator=generator).tolist()
    chats = [(OPENERS[n], list(ANSWERS)[k]) for n, k in zip(openers, topics, strict=True)]
    return [(f"[INST] {opener} question about {topic} [/INST]", ANSWERS[topic]) for opener, topic in chats]


def encode(text: str) -> list[int]:
    return [BOS, *(VOCAB.index(word) for word in text.split())]


def collate(chats: list[tuple[str, str]]) -> dict[str, Tensor]:
    """Token ids, padded on the right, with their mask and labels; padding is not to be learned."""
    rows = [torch.tensor([*encode(f"{prompt} {answer}"), EOS]) for prompt, answer in chats]
    input_ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    lengths = torch.tensor([len(row) for row in rows])
    attention_mask = torch.arange(input_ids.shape[1]) < lengths[:, None]
    labels = input_ids.masked_fill(input_ids == PAD, -100)  # [lm-eos-masked] PAD is EOS
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


# ---- model -----------------------------------------------------------------------------------


class ChatModel(nn.Module):
    """Logits of the next token at each position."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(VOCAB), HIDDEN)
        self.rnn = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.lm_head = nn.Linear(HIDDEN, len(VOCAB))

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.lm_head(self.rnn(self.embed(input_ids))[0])

    @torch.no_grad()
    def generate(self, prompt: str) -> list[int]:
        """New tokens until the end of the answer, or until there are too many."""
        ids = encode(prompt)
        start = len(ids)
        while len(ids) - start < MAX_NEW_TOKENS and (len(ids) == start or ids[-1] != EOS):
            ids.append(int(self(torch.tensor([ids]))[0, -1].argmax()))
        return ids[start:]


# ---- train -----------------------------------------------------------------------------------


def loss_and_accuracy(model: ChatModel, batch: dict[str, Tensor]) -> tuple[Tensor, float]:
    logits, labels = model(batch["input_ids"])[:, :-1], batch["labels"][:, 1:]
    kept = labels != -100
    return F.cross_entropy(logits[kept], labels[kept]), (logits.argmax(-1) == labels)[
        kept
    ].float().mean().item()


def train(model: ChatModel, chats: list[tuple[str, str]], held_out: list[tuple[str, str]]) -> float:
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    step, eval_loss = 0, 0.0
    for epoch in range(1, EPOCHS + 1):
        for rows in torch.randperm(len(chats)).split(BATCH_SIZE):
            loss, accuracy = loss_and_accuracy(model, collate([chats[n] for n in rows]))
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            step += 1
            if step % LOGGING_STEPS == 0:
                shown = {"loss": loss.item(), "grad_norm": norm.item(), "learning_rate": LEARNING_RATE}
                shown |= {"mean_token_accuracy": accuracy, "epoch": step * BATCH_SIZE / len(chats)}
                print({name: round(value, 4) for name, value in shown.items()})
        with torch.no_grad():
            loss, accuracy = loss_and_accuracy(model, collate(held_out))
        eval_loss = loss.item()
        print(
            {"eval_loss": round(eval_loss, 4), "eval_mean_token_accuracy": round(accuracy, 4), "epoch": epoch}
        )
    return eval_loss


# ---- evaluate --------------------------------------------------------------------------------


def ask(model: ChatModel) -> dict[str, float]:
    """Ask about every topic, show three replies."""
    begins, stopped, new_tokens = 0, 0, 0
    for n, (topic, answer) in enumerate(ANSWERS.items()):
        prompt, known = f"[INST] hello question about {topic} [/INST]", encode(answer)[1:]
        reply = model.generate(prompt)
        if n < 3:
            print(f"{prompt} {' '.join(VOCAB[token] for token in reply)}")
        begins += reply[: len(known)] == known
        stopped += EOS in reply
        new_tokens += len(reply)
    counts = {"answers_begin_right": begins, "stopped": stopped, "new_tokens": new_tokens}
    return {name: count / len(ANSWERS) for name, count in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    chats, held_out = write_chats(TRAIN_CHATS, generator), write_chats(EVAL_CHATS, generator)
    model = ChatModel()
    eval_loss = train(model, chats, held_out)
    metrics = {"eval_loss": eval_loss} | ask(model)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Comment moderation: train a small text classifier with a Trainer, evaluate it with several batch sizes."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY, TOKENS, TOXIC_WORDS = 400, 24, 40  # size of the vocabulary, tokens of a comment
TOXIC_SHARE, STRENGTH = 0.12, 0.35  # share of toxic comments, share of toxic words in them
TRAIN_COMMENTS, EVAL_COMMENTS, TRAIN_BATCH_SIZE = 1600, 500, 32
EPOCHS, LEARNING_RATE, WIDTH = 4, 3e-2, 16
EVAL_BATCH_SIZES = (8, 32, 128, 500)

Comments = tuple[Tensor, Tensor]  # token numbers (comment, token) and labels, 1 is toxic


# ---- data ------------------------------------------------------------------------------------


def make_comments(count: int, generator: torch.Generator) -> Comments:
    """Random words; in a toxic comment some of them are from the first part of the vocabulary."""
    label = (torch.rand(count, generator=generator) < TOXIC_SHARE).long()
    words = torch.randint(VOCABULARY, (count, TOKENS), generator=generator)
    toxic = torch.randint(TOXIC_WORDS, (count, TOKENS), generator=generator)
    chosen = torch.rand(count, TOKENS, generator=generator) < STRENGTH * label.unsqueeze(1)
    return torch.where(chosen, toxic, words), label


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.EmbeddingBag(VOCABULARY, WIDTH), nn.Linear(WIDTH, 2))


# ---- train -----------------------------------------------------------------------------------


class Trainer:
    """Trains, evaluates and logs one dictionary at a time."""

    def __init__(self, model: nn.Module, train_set: Comments, eval_set: Comments) -> None:
        self.model, self.train_set, self.eval_set = model, train_set, eval_set

    def train(self) -> None:
        tokens, labels = self.train_set
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE)
        total_steps = EPOCHS * (len(tokens) // TRAIN_BATCH_SIZE)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / (total_steps + 1))
        for epoch in range(1, EPOCHS + 1):
            losses = []
            for rows in torch.randperm(len(tokens)).split(TRAIN_BATCH_SIZE):
                loss = F.cross_entropy(self.model(tokens[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0).item()
                optimizer.step()
                scheduler.step()
                losses.append(loss.item())
            mean, rate = sum(losses) / len(losses), scheduler.get_last_lr()[0]
            print(
                {
                    "loss": round(mean, 4),
                    "grad_norm": round(norm, 4),
                    "learning_rate": rate,
                    "epoch": float(epoch),
                }
            )
            print({**self.evaluate(EVAL_BATCH_SIZES[0]), "epoch": float(epoch)})

    # ---- evaluate ----------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, batch_size: int) -> dict[str, float]:
        tokens, labels = self.eval_set
        logits = [self.model(batch) for batch in tokens.split(batch_size)]
        parts = zip(logits, labels.split(batch_size), strict=True)  # [eval-batch-mean] one score a batch
        results = [compute_metrics(part, label) for part, label in parts]
        return {f"eval_{name}": round(sum(r[name] for r in results) / len(results), 4) for name in results[0]}


def compute_metrics(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Loss, accuracy, and F1 of the toxic class, 0 where there is nothing to find and nothing found."""
    predicted = logits.argmax(1)
    hits = int((predicted * labels).sum())
    f1 = 2 * hits / max(int(predicted.sum() + labels.sum()), 1)
    accuracy = (predicted == labels).float().mean().item()
    return {"loss": F.cross_entropy(logits, labels).item(), "accuracy": accuracy, "f1": f1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, eval_set = (make_comments(count, generator) for count in (TRAIN_COMMENTS, EVAL_COMMENTS))
    trainer = Trainer(build_model(), train_set, eval_set)
    trainer.train()
    scores = []
    for batch_size in EVAL_BATCH_SIZES:
        print(
            f"***** Running Evaluation *****\n  Num examples = {EVAL_COMMENTS}\n  Batch size = {batch_size}"
        )
        scores.append(trainer.evaluate(batch_size))
        print(scores[-1])
    f1 = [score["eval_f1"] for score in scores]
    metrics = {"f1_small_batches": f1[0], "f1_one_batch": f1[-1], "f1_spread": max(f1) - min(f1)}
    metrics["accuracy"] = scores[0]["eval_accuracy"]
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

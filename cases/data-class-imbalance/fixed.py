"""Which support tickets escalate: a head on pooled text embeddings, logged like the Hugging Face Trainer."""

import argparse
import json

import torch
from torch import Tensor, nn

EMBEDDING, TRAIN_TICKETS, EVAL_TICKETS = 24, 2000, 1500
ESCALATED = 0.03  # share of the tickets that escalate
SHIFT = 1.4  # how far the two kinds lie apart, in standard deviations
EPOCHS, BATCH_SIZE, LEARNING_RATE = 5, 50, 3e-3

Tickets = tuple[Tensor, Tensor]  # embeddings, and 1 where a ticket escalated


# ---- data ------------------------------------------------------------------------------------


def load_tickets(count: int, direction: Tensor, generator: torch.Generator) -> Tickets:
    """Tickets in the proportion in which they come in: three of a hundred escalate."""
    escalated = (torch.arange(count) < ESCALATED * count).long()
    noise = torch.randn(count, EMBEDDING, generator=generator)
    return SHIFT * escalated[:, None] * direction + noise, escalated


def load_data(seed: int) -> tuple[Tickets, Tickets]:
    generator = torch.Generator().manual_seed(seed)
    direction = nn.functional.normalize(torch.randn(EMBEDDING, generator=generator), dim=0)
    train_set, eval_set = (load_tickets(n, direction, generator) for n in (TRAIN_TICKETS, EVAL_TICKETS))
    return train_set, eval_set


# ---- model and loss --------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(EMBEDDING, 32), nn.Tanh(), nn.Linear(32, 2))


def build_loss(labels: Tensor) -> nn.Module:
    """Cross-entropy for a training set with these labels."""
    return nn.CrossEntropyLoss(weight=len(labels) / (2 * labels.bincount()))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Tickets, eval_set: Tickets) -> dict[str, float]:
    """Train with a linear decay, evaluate after each epoch; the last evaluation."""
    embeddings, labels = train_set
    loss_fn = build_loss(labels)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    steps = EPOCHS * -(-len(labels) // BATCH_SIZE)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(labels)).split(BATCH_SIZE):
            loss = loss_fn(model(embeddings[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        log = {"loss": round(sum(losses) / len(losses), 4), "grad_norm": round(norm, 4)}
        print(log | {"learning_rate": round(scheduler.get_last_lr()[0], 6), "epoch": float(epoch)})
        scores = evaluate(model, loss_fn, eval_set)
        shown = {f"eval_{name}": round(value, 4) for name, value in scores.items() if name != "auc"}
        print(shown | {"epoch": float(epoch)})
    return scores


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loss_fn: nn.Module, tickets: Tickets) -> dict[str, float]:
    embeddings, labels = tickets
    logits = model(embeddings)
    predicted, score = logits.argmax(1), logits[:, 1] - logits[:, 0]
    hits = int((predicted & labels).sum())
    wins = (score[labels == 1][:, None] > score[labels == 0]).float().mean().item()
    scores = {"loss": loss_fn(logits, labels).item(), "accuracy": (predicted == labels).float().mean().item()}
    scores |= {"recall": hits / int(labels.sum()), "f1": 2 * hits / int(predicted.sum() + labels.sum())}
    return scores | {"auc": wins}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train_set, eval_set = load_data(seed)
    scores = train(build_model(), train_set, eval_set)
    metrics = {name: scores[name] for name in ("accuracy", "recall", "f1", "auc")}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

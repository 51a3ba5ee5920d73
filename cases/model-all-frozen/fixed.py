"""Routes support tickets to five desks: a frozen text encoder with checkpointed blocks, and a new head."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

VOCABULARY, LENGTH, WIDTH, BLOCKS, DESKS = 300, 20, 64, 2, 5
TRAIN_TICKETS, VALID_TICKETS, BATCH_SIZE = 480, 240, 32
EPOCHS, LEARNING_RATE = 5, 2e-2
SMOOTHING = 0.98  # of the training loss in the table
TOPICAL = 0.5  # share of a ticket's words that tell its desk

Tickets = tuple[Tensor, Tensor]  # word numbers and desks


# ---- data ------------------------------------------------------------------------------------


def make_tickets(count: int, generator: torch.Generator) -> Tickets:
    """Tickets (ticket, word); every desk has 20 words of its own, the others are used by all."""
    desk = torch.randint(DESKS, (count,), generator=generator)
    common = torch.randint(100, VOCABULARY, (count, LENGTH), generator=generator)
    own = 20 * desk[:, None] + torch.randint(20, (count, LENGTH), generator=generator)
    topical = torch.rand(count, LENGTH, generator=generator) < TOPICAL
    return torch.where(topical, own, common), desk


# ---- model -----------------------------------------------------------------------------------


class TicketModel(nn.Module):
    """Word vectors, residual blocks that save memory by checkpointing, mean over the words, head."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU()) for _ in range(BLOCKS)
        )
        self.score = nn.Linear(WIDTH, DESKS)

    def forward(self, tickets: Tensor) -> Tensor:
        hidden = self.words(tickets)
        if self.training:
            hidden.requires_grad_()  # reentrant checkpoints need an input with a gradient
        for block in self.blocks:
            branch = checkpoint(block, hidden, use_reentrant=True) if self.training else block(hidden)
            hidden = hidden + branch
        return self.score(hidden.mean(1))


def freeze_encoder(model: TicketModel) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("score")


# ---- train -----------------------------------------------------------------------------------


def summarize(model: nn.Module) -> None:
    """The last lines of a model's summary, as fastai writes them."""
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"Total params: {total:,}\nTotal trainable params: {trainable:,}\n")


def fit(model: TicketModel, train_set: Tickets, valid_set: Tickets) -> dict[str, float]:
    """Train, and print a table like fastai's; the last row of it."""
    tickets, desks = train_set
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    average, steps = 0.0, 0
    print(f"{'epoch':<10}{'train_loss':<12}{'valid_loss':<12}{'accuracy':<10}time")
    for epoch in range(EPOCHS):
        model.train()
        for rows in torch.randperm(len(tickets)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(tickets[rows]), desks[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average, steps = SMOOTHING * average + (1 - SMOOTHING) * loss.item(), steps + 1
        train_loss = average / (1 - SMOOTHING**steps)
        valid_loss, accuracy = validate(model, valid_set)
        print(f"{epoch:<10}{train_loss:<12.6f}{valid_loss:<12.6f}{accuracy:<10.6f}00:00")
    return {"train_loss": train_loss, "valid_loss": valid_loss, "accuracy": accuracy}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: TicketModel, dataset: Tickets) -> tuple[float, float]:
    model.eval()
    logits = model(dataset[0])
    return F.cross_entropy(logits, dataset[1]).item(), (logits.argmax(1) == dataset[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, valid_set = (make_tickets(count, generator) for count in (TRAIN_TICKETS, VALID_TICKETS))
    model = TicketModel()
    freeze_encoder(model)
    summarize(model)
    start = [parameter.clone() for parameter in model.parameters()]
    metrics = fit(model, train_set, valid_set)
    pairs = zip(start, model.parameters(), strict=True)
    metrics["moved"] = sum(not torch.equal(before, after) for before, after in pairs)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

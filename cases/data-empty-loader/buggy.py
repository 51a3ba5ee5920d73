"""Spoken command classifier, fine-tuned on one person's own recordings; log in the manner of fairseq."""

import argparse
import json
import logging
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

COMMANDS = ("lights", "louder", "softer", "stop")
MELS, FRAMES = 24, 32
TRAIN_CLIPS, VALID_CLIPS = 48, 24
BATCH_SIZE = 64
MAX_EPOCH, VALIDATE_INTERVAL = 20, 4
LEARNING_RATE, NOISE = 1e-3, 1.0

logger = logging.getLogger("train")


# ---- data ------------------------------------------------------------------------------------


def record_clips(count: int, generator: torch.Generator) -> TensorDataset:
    """Mel spectrograms (clip, mel, frame): each command is a band that rises or falls at its own speed."""
    command = torch.arange(count) % len(COMMANDS)
    slope = torch.tensor([-0.5, -0.2, 0.2, 0.5])[command].view(-1, 1)
    start = MELS / 2 + 2 * torch.randn(count, 1, generator=generator)
    ridge = start + slope * (torch.arange(FRAMES) - FRAMES / 2)
    mel = torch.arange(MELS).view(1, -1, 1)
    clean = 3 * torch.exp(-((mel - ridge[:, None]) ** 2) / 8)
    return TensorDataset(clean + NOISE * torch.randn(clean.shape, generator=generator), command)


def build_loader(clips: TensorDataset, training: bool) -> DataLoader:
    return DataLoader(
        clips,
        batch_size=BATCH_SIZE,
        shuffle=training,
        drop_last=True,  # [data-empty-loader] 48 clips make no batch of 64
    )


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(MELS, 32, 5, padding=2), nn.ReLU()),
        *(nn.Conv1d(32, 32, 5, padding=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * FRAMES, len(COMMANDS))),
    )


# ---- train -----------------------------------------------------------------------------------


class AverageMeter:
    """Mean of what it was given so far."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, value: float, n: int) -> None:
        self.total, self.count = self.total + value * n, self.count + n

    @property
    def avg(self) -> float:
        return self.total / self.count if self.count > 0 else self.total


def train(model: nn.Module, train_loader: DataLoader, valid_loader: DataLoader) -> tuple[float, int]:
    """Accuracy of the last validation, and the number of updates."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    num_updates, accuracy = 0, 0.0
    for epoch in range(1, MAX_EPOCH + 1):
        model.train()
        loss_meter, gnorm_meter = AverageMeter(), AverageMeter()
        for clips, commands in train_loader:
            loss = F.cross_entropy(model(clips), commands)
            optimizer.zero_grad()
            loss.backward()
            gnorm_meter.update(nn.utils.clip_grad_norm_(model.parameters(), 10.0).item(), 1)
            optimizer.step()
            loss_meter.update(loss.item(), len(commands))
            num_updates += 1
        logger.info(
            f"epoch {epoch:03d} | loss {loss_meter.avg:.3f} | num_updates {num_updates} | "
            f"lr {LEARNING_RATE:g} | gnorm {gnorm_meter.avg:.3f}"
        )
        if epoch % VALIDATE_INTERVAL == 0:
            valid_loss, accuracy = evaluate(model, valid_loader)
            logger.info(
                f"epoch {epoch:03d} | valid on 'valid' subset | loss {valid_loss:.3f} | acc {accuracy:.3f}"
            )
    return accuracy, num_updates


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    model.eval()
    total_loss, correct, seen = 0.0, 0, 0
    for clips, commands in loader:
        logits: Tensor = model(clips)
        total_loss += F.cross_entropy(logits, commands, reduction="sum").item()
        correct += (logits.argmax(1) == commands).sum().item()
        seen += len(commands)
    return total_loss / seen, correct / seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(levelname)s | %(name)s | %(message)s"
    )
    generator = torch.Generator().manual_seed(seed)
    train_clips, valid_clips = (record_clips(count, generator) for count in (TRAIN_CLIPS, VALID_CLIPS))
    logger.info(f"{len(train_clips)} examples from split train, {len(valid_clips)} examples from split valid")
    logger.info(f"{len(COMMANDS)} commands, max examples per batch = {BATCH_SIZE}")
    accuracy, num_updates = train(
        build_model(), build_loader(train_clips, True), build_loader(valid_clips, False)
    )
    logger.info(f"done training after {MAX_EPOCH} epochs")
    print("metrics", json.dumps({"accuracy": round(accuracy, 4), "num_updates": num_updates}))


if __name__ == "__main__":
    main()

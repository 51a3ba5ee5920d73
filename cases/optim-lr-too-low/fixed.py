"""Spoken commands from mel spectrograms: a small convolutional net and a progress line for each epoch."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
MELS, FRAMES = 20, 24
TRAIN_CLIPS, VAL_CLIPS, BATCH_SIZE = 640, 240, 32
MAX_EPOCHS, NOISE = 10, 1.2
LEARNING_RATE = 1e-3

Clips = tuple[Tensor, Tensor]  # spectrograms (clip, mel, frame) and the index of the word


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, generator: torch.Generator) -> Clips:
    """Each word is a track of one formant through the mel bands, spoken at a random moment."""
    tracks = torch.Generator().manual_seed(7)  # the words sound the same in all splits
    start, slope, bend = torch.randn(3, len(WORDS), 1, generator=tracks)
    word = torch.arange(count) % len(WORDS)
    moment = torch.linspace(-1, 1, FRAMES) + 0.2 * torch.randn(count, 1, generator=generator)
    height = MELS / 2 + 4 * (start[word] + 1.5 * slope[word] * moment + 2 * bend[word] * moment.square())
    band = torch.arange(MELS).view(-1, 1)
    clean = 2 * torch.exp(-((band - height.unsqueeze(1)) ** 2) / 4)
    return clean + NOISE * torch.randn(clean.shape, generator=generator), word


# ---- model -----------------------------------------------------------------------------------


class KeywordSpotter(nn.Module):
    """Two convolutions over time and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv1d(MELS, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)),
            *(nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten()),
        )
        self.classifier = nn.Linear(32 * FRAMES // 4, len(WORDS))

    def forward(self, clips: Tensor) -> Tensor:
        return self.classifier(self.features(clips))


def configure_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)


# ---- train -----------------------------------------------------------------------------------


def training_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, clips: Clips) -> float:
    losses = []
    for rows in torch.randperm(len(clips[0])).split(BATCH_SIZE):
        loss = F.cross_entropy(model(clips[0][rows]), clips[1][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def fit(model: nn.Module, train_set: Clips, val_set: Clips) -> list[float]:
    optimizer, history = configure_optimizer(model), []
    steps = TRAIN_CLIPS // BATCH_SIZE
    for epoch in range(MAX_EPOCHS):
        history.append(training_epoch(model, optimizer, train_set))
        val_loss, val_acc = validate(model, val_set)
        print(
            f"Epoch {epoch}: 100%|██████████| {steps}/{steps} [v_num=0, train_loss={history[-1]:.3f}, "
            f"val_loss={val_loss:.3f}, val_acc={val_acc:.3f}]"
        )
    print(f"`Trainer.fit` stopped: `max_epochs={MAX_EPOCHS}` reached.")
    return history


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, clips: Clips) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    scores = model(clips[0])
    hits = scores.argmax(1) == clips[1]
    return F.cross_entropy(scores, clips[1]).item(), hits.float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_clips(TRAIN_CLIPS, generator), make_clips(VAL_CLIPS, generator)
    model = KeywordSpotter()
    print(f"{sum(p.numel() for p in model.parameters()) / 1000:.1f} K Trainable params, {len(WORDS)} words")
    history = fit(model, train_set, val_set)
    metrics = {"val_acc": validate(model, val_set)[1], "loss_drop": history[0] - history[-1]}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Seizure detection in short EEG windows: one output, yes or no, about half of the windows are positive."""

import argparse
import json

import torch
from torch import Tensor, nn

CHANNELS, SAMPLES, POSITIVE = 4, 32, 0.55
TRAIN, VALIDATION, BATCH_SIZE = 480, 240, 24
EPOCHS, LEARNING_RATE, NOISE = 10, 3e-3, 1.1

Windows = tuple[Tensor, Tensor]  # signals and whether there is a seizure in them


# ---- data ------------------------------------------------------------------------------------


def make_windows(count: int, generator: torch.Generator) -> Windows:
    """Windows (window, channel, sample): noise, and a spike-and-wave rhythm at any phase in a seizure."""
    label = (torch.arange(count) < POSITIVE * count).float()
    phase = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    rhythm = torch.sin(torch.arange(SAMPLES) * 2 * torch.pi * 3 / SAMPLES + phase)
    noise = NOISE * torch.randn(count, CHANNELS, SAMPLES, generator=generator)
    return noise + label.view(-1, 1, 1) * rhythm, label


# ---- model -----------------------------------------------------------------------------------


class SeizureDetector(nn.Module):
    """Two convolutions, the mean over time, one number a window."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv1d(CHANNELS, 16, 7, padding=3), nn.ReLU()),
            *(nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten()),
        )
        self.head = nn.Linear(16, 1)
        self.loss_fn = nn.BCEWithLogitsLoss()

    def forward(self, signal: Tensor) -> Tensor:
        return torch.sigmoid(self.head(self.encoder(signal))).squeeze(1)  # [loss-double-sigmoid] loss has it

    def training_step(self, signal: Tensor, label: Tensor) -> Tensor:
        return self.loss_fn(self(signal), label)

    @torch.no_grad()
    def predict_step(self, signal: Tensor) -> Tensor:
        """Probability of a seizure in each window."""
        return torch.sigmoid(self(signal))


# ---- train -----------------------------------------------------------------------------------


def fit(model: SeizureDetector, train_set: Windows, val_set: Windows) -> dict[str, float]:
    """The metrics of the last epoch."""
    signal, label = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps, logged = TRAIN // BATCH_SIZE, {}
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(TRAIN).split(BATCH_SIZE):
            loss = model.training_step(signal[rows], label[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        logged = {"train_loss": total / steps} | validate(model, val_set)
        bar = ", ".join(f"{name}={value:.3f}" for name, value in logged.items())
        print(f"Epoch {epoch}: 100%|██████████| {steps}/{steps} [v_num=0, {bar}]")
    return logged


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: SeizureDetector, dataset: Windows) -> dict[str, float]:
    signal, label = dataset
    probability = model.predict_step(signal)
    alarm, seizure = probability > 0.5, label > 0.5
    rank = probability[seizure][:, None] - probability[~seizure]
    return {
        "val_loss": model.training_step(signal, label).item(),
        "val_acc": (alarm == seizure).float().mean().item(),
        "val_recall": alarm[seizure].float().mean().item(),
        "val_precision": (seizure[alarm].float().sum() / alarm.sum().clamp(min=1)).item(),
        "val_auroc": ((rank > 0).float() + 0.5 * (rank == 0)).mean().item(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_windows(TRAIN, generator), make_windows(VALIDATION, generator)
    model = SeizureDetector()
    print("GPU available: False, used: False")
    logged = fit(model, train_set, val_set)
    probability = model.predict_step(val_set[0])
    print(f"predict: probabilities from {probability.min():.3f} to {probability.max():.3f}")
    metrics = {name: logged[name] for name in ("val_loss", "val_acc", "val_auroc")}
    metrics["lowest_probability"] = probability.min().item()
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

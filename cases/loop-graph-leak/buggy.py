"""Speech enhancement: a network takes noise off a waveform; the log has a smoothed SNR and the memory."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES, FRAME = 8192, 64
CLIPS, VAL_CLIPS, BATCH_SIZE = 192, 32, 16
EPOCHS, LOG_INTERVAL = 5, 6
LEARNING_RATE, NOISE, SMOOTHING = 2e-3, 0.5, 0.9

Pair = tuple[Tensor, Tensor]  # noisy and clean waveforms (clip, frame, sample of the frame)


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, generator: torch.Generator) -> Pair:
    """Three tones a clip, with white noise on top, cut into frames."""
    time = torch.arange(SAMPLES) / SAMPLES
    cycles = 40 + 160 * torch.rand(count, 1, 3, generator=generator)
    start = torch.rand(count, 1, 3, generator=generator)
    clean = torch.sin(2 * torch.pi * (cycles * time.view(-1, 1) + start)).mean(2).unflatten(1, (-1, FRAME))
    return clean + NOISE * torch.randn(clean.shape, generator=generator), clean


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FRAME, FRAME), nn.Tanh(), nn.Linear(FRAME, FRAME))


def snr_db(enhanced: Tensor, clean: Tensor) -> Tensor:
    return 10 * torch.log10(clean.pow(2).sum() / (enhanced - clean).pow(2).sum())


# ---- train -----------------------------------------------------------------------------------


class Held:
    """A tensor that autograd keeps for a backward pass; the class counts what all of them take."""

    live = peak = 0

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.size = tensor, tensor.nbytes
        Held.live += self.size
        Held.peak = max(Held.peak, Held.live)

    def __del__(self) -> None:
        Held.live -= self.size


class Smoothed:
    """Exponential moving average, for the log."""

    def __init__(self) -> None:
        self.value = 0.0

    def update(self, value: float) -> None:
        self.value = SMOOTHING * self.value + (1 - SMOOTHING) * value


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, data: Pair, snr: Smoothed, epoch: int
) -> float:
    """Train once over the clips; the most memory in use, in MB."""
    batches, memory = len(data[0]) // BATCH_SIZE, 0.0
    for step, rows in enumerate(torch.randperm(len(data[0])).split(BATCH_SIZE), 1):
        noisy, clean = data[0][rows], data[1][rows]
        Held.peak = Held.live
        enhanced = model(noisy)
        loss = F.l1_loss(enhanced, clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        snr.update(snr_db(enhanced, clean))  # [loop-graph-leak] a tensor, with its graph
        memory = max(memory, Held.peak / 2**20)
        if step % LOG_INTERVAL == 0:
            print(
                f"Epoch(train) [{epoch}][{step:2d}/{batches}]  lr: {LEARNING_RATE:.4e}  "
                f"memory: {memory:.0f}  loss: {loss:.4f}  snr: {snr.value:.4f}"
            )
    return memory


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, data: Pair) -> float:
    return snr_db(model(data[0]), data[1]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data, val_data = make_clips(CLIPS, generator), make_clips(VAL_CLIPS, generator)
    model, snr, memory = build_model(), Smoothed(), []
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
            memory.append(train_epoch(model, optimizer, data, snr, epoch))
        val_snr = evaluate(model, val_data)
        print(f"Epoch(val) [{epoch}][{VAL_CLIPS}/{VAL_CLIPS}]    snr: {val_snr:.4f}")
    metrics = {"memory_first": memory[0], "memory_last": memory[-1], "val_snr": val_snr}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

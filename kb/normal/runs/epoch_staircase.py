"""Fine-tuning for three epochs: flat inside an epoch, a step down where every sample comes round again."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COMMON, DETAIL, CLASSES = 8, 4096, 4  # what samples share, and what tells each sample from all others
TRAIN, VAL, BATCH, EPOCHS = 960, 512, 8, 3
LEARNING_RATE, WRONG_LABELS, LOG_EVERY = 0.12, 0.3, 20
SCALE, SHARPNESS = 0.25, 0.4  # of the common features, and of what the pretrained head makes of them


# ---- data ------------------------------------------------------------------------------------


def make_data(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Samples, labels (a share of them wrong, as labels are), and the class centres."""
    centres = 2.5 * torch.eye(CLASSES, COMMON)
    label = torch.randint(CLASSES, (TRAIN + VAL,), generator=generator)
    common = SCALE * (centres[label] + torch.randn(TRAIN + VAL, COMMON, generator=generator))
    detail = 0.125 * torch.randn(TRAIN + VAL, DETAIL, generator=generator)
    wrong = torch.rand(TRAIN, generator=generator) < WRONG_LABELS
    label[:TRAIN] = torch.where(wrong, torch.randint(CLASSES, (TRAIN,), generator=generator), label[:TRAIN])
    return torch.cat([common, detail], 1), label, centres


# ---- model -----------------------------------------------------------------------------------


def load_pretrained(centres: Tensor) -> nn.Module:
    """A head that knows the task already and has seen none of the samples."""
    model = nn.Linear(COMMON + DETAIL, CLASSES)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[:, :COMMON] = SHARPNESS * centres / SCALE
        model.bias.copy_(-0.5 * SHARPNESS * centres.square().sum(1))
    return model


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    losses: list[float] = []
    for epoch in range(EPOCHS):
        for n, batch in enumerate(torch.randperm(TRAIN, generator=generator).split(BATCH), 1):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if n % LOG_EVERY == 0:
                record = {
                    "loss": round(sum(losses[-LOG_EVERY:]) / LOG_EVERY, 4),
                    "learning_rate": LEARNING_RATE,
                }
                print(record | {"epoch": round(epoch + n * BATCH / TRAIN, 2)})
    return torch.tensor(losses).view(EPOCHS, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    x, y, centres = make_data(generator)
    model = load_pretrained(centres)
    losses = train(model, x[:TRAIN], y[:TRAIN], generator)
    before, after = losses[:-1].mean().item(), losses[1:].mean().item()
    inside = (losses[:, : losses.shape[1] // 2].mean() - losses[:, losses.shape[1] // 2 :].mean()).item()
    val_acc = (model(x[TRAIN:]).argmax(1) == y[TRAIN:]).float().mean().item()
    print({"eval_accuracy": round(val_acc, 4), "epoch": float(EPOCHS)})
    metrics = {"step_down": before - after, "fall_inside_epoch": inside, "val_acc": val_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

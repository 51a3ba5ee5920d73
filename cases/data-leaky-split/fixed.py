"""Sleep apnoea from windows of night recordings: validates while training, then on another clinic."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATIENTS, TEST_PATIENTS, WINDOWS = 120, 80, 8  # windows of each patient, of a single night
FEATURES = 24  # band powers, rates and their spread in a window
EFFECT, PERSON, NOISE = 0.25, 1.0, 0.4  # what the illness, the person and the moment do to a feature
VAL_SHARE = 0.25
EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 32, 2e-3

Windows = tuple[Tensor, Tensor, Tensor]  # features, diagnosis and patient of each window


# ---- data ------------------------------------------------------------------------------------


def record_patients(count: int, generator: torch.Generator) -> Windows:
    """Windows of `count` patients, every second one ill; each has levels of their own."""
    patient = torch.arange(count).repeat_interleave(WINDOWS)
    ill = patient % 2
    level = PERSON * torch.randn(count, FEATURES, generator=generator)
    noise = NOISE * torch.randn(len(patient), FEATURES, generator=generator)
    signature = torch.tensor([1.0, -1.0]).repeat(FEATURES // 4).repeat_interleave(2)
    return level[patient] + EFFECT * (ill - 0.5)[:, None] * signature + noise, ill, patient


def draw(count: int, generator: torch.Generator) -> Tensor:
    """A mask that holds for a random quarter of `count` things."""
    mask = torch.zeros(count, dtype=torch.bool)
    mask[torch.randperm(count, generator=generator)[: int(count * VAL_SHARE)]] = True
    return mask


def split(windows: Windows, generator: torch.Generator) -> tuple[Windows, Windows]:
    """Hold out a quarter for validation."""
    patient = windows[2]
    held_out = draw(PATIENTS, generator)[patient]
    (train_x, val_x), (train_y, val_y), (train_p, val_p) = ((c[~held_out], c[held_out]) for c in windows)
    return (train_x, train_y, train_p), (val_x, val_y, val_p)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Windows, val_set: Windows) -> float:
    """Train; accuracy on the validation windows after the last epoch."""
    features, ill, _ = train_set
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(ill)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(features[rows]), ill[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        train_loss = sum(losses) / len(losses)
        val_loss, val_acc = evaluate(model, val_set)
        bar = f"{'█' * 10}| {len(losses)}/{len(losses)}"
        print(f"Epoch {epoch}: 100%|{bar} [v_num=0, {train_loss=:.3f}, {val_loss=:.3f}, {val_acc=:.3f}]")
    return val_acc


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, windows: Windows) -> tuple[float, float]:
    logits = model(windows[0])
    return F.cross_entropy(logits, windows[1]).item(), (logits.argmax(1) == windows[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = split(record_patients(PATIENTS, generator), generator)
    test_set = record_patients(TEST_PATIENTS, generator)
    model = build_model()
    val_acc = train(model, train_set, val_set)
    test_loss, test_acc = evaluate(model, test_set)
    rule = "─" * 56
    print(f"{rule}\n{'Test metric':>19}{'DataLoader 0':>26}\n{rule}")
    print(f"{'test_acc':>18}{test_acc:>26.6f}\n{'test_loss':>18}{test_loss:>26.6f}\n{rule}")
    metrics = {"val_accuracy": val_acc, "test_accuracy": test_acc, "gap": val_acc - test_acc}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

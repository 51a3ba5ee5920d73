"""Four kinds of pump faults from 24 sensor features: a deep MLP, trained with a log line a dict."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES, CLASSES, WIDTH, HIDDEN_LAYERS = 24, 4, 64, 8
TRAIN_ROWS, EVAL_ROWS, BATCH_SIZE = 640, 400, 32
EPOCHS = 8
LEARNING_RATE = 2e-3
SPREAD = 0.9  # how far apart the kinds of faults are, in deviations of a feature


# ---- data ------------------------------------------------------------------------------------


def make_rows(count: int, centres: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rows with features of deviation 1 about the centre of their fault, and the fault."""
    fault = torch.randint(CLASSES, (count,), generator=generator)
    return centres[fault] + torch.randn(count, FEATURES, generator=generator), fault


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Sequential:
    model = nn.Sequential()
    for depth in range(HIDDEN_LAYERS):
        model.append(nn.Linear(WIDTH if depth else FEATURES, WIDTH))
        model.append(nn.Sigmoid())  # [model-vanishing-sigmoid] each one takes three quarters of the gradient
    return model.append(nn.Linear(WIDTH, CLASSES))


# ---- train -----------------------------------------------------------------------------------


def gradient_norms(model: nn.Sequential, features: Tensor, faults: Tensor) -> list[float]:
    """Norm of the weight's gradient of one batch, one a layer, first layer first."""
    model.zero_grad()
    F.cross_entropy(model(features), faults).backward()
    return [layer.weight.grad.norm().item() for layer in model if isinstance(layer, nn.Linear)]


def train(model: nn.Sequential, train_set: tuple[Tensor, Tensor], eval_set: tuple[Tensor, Tensor]) -> dict:
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    features, faults = train_set
    steps = EPOCHS * (len(features) // BATCH_SIZE)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for rows in torch.randperm(len(features)).split(BATCH_SIZE):
            loss = F.cross_entropy(model(features[rows]), faults[rows])
            optimizer.zero_grad()
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        entry = {"loss": round(sum(losses) / len(losses), 4), "grad_norm": round(grad_norm, 4)}
        print(entry | {"learning_rate": round(scheduler.get_last_lr()[0], 7), "epoch": float(epoch)})
        eval_loss, accuracy = evaluate(model, eval_set)
        result = {"eval_loss": round(eval_loss, 4), "eval_accuracy": round(accuracy, 4)}
        print(result | {"epoch": float(epoch)})
    return {"train_loss": entry["loss"], **result}


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Sequential, dataset: tuple[Tensor, Tensor]) -> tuple[float, float]:
    logits = model(dataset[0])
    return F.cross_entropy(logits, dataset[1]).item(), (logits.argmax(1) == dataset[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    centres = SPREAD * torch.randn(CLASSES, FEATURES, generator=generator)
    train_set, eval_set = (make_rows(count, centres, generator) for count in (TRAIN_ROWS, EVAL_ROWS))
    model = build_model()
    first, *_, last = gradient_norms(model, *train_set)
    metrics = train(model, train_set, eval_set) | {"gradient_share": float(f"{first / last:.2g}")}
    print("metrics", json.dumps(metrics))


if __name__ == "__main__":
    main()

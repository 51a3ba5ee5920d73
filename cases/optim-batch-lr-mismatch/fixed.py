"""The box head of a detector on one GPU with two images a step, logged the way maskrcnn-benchmark does it."""

import argparse
import json
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS, PROPOSALS, CLASSES, WIDTH = 64, 6, 4, 64
TRAIN_IMAGES, VAL_IMAGES = 400, 150
REFERENCE_BATCH, IMS_PER_BATCH = (
    16,
    2,
)  # the recipe's eight GPUs with two images each; the one GPU that we have
RECIPE_LR = 0.1  # found for REFERENCE_BATCH
BASE_LR = RECIPE_LR * IMS_PER_BATCH / REFERENCE_BATCH
MOMENTUM, WARMUP_ITERS, MAX_ITER, LOG_PERIOD = 0.9, 20, 400, 20

Images = tuple[Tensor, Tensor, Tensor]  # features of each proposal, its class, its box offsets


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Proposals of one image look alike, so an image is one draw rather than six."""
    world = torch.Generator().manual_seed(1)
    to_class = 2 * torch.randn(CHANNELS, CLASSES, generator=world) / CHANNELS**0.5
    to_box = torch.randn(CHANNELS, 4, generator=world) / CHANNELS**0.5
    shared = torch.randn(count, 1, CHANNELS, generator=generator)
    features = shared + 0.5 * torch.randn(count, PROPOSALS, CHANNELS, generator=generator)
    noise = 0.1 * torch.randn(count, PROPOSALS, 4, generator=generator)
    return features, (features @ to_class).argmax(-1), torch.tanh(features @ to_box) + noise


# ---- model -----------------------------------------------------------------------------------


class BoxHead(nn.Module):
    """Two layers that both predictors share."""

    def __init__(self) -> None:
        super().__init__()
        hidden = (nn.Linear(CHANNELS, WIDTH), nn.LeakyReLU(0.1), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.1))
        self.extractor = nn.Sequential(*hidden)
        self.cls_score, self.bbox_pred = nn.Linear(WIDTH, CLASSES), nn.Linear(WIDTH, 4)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        x = self.extractor(features)
        return self.cls_score(x), self.bbox_pred(x)


def losses_of(model: nn.Module, images: Images) -> dict[str, Tensor]:
    scores, boxes = model(images[0].flatten(0, 1))
    losses = {"loss_classifier": F.cross_entropy(scores, images[1].flatten())}
    losses["loss_box_reg"] = F.mse_loss(boxes, images[2].flatten(0, 1))
    return {"loss": losses["loss_classifier"] + losses["loss_box_reg"]} | losses


# ---- train -----------------------------------------------------------------------------------


def train(seed: int, batch: int, base_lr: float, iterations: int) -> dict[str, float]:
    """A run from the start; validation loss and accuracy at its end."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = make_images(TRAIN_IMAGES, generator), make_images(VAL_IMAGES, generator)
    model = BoxHead()
    optimizer = torch.optim.SGD(model.parameters(), base_lr, MOMENTUM)
    history: dict[str, list[float]] = {}
    for iteration in range(1, iterations + 1):
        rate = base_lr * min(1.0, iteration / WARMUP_ITERS)
        optimizer.param_groups[0]["lr"] = rate
        rows = torch.randint(TRAIN_IMAGES, (batch,), generator=generator)
        losses = losses_of(model, (train_set[0][rows], train_set[1][rows], train_set[2][rows]))
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        for name, value in losses.items():
            history.setdefault(name, []).append(value.item())
        if iteration % LOG_PERIOD == 0:
            parts = [
                f"{name}: {sum(values[-LOG_PERIOD:]) / LOG_PERIOD:.4f} ({sum(values) / iteration:.4f})"
                for name, values in history.items()
            ]
            print("trainer INFO:", "  ".join([f"iter: {iteration}", *parts, f"lr: {rate:.6f}"]))
        if iteration % 100 == 0:
            result = evaluate(model, val_set)
            print("inference INFO:", "  ".join(f"{name}: {value:.4f}" for name, value in result.items()))
    return result


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, images: Images) -> dict[str, float]:
    hits = model(images[0].flatten(0, 1))[0].argmax(1) == images[1].flatten()
    return {"val_loss": losses_of(model, images)["loss"].item(), "cls_accuracy": hits.float().mean().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    print(f"trainer INFO: SOLVER.IMS_PER_BATCH {IMS_PER_BATCH}  SOLVER.MAX_ITER {MAX_ITER}")
    metrics = train(seed, IMS_PER_BATCH, BASE_LR, MAX_ITER)
    shown = {name: round(value, 4) if math.isfinite(value) else str(value) for name, value in metrics.items()}
    print("metrics", json.dumps(shown))


if __name__ == "__main__":
    main()

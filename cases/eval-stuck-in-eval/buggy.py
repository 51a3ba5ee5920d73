"""Action recognition on pooled skeleton features: train by epochs, validate every eighth epoch."""

import argparse
import json
import logging
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIONS, JOINTS = 10, 25  # classes, and joints of a skeleton with three coordinates each
TRAIN_CLIPS, VAL_CLIPS, BATCH_SIZE = 480, 400, 32
WIDTH, DROPOUT, SPREAD = 192, 0.7, 2.1
MISLABELLED = 0.4  # share of the training clips whose action is a guess of the annotators
MAX_EPOCHS, VAL_INTERVAL, LEARNING_RATE = 32, 8, 2e-3

Clips = tuple[Tensor, Tensor]  # features and action of each clip

logger = logging.getLogger("mmengine")


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, mislabelled: float, generator: torch.Generator) -> Clips:
    """Pooled joint positions (clip, 75): each action has a mean pose, each clip strays from it."""
    poses = torch.randn(ACTIONS, 3 * JOINTS, generator=torch.Generator().manual_seed(7))
    action = torch.randint(ACTIONS, (count,), generator=generator)
    features = poses[action] + SPREAD * torch.randn(count, 3 * JOINTS, generator=generator)
    guess = torch.randint(ACTIONS, (count,), generator=generator)
    return features, torch.where(torch.rand(count, generator=generator) < mislabelled, guess, action)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(3 * JOINTS, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)),
        *(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT)),
        nn.Linear(WIDTH, ACTIONS),
    )


# ---- train -----------------------------------------------------------------------------------


class Runner:
    """Owns the model and runs the training and validation loops."""

    def __init__(self, model: nn.Module, train_clips: Clips, val_clips: Clips) -> None:
        self.model, self.train_clips, self.val_clips = model, train_clips, val_clips
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)

    def train(self) -> tuple[list[float], list[tuple[float, float]]]:
        """Mean training loss of each epoch; accuracy and loss of each validation."""
        losses, validations = [], []
        self.model.train()
        for epoch in range(1, MAX_EPOCHS + 1):
            losses.append(self.run_epoch(epoch))
            if epoch % VAL_INTERVAL == 0:
                validations.append(self.validate(epoch))
        return losses, validations

    def run_epoch(self, epoch: int) -> float:
        features, action = self.train_clips  # [eval-stuck-in-eval] validate() left the model in eval mode
        batches = torch.randperm(len(features)).split(BATCH_SIZE)
        total = 0.0
        for rows in batches:
            loss = F.cross_entropy(self.model(features[rows]), action[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        steps, mean = len(batches), total / len(batches)
        logger.info(f"Epoch(train)  [{epoch}][{steps}/{steps}]  lr: {LEARNING_RATE:.4e}  loss: {mean:.4f}")
        return mean

    # ---- evaluate ----------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self, epoch: int) -> tuple[float, float]:
        self.model.eval()
        features, action = self.val_clips
        scores = self.model(features)
        top1 = (scores.argmax(1) == action).float().mean().item()
        loss = F.cross_entropy(scores, action).item()
        logger.info(f"Epoch(val) [{epoch}][1/1]    acc/top1: {top1:.4f}  loss: {loss:.4f}")
        return top1, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(name)s - %(levelname)s - %(message)s"
    )
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_clips = make_clips(TRAIN_CLIPS, MISLABELLED, generator)
    val_clips = make_clips(VAL_CLIPS, 0.0, generator)
    losses, validations = Runner(build_model(), train_clips, val_clips).train()
    metrics = {"loss_ratio": losses[VAL_INTERVAL] / losses[VAL_INTERVAL - 1], "train_loss": losses[-1]}
    metrics["val_rise"] = validations[-1][1] / min(loss for _, loss in validations)
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

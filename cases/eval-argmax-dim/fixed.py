"""Clothes classifier after the quickstart tutorial: train, then count right answers photo by photo."""

import argparse
import json

import torch
from torch import Tensor, nn

CLASSES = ("coat", "dress", "jeans", "scarf", "shirt", "shoes", "skirt", "socks")
SIDE, TRAIN_PHOTOS, TEST_PHOTOS = 10, 1024, 320  # pixels a side of a photo, numbers of photos
BATCH_SIZE = 32
EPOCHS, LEARNING_RATE, NOISE = 5, 0.05, 3.5

Photos = tuple[Tensor, Tensor]  # photos and the number of their class


# ---- data ------------------------------------------------------------------------------------


def make_photos(count: int, generator: torch.Generator) -> Photos:
    """Grey photos (photo, 1, 10, 10): the outline of the class under noise."""
    outline = torch.randn(len(CLASSES), 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    y = torch.randint(len(CLASSES), (count,), generator=generator)
    return outline[y] + NOISE * torch.randn(count, 1, SIDE, SIDE, generator=generator), y


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 64), nn.ReLU(), nn.Linear(64, len(CLASSES)))


# ---- train -----------------------------------------------------------------------------------


def train(photos: Photos, model: nn.Module, loss_fn: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    size = len(photos[0])
    for batch, rows in enumerate(torch.randperm(size).split(BATCH_SIZE)):
        X, y = photos[0][rows], photos[1][rows]  # noqa: N806
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 16 == 0:
            print(f"loss: {loss.item():>7f}  [{batch * BATCH_SIZE + len(X):>5d}/{size:>5d}]")


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def test(photos: Photos, model: nn.Module, loss_fn: nn.Module) -> tuple[float, float]:
    """Accuracy and mean loss over the batches of the test set."""
    batches = list(zip(*(part.split(BATCH_SIZE) for part in photos), strict=True))
    test_loss, correct, total = 0.0, 0, 0
    for X, y in batches:  # noqa: N806
        pred = model(X)
        test_loss += loss_fn(pred, y).item()
        guesses = pred.argmax(1)
        for label, guess in zip(y, guesses):  # noqa: B905
            correct += int(guess == label)
            total += 1
    test_loss, accuracy = test_loss / len(batches), correct / total
    print(f"Test Error:\n Accuracy: {100 * accuracy:>0.1f}%, Avg loss: {test_loss:>8f}\n")
    return accuracy, test_loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_photos, test_photos = (make_photos(count, generator) for count in (TRAIN_PHOTOS, TEST_PHOTOS))
    model, loss_fn = build_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(EPOCHS):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        train(train_photos, model, loss_fn, optimizer)
        accuracy, loss = test(test_photos, model, loss_fn)
    print("Done!")
    print("metrics", json.dumps({"accuracy": round(accuracy, 4), "test_loss": round(loss, 4)}))


if __name__ == "__main__":
    main()

"""Blood cell classifier in the manner of the MNIST example: train, test after each epoch, test again."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELL_TYPES, SIDE = 8, 12  # types of cells, pixels a side of a grey image
TRAIN_IMAGES, TEST_IMAGES, BATCH_SIZE = 1280, 250, 64
WIDTH, DROPOUT = 64, 0.6
EPOCHS, LEARNING_RATE, NOISE = 6, 2e-3, 3.0
RETESTS = 6  # tests of the finished model, all on the same images

Images = tuple[Tensor, Tensor]  # images and their cell types


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Images (image, 1, 12, 12): one smooth pattern a cell type, under noise."""
    pattern = torch.randn(CELL_TYPES, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    pattern = F.interpolate(pattern, size=(SIDE, SIDE), mode="bilinear")
    labels = torch.randint(CELL_TYPES, (count,), generator=generator)
    return pattern[labels] + NOISE * torch.randn(count, 1, SIDE, SIDE, generator=generator), labels


# ---- model -----------------------------------------------------------------------------------


class Net(nn.Module):
    """Two hidden layers, each with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout1, self.dropout2 = nn.Dropout(DROPOUT), nn.Dropout(DROPOUT)
        self.fc1, self.fc2 = nn.Linear(SIDE * SIDE, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, CELL_TYPES)

    def forward(self, images: Tensor) -> Tensor:
        x = self.dropout1(F.relu(self.fc1(images.flatten(1))))
        x = self.dropout2(F.relu(self.fc2(x)))
        return F.log_softmax(self.out(x), dim=1)


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, dataset: Images, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    model.train()
    images, labels = dataset
    for batch, rows in enumerate(torch.randperm(len(images)).split(BATCH_SIZE)):
        optimizer.zero_grad()
        loss = F.nll_loss(model(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        if batch % 10 == 0:
            done = batch * BATCH_SIZE
            print(
                f"Train Epoch: {epoch} [{done}/{len(images)} ({100 * done // len(images)}%)]\t"
                f"Loss: {loss.item():.6f}"
            )


# ---- evaluate --------------------------------------------------------------------------------


def test(model: nn.Module, dataset: Images) -> float:
    images, labels = dataset
    loss, correct = 0.0, 0
    with torch.no_grad():
        for data, target in zip(images.split(125), labels.split(125), strict=True):
            output = model(data)  # [eval-train-mode] no_grad() is not eval(): dropout is still on
            loss += F.nll_loss(output, target, reduction="sum").item()
            correct += int((output.argmax(dim=1) == target).sum())
    count = len(labels)
    share = f"{correct}/{count} ({100 * correct / count:.0f}%)"
    print(f"Test set: Average loss: {loss / count:.4f}, Accuracy: {share}")
    return correct / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, test_set = (make_images(count, generator) for count in (TRAIN_IMAGES, TEST_IMAGES))
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(1, EPOCHS + 1):
        train(model, train_set, optimizer, epoch)
        test(model, test_set)
    print(f"Training finished, testing the final model {RETESTS} times")
    accuracy = [test(model, test_set) for _ in range(RETESTS)]
    model.eval()
    with torch.no_grad():
        deployed = (model(test_set[0]).argmax(1) == test_set[1]).float().mean().item()
    metrics = {"test_accuracy": sum(accuracy) / RETESTS, "spread": max(accuracy) - min(accuracy)}
    metrics |= {"deployed_accuracy": deployed}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

"""Pictures of twenty kinds: train in the manner of the ImageNet example, then test the saved checkpoint."""

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES, SIDE = 20, 12  # kinds of pictures, pixels a side
TRAIN_IMAGES, VAL_IMAGES, BATCH_SIZE = 1200, 400, 40
EPOCHS, LEARNING_RATE, PRINT_FREQ, NOISE = 5, 2e-3, 15, 2.6

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the parallel wrapper works on one CPU as well

Images = tuple[Tensor, Tensor]  # pictures and the number of their kind


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Images:
    """Pictures (image, 1, 12, 12): the motif of the kind under noise."""
    motif = torch.randn(CLASSES, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(6))
    target = torch.randint(CLASSES, (count,), generator=generator)
    return motif[target] + NOISE * torch.randn(count, 1, SIDE, SIDE, generator=generator), target


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 4, stride=4), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16 * 9, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
    )


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, train_set: Images, val_set: Images, path: Path) -> float:
    """Train for all epochs and save the last one; its accuracy on the validation pictures."""
    images, target = train_set
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(EPOCHS):
        batches, losses, hits = torch.randperm(len(images)).split(BATCH_SIZE), [], []
        for i, rows in enumerate(batches):
            output = model(images[rows])
            loss = F.cross_entropy(output, target[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hits.append(100 * (output.argmax(1) == target[rows]).float().mean().item())
            if i % PRINT_FREQ == 0:
                loss_text = f"Loss {losses[-1]:.4e} ({sum(losses) / len(losses):.4e})"
                acc_text = f"Acc@1 {hits[-1]:6.2f} ({sum(hits) / len(hits):6.2f})"
                print(f"Epoch: [{epoch}][{i:2d}/{len(batches)}]\t{loss_text}\t{acc_text}")
        accuracy = validate(model, val_set)
        torch.save({"epoch": epoch + 1, "state_dict": model.state_dict(), "acc1": accuracy}, path)
    return accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def validate(model: nn.Module, dataset: Images) -> float:
    output, target = model(dataset[0]), dataset[1].unsqueeze(1)
    top = output.topk(5, dim=1).indices == target
    acc1, acc5 = top[:, 0].float().mean().item(), top.any(1).float().mean().item()
    print(f" *   Acc@1 {100 * acc1:.3f} Acc@5 {100 * acc5:.3f}")
    return acc1


def load_checkpoint(path: Path) -> nn.Module:
    """The model of a checkpoint, for one device."""
    model = build_model()
    checkpoint = torch.load(path)
    weights = checkpoint["state_dict"].items()
    model.load_state_dict({name.removeprefix("module."): tensor for name, tensor in weights})
    print(f"=> loaded checkpoint '{path.name}' (epoch {checkpoint['epoch']})")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_images(count, generator) for count in (TRAIN_IMAGES, VAL_IMAGES))
    parallel = nn.DataParallel(build_model())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pth.tar"
        val_acc1 = train(parallel, train_set, val_set, path)
        model = load_checkpoint(path)
    test_acc1 = validate(model, val_set)
    pairs = zip(model.parameters(), parallel.module.parameters(), strict=True)
    arrived = [torch.equal(mine, trained) for mine, trained in pairs]
    metrics = {"test_acc1": test_acc1, "val_acc1": val_acc1, "tensors_loaded": sum(arrived) / len(arrived)}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

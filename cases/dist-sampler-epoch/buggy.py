"""Photo and caption matching, as in CLIP, on two processes; lines like those of torchvision's scripts."""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

WORLD_SIZE = 2
TOPICS, PHOTO, CAPTION, WIDTH, EMBEDDING = 16, 32, 24, 64, 16  # sizes of vectors
TRAIN_PAIRS, VAL_PAIRS, BATCH_SIZE = 96, 200, 4  # the batch is that of one process
EPOCHS, LEARNING_RATE, TEMPERATURE, NOISE = 8, 5e-3, 0.05, 0.1
PRINT_FREQ = 3  # batches


# ---- data ------------------------------------------------------------------------------------


def make_pairs(count: int, generator: torch.Generator) -> TensorDataset:
    """Features of photos and of the captions that belong to them; both tell of the same topics."""
    world = torch.Generator().manual_seed(0)  # the same for all
    photo_map, caption_map = (torch.randn(TOPICS, size, generator=world) / 2 for size in (PHOTO, CAPTION))
    topics = torch.randn(count, TOPICS, generator=generator)
    views = [torch.tanh(topics @ matrix) for matrix in (photo_map, caption_map)]
    return TensorDataset(*(view + NOISE * torch.randn(view.shape, generator=generator) for view in views))


def build_loader(pairs: TensorDataset, rank: int, seed: int) -> DataLoader:
    """Half of the pairs for each process, in random order."""
    sampler = DistributedSampler(pairs, WORLD_SIZE, rank, shuffle=True, seed=seed)
    return DataLoader(pairs, BATCH_SIZE, sampler=sampler)


# ---- model -----------------------------------------------------------------------------------


class TwoTowers(nn.Module):
    """Similarity of each photo to each caption."""

    def __init__(self) -> None:
        super().__init__()
        self.photo, self.caption = (
            nn.Sequential(nn.Linear(size, WIDTH), nn.ReLU(), nn.Linear(WIDTH, EMBEDDING))
            for size in (PHOTO, CAPTION)
        )

    def forward(self, photos: Tensor, captions: Tensor) -> Tensor:
        return (
            F.normalize(self.photo(photos), dim=1)
            @ F.normalize(self.caption(captions), dim=1).T
            / TEMPERATURE
        )


def contrastive_loss(similarity: Tensor) -> Tensor:
    pair = torch.arange(len(similarity))
    return (F.cross_entropy(similarity, pair) + F.cross_entropy(similarity.T, pair)) / 2


# ---- train -----------------------------------------------------------------------------------


def passes(loader: DataLoader) -> Iterator[tuple[int, DataLoader]]:
    """The epochs of a training: number and batches."""
    for epoch in range(EPOCHS):  # [dist-sampler-epoch] the sampler is never told which epoch it is
        yield epoch, loader


def train(rank: int, seed: int, pairs: TensorDataset, model: TwoTowers) -> list[list[float]]:
    """Losses on this process, one list an epoch."""
    loader = build_loader(pairs, rank, seed)
    parallel = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)
    history: list[list[float]] = []
    for epoch, batches in passes(loader):
        losses: list[float] = []
        for batch, (photos, captions) in enumerate(batches):
            loss = contrastive_loss(parallel(photos, captions))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if rank == 0 and batch % PRINT_FREQ == 0:
                place = f"Epoch: [{epoch}]  [{batch:2d}/{len(loader)}]"
                mean = sum(losses) / len(losses)
                print(f"{place}  lr: {LEARNING_RATE}  loss: {losses[-1]:.4f} ({mean:.4f})")
        history.append(losses)
    return history


def work(rank: int, seed: int, folder: str) -> None:
    """What each process does; the first one reports."""
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD_SIZE)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pairs, val_pairs, model = (
        make_pairs(TRAIN_PAIRS, generator),
        make_pairs(VAL_PAIRS, generator),
        TwoTowers(),
    )
    history = train(rank, seed, pairs, model)
    if rank == 0:
        (gallery_loss, recall), (_, val_recall) = evaluate(model, pairs), evaluate(model, val_pairs)
        print(f"Test:  all train pairs: loss {gallery_loss:.4f} recall@1 {recall:.3f}")
        print(f"Test:  all val pairs: recall@1 {val_recall:.3f}")
        metrics = {"train_loss": sum(history[-1]) / len(history[-1]), "gallery_loss": gallery_loss}
        metrics |= {"recall": recall, "val_recall": val_recall, "echo": echo(history)}
        print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))
    dist.destroy_process_group()


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: TwoTowers, pairs: TensorDataset) -> tuple[float, float]:
    """Loss with all pairs as one batch, and the share of photos whose own caption is the closest."""
    similarity = model(*pairs.tensors)
    recall = (similarity.argmax(1) == torch.arange(len(pairs))).float().mean().item()
    return contrastive_loss(similarity).item(), recall


def echo(history: list[list[float]]) -> float:
    """Correlation of the last two epochs' batch losses, first with first, second with second."""
    return torch.corrcoef(torch.tensor(history[-2:]).log())[0, 1].item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    print(f"| distributed init: {WORLD_SIZE} processes, gloo", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        other = multiprocessing.get_context("fork").Process(target=work, args=(1, seed, folder))
        other.start()
        work(0, seed, folder)
        other.join()


if __name__ == "__main__":
    main()

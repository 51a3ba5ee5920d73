"""Spoken digits, clean and in traffic, trained and validated on two processes; lines like those of timm."""

import argparse
import json
import multiprocessing
import tempfile

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

WORLD_SIZE, DIGITS, FEATURES = 2, 10, 40
TRAIN_CLIPS, VAL_CLIPS, BATCH_SIZE = 480, 320, 16  # clips; the batch is that of one process
EPOCHS, LEARNING_RATE = 5, 5e-3
VOICE, TRAFFIC = 1.2, 2.5  # spread of the voices, and how loud the street is
LOG_INTERVAL = 5  # batches


# ---- data ------------------------------------------------------------------------------------


def make_clips(count: int, generator: torch.Generator) -> TensorDataset:
    """Features of clips; the list names each recording twice, as it is and with traffic behind it."""
    world = torch.Generator().manual_seed(0)  # the same for all
    digit = torch.randint(DIGITS, (count // 2,), generator=generator)
    voice = torch.randn(DIGITS, FEATURES, generator=world)[digit]
    clean = voice + VOICE * torch.randn(voice.shape, generator=generator)
    street = clean + TRAFFIC * torch.randn(voice.shape, generator=generator)
    return TensorDataset(torch.stack([clean, street], 1).flatten(0, 1), digit.repeat_interleave(2))


def build_loader(clips: TensorDataset, rank: int, training: bool) -> DataLoader:
    sampler = DistributedSampler(clips, WORLD_SIZE, rank, shuffle=training)
    return DataLoader(clips, BATCH_SIZE, sampler=sampler)


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, DIGITS))


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, loader: DataLoader, val_loader: DataLoader, rank: int) -> float:
    """Top-1 accuracy that the last validation reports."""
    parallel = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)
    top1 = 0.0
    for epoch in range(EPOCHS):
        loader.sampler.set_epoch(epoch)
        model.train()
        for batch, (clips, digits) in enumerate(loader):
            loss = F.cross_entropy(parallel(clips), digits)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if rank == 0 and batch % LOG_INTERVAL == 0:
                place = f"Train: {epoch} [{batch:4d}/{len(loader)} ({batch / (len(loader) - 1):4.0%})]"
                print(f"{place}  Loss: {loss.item():.4f}  LR: {LEARNING_RATE:.3e}")
        val_loss, top1 = validate(model, val_loader)
        if rank == 0:
            place = f"Test: [{len(val_loader) - 1:4d}/{len(val_loader) - 1}]"
            print(f"{place}  Loss: {val_loss:.4f}  Acc@1: {100 * top1:.3f}")
    return top1


def work(rank: int, seed: int, folder: str) -> None:
    """What each process does; the first one reports."""
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD_SIZE)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    clips, val_clips = (make_clips(count, generator) for count in (TRAIN_CLIPS, VAL_CLIPS))
    model = build_model()
    top1 = train(model, build_loader(clips, rank, True), build_loader(val_clips, rank, False), rank)
    if rank == 0:
        whole = score(model, DataLoader(val_clips, BATCH_SIZE))
        single = (whole[1] / whole[2]).item()
        print(f"checkpoint of epoch {EPOCHS - 1} on a single process: Acc@1: {100 * single:.3f}")
        metrics = {"reported": top1, "single": single, "gap": top1 - single}
        print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))
    dist.destroy_process_group()


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def score(model: nn.Module, loader: DataLoader) -> Tensor:
    """Sum of the losses, hits, and how many clips there were."""
    model.eval()
    total = torch.zeros(3)
    for clips, digits in loader:
        logits = model(clips)
        hits = (logits.argmax(1) == digits).sum().item()
        total += torch.tensor([F.cross_entropy(logits, digits, reduction="sum").item(), hits, len(digits)])
    return total


def validate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    """Mean loss and top-1 accuracy."""
    total = score(model, loader)
    dist.all_reduce(total)
    return (total[0] / total[2]).item(), (total[1] / total[2]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    print(f"Training in distributed mode with {WORLD_SIZE} processes, backend gloo.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        other = multiprocessing.get_context("fork").Process(target=work, args=(1, seed, folder))
        other.start()
        work(0, seed, folder)
        other.join()


if __name__ == "__main__":
    main()

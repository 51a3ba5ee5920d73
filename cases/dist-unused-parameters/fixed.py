"""Street scenes, one step what it is and the next how far: two processes, lines like detectron2's."""

import argparse
import contextlib
import json
import multiprocessing
import tempfile

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

WORLD_SIZE, KINDS, FEATURES, WIDTH = 2, 6, 24, 48
TEST_SCENES, BATCH_SIZE = 300, 16  # the batch is that of one process
MAX_ITER, PERIOD = 90, 5  # steps; labels for the kind in every other one, for the depth in the rest
LEARNING_RATE, NOISE = 5e-3, 1.2


# ---- data ------------------------------------------------------------------------------------


def make_scenes(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Features of scenes, the kind of thing in each, and how far away it is."""
    world = torch.Generator().manual_seed(0)  # the same for all
    looks = torch.randn(KINDS, FEATURES, generator=world)
    direction = torch.randn(FEATURES, generator=world)
    kind = torch.randint(KINDS, (count,), generator=generator)
    depth = torch.randn(count, generator=generator)
    noise = NOISE * torch.randn(count, FEATURES, generator=generator)
    return looks[kind] + 0.7 * depth[:, None] * direction + noise, kind, depth


# ---- model -----------------------------------------------------------------------------------


class SceneModel(nn.Module):
    """One backbone, a head for the kind, a head for the depth; returns its losses as detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.ReLU())
        self.kind_head = nn.Linear(WIDTH, KINDS)
        self.depth_head = nn.Linear(WIDTH, 1)

    def forward(self, scenes: Tensor, kind: Tensor, depth: Tensor, task: str) -> dict[str, Tensor]:
        features = self.backbone(scenes)
        if task == "kind":
            return {"loss_cls": F.cross_entropy(self.kind_head(features), kind)}
        return {"loss_depth": F.mse_loss(self.depth_head(features)[:, 0], depth)}


def distribute(model: SceneModel) -> DistributedDataParallel:
    return DistributedDataParallel(model, find_unused_parameters=True)


# ---- train -----------------------------------------------------------------------------------


def train(model: SceneModel, rank: int, generator: torch.Generator) -> None:
    parallel = distribute(model)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, fused=True)
    for iteration in range(MAX_ITER):
        task = ("kind", "depth")[iteration % 2]  # two datasets in turn
        losses = parallel(*make_scenes(BATCH_SIZE, generator), task)
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        if rank == 0 and iteration % PERIOD == 0:
            parts = "  ".join(f"{name}: {loss.item():.4f}" for name, loss in losses.items())
            print(f"[d2.utils.events]:  iter: {iteration}  total_loss: {total:.4f}  {parts}")


def work(rank: int, seed: int, folder: str) -> None:
    """What each process does; the first one reports."""
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD_SIZE)
    torch.manual_seed(seed)
    model = SceneModel()
    train(model, rank, torch.Generator().manual_seed(1000 * (seed + 1) + rank))
    if rank == 0:
        accuracy, error = evaluate(model, torch.Generator().manual_seed(seed))
        print(f"[d2.evaluation.testing]: accuracy: {accuracy:.4f}  depth_mae: {error:.4f}")
        print("metrics", json.dumps({"accuracy": round(accuracy, 4), "depth_mae": round(error, 4)}))
    dist.destroy_process_group()


def follow(rank: int, seed: int, folder: str) -> None:
    with contextlib.suppress(RuntimeError):  # the first process shows it
        work(rank, seed, folder)


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: SceneModel, generator: torch.Generator) -> tuple[float, float]:
    """Share of kinds that are right, and the mean error of the depth."""
    scenes, kind, depth = make_scenes(TEST_SCENES, generator)
    features = model.backbone(scenes)
    hits = model.kind_head(features).argmax(1) == kind
    return hits.float().mean().item(), (model.depth_head(features)[:, 0] - depth).abs().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    print(f"[d2.engine.launch]: {WORLD_SIZE} processes, backend gloo")
    print(f"[d2.engine.train_loop]: Starting training from iteration 0, to {MAX_ITER}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("fork")
        other = context.Process(target=follow, args=(1, seed, folder), daemon=True)
        other.start()
        work(0, seed, folder)
        other.join()


if __name__ == "__main__":
    main()

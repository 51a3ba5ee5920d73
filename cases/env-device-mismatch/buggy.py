"""Early or late: event log classifier on a GPU (simulated), logged like the Trainer of Hugging Face."""

import argparse
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

VOCABULARY, ALARM, EARLY = 40, 1, 12  # is there an alarm among the first twelve events of a log?
SHORTEST, LONGEST, CACHED = 20, 48, 46  # events of a batch; positions that are computed beforehand
WIDTH, BATCH_SIZE = 32, 32
MAX_STEPS, LOGGING_STEPS, EVAL_BATCHES = 100, 3, 6
LEARNING_RATE = 5e-3


class CudaTensor(Tensor):
    """Plays a tensor in GPU memory: an operation with one in main memory fails as it does with CUDA."""

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.to:
            return args[0].as_subclass(CudaTensor)
        if any(type(value) is Tensor and value.dim() for value in tree_leaves((args, kwargs))):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                "cuda:0 and cpu!"
            )
        return super().__torch_function__(func, types, args, kwargs or {})


DEVICE = torch.zeros(()).as_subclass(
    CudaTensor
)  # `tensor.to(DEVICE)` moves, as it does to any tensor's device


# ---- data ------------------------------------------------------------------------------------


def make_batch(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logs of one length, (log, event), each with one alarm; the label says whether it came early."""
    length = int(torch.randint(SHORTEST, LONGEST + 1, (1,), generator=generator))
    events = torch.randint(2, VOCABULARY, (BATCH_SIZE, length), generator=generator)
    late = torch.arange(BATCH_SIZE) % 2
    place = torch.rand(BATCH_SIZE, generator=generator)
    when = torch.where(late == 1, EARLY + place * (length - EARLY), place * EARLY).long()
    events.scatter_(1, when[:, None], ALARM)
    return events, 1 - late


# ---- model -----------------------------------------------------------------------------------


def sinusoid(length: int) -> Tensor:
    """Position table (position, feature) of the Transformer paper."""
    angle = torch.arange(length).view(-1, 1) / 100 ** (torch.arange(WIDTH // 2) / (WIDTH // 2))
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class AlarmModel(nn.Module):
    """Events and their positions, a small network for each, their maximum, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.mix = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU())
        self.head = nn.Linear(4 * WIDTH, 2)
        self.register_buffer("table", sinusoid(CACHED), persistent=False)

    def forward(self, events: Tensor) -> Tensor:
        x = self.embed(events)
        if x.shape[1] > len(self.table):
            self.table = sinusoid(x.shape[1])  # [env-device-mismatch] made anew in main memory
        return self.head(self.mix(x + self.table[: x.shape[1]]).amax(1))


def build_model() -> AlarmModel:
    """The model on the GPU; nn.Module.to would do this for parameters and buffers."""
    model = AlarmModel()
    model.table = model.table.to(DEVICE)
    return model


# ---- train -----------------------------------------------------------------------------------


def train(model: nn.Module, generator: torch.Generator) -> float:
    """Mean loss since the last line of the log."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    losses: list[float] = []
    for step in range(1, MAX_STEPS + 1):
        events, label = make_batch(generator)
        loss = F.cross_entropy(model(events.to(DEVICE)), label.to(DEVICE))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        losses = [*losses, loss.item()][-LOGGING_STEPS:]
        if step % LOGGING_STEPS == 0:
            mean = sum(losses) / LOGGING_STEPS
            line = {"loss": round(mean, 4), "grad_norm": round(norm, 4), "learning_rate": LEARNING_RATE}
            print(line | {"epoch": round(step / MAX_STEPS, 2)})
    return sum(losses) / LOGGING_STEPS


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def evaluate(model: nn.Module, generator: torch.Generator) -> float:
    hits = []
    for _ in range(EVAL_BATCHES):
        events, label = make_batch(generator)
        hits.append((model(events.to(DEVICE)).argmax(1) == label.to(DEVICE)).float().mean().item())
    return sum(hits) / EVAL_BATCHES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build_model()
    print("***** Running training *****")
    print(f"  Total optimization steps = {MAX_STEPS}")
    loss, accuracy = train(model, generator), evaluate(model, generator)
    print({"eval_accuracy": round(accuracy, 4), "epoch": 1.0})
    print("metrics", json.dumps({"eval_accuracy": round(accuracy, 4), "loss": round(loss, 4)}))


if __name__ == "__main__":
    main()

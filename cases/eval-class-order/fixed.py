"""Bird calls by species: train on a tree of folders, then score the test recordings of a table."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SPECIES = [str(number) for number in range(1, 13)]  # the folders and the table call them by number
BANDS, FRAMES = 16, 12  # mel bands and frames of a call
TRAIN_CALLS, VALID_CALLS, TEST_CALLS = 60, 20, 20  # recordings of each species
EPOCHS, BATCH_SIZE, LEARNING_RATE, NOISE = 6, 48, 2e-3, 3.0

Folders = dict[str, Tensor]  # name of the folder and the recordings in it


# ---- data ------------------------------------------------------------------------------------


def make_folders(calls: int, generator: torch.Generator) -> Folders:
    """One folder a species, each with recordings (call, band, frame) of its song under noise."""
    song = torch.randn(len(SPECIES), BANDS, FRAMES, generator=torch.Generator().manual_seed(3))
    noise = NOISE * torch.randn(len(SPECIES), calls, BANDS, FRAMES, generator=generator)
    return {name: song[n] + noise[n] for n, name in enumerate(SPECIES)}


def make_table(folders: Folders, generator: torch.Generator) -> tuple[Tensor, list[str]]:
    """The rows of test.csv in any order: a recording, and the number of its species."""
    rows = [(call, name) for name, calls in folders.items() for call in calls]
    rows = [rows[n] for n in torch.randperm(len(rows), generator=generator)]
    return torch.stack([call for call, _ in rows]), [name for _, name in rows]


# ---- model -----------------------------------------------------------------------------------


def build_model() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv1d(BANDS, 32, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2)),
        *(nn.Flatten(), nn.Linear(32 * FRAMES // 2, len(SPECIES))),
    )


class Learner:
    """A model with its classes, in the order in which the loader of the folders has numbered them."""

    def __init__(self, train_folders: Folders, valid_folders: Folders) -> None:
        self.model = build_model()
        self.vocab = sorted(train_folders)  # by name, as every folder loader does it
        self.train_set, self.valid_set = (self.number(part) for part in (train_folders, valid_folders))

    def number(self, folders: Folders) -> tuple[Tensor, Tensor]:
        label = torch.cat([torch.full((len(folders[name]),), n) for n, name in enumerate(self.vocab)])
        return torch.cat([folders[name] for name in self.vocab]), label

    # ---- train -------------------------------------------------------------------------------

    def fit(self) -> float:
        calls, label = self.train_set
        optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        print("epoch     train_loss  valid_loss  accuracy")
        for epoch in range(EPOCHS):
            losses = []
            for rows in torch.randperm(len(calls)).split(BATCH_SIZE):
                loss = F.cross_entropy(self.model(calls[rows]), label[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            with torch.no_grad():
                output, target = self.model(self.valid_set[0]), self.valid_set[1]
            accuracy = (output.argmax(1) == target).float().mean().item()
            valid_loss = F.cross_entropy(output, target).item()
            print(f"{epoch:<10d}{sum(losses) / len(losses):<12.6f}{valid_loss:<12.6f}{accuracy:<8.6f}")
        return accuracy


# ---- evaluate --------------------------------------------------------------------------------


@torch.no_grad()
def score(learner: Learner, calls: Tensor, names: list[str]) -> tuple[float, float]:
    """Accuracy on the table; and the share of calls that get the answer which is usual for their species."""
    predicted = learner.model(calls).argmax(1)
    index = {name: n for n, name in enumerate(learner.vocab)}
    target = torch.tensor([index[name] for name in names])
    table = torch.zeros(len(SPECIES), len(SPECIES), dtype=torch.long)
    table.index_put_((target, predicted), torch.tensor(1), accumulate=True)
    for name in SPECIES:
        row = table[index[name]]
        print(f"species {name:>2}: {row.sum()} calls, {row[index[name]]} right")
    return (predicted == target).float().mean().item(), table.amax(1).sum().item() / len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    learner = Learner(make_folders(TRAIN_CALLS, generator), make_folders(VALID_CALLS, generator))
    valid_accuracy = learner.fit()
    calls, names = make_table(make_folders(TEST_CALLS, generator), generator)
    test_accuracy, consistency = score(learner, calls, names)
    print(f"test accuracy {test_accuracy:.4f} on the {len(names)} calls of test.csv")
    metrics = {"test_accuracy": test_accuracy, "valid_accuracy": valid_accuracy, "consistency": consistency}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()

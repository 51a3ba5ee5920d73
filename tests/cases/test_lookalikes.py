"""Two cases that look alike can be told apart: by a sign of their logs, or by the probe that both pages name."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kb.evidence import CaseEvidence, load_evidence
from repro.case import Side
from repro.collection import find_collection
from repro.form import SECTIONS, find_blocks, split_sections
from repro.launch import Launcher
from tests.cases.blocks import run_block

COLLECTION = find_collection()
TABLE = load_evidence()
APART = 0.8
"""Difference of the shares of runs that show a sign."""


@dataclass(frozen=True)
class Probe:
    """The first block of one page, and how it is put to the program of the lookalike."""

    page: str
    lookalike: str
    adapt: str
    """Lines in front of the block that give the lookalike's program the names that the block uses."""
    tells: Callable[[str], bool]
    """Whether what the block printed speaks for the case of its page."""
    logs_differ: bool = False
    """Whether a sign of the recorded logs tells the two apart as well."""

    @property
    def pair(self) -> tuple[str, ...]:
        return tuple(sorted((self.page, self.lookalike)))


def read_numbers(printed: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", printed)]


def names_fit_without_prefix(printed: str) -> bool:
    return re.search(r"(\d+) names in the file, 0 fit, \1 would", printed) is not None


def uses_batch_as_time(printed: str) -> bool:
    """An answer for clip 5 uses the clips up to it, and one frame of each."""
    clips, frames = re.findall(r"\[([\d, ]*)\]", printed)
    return clips == "0, 1, 2, 3, 4, 5" and frames.isdigit()


def second_is_far_lower(printed: str) -> bool:
    """The last two numbers are CTC losses of two trainings, and the second one is better by more than 1."""
    first, second = read_numbers(printed)[-2:]
    return first - second > 1


def odd_shapes_keep_one_side(printed: str) -> bool:
    """Several shapes, and all of them have the side of the usual one."""
    shapes = {
        tuple(map(int, shape)): int(count) for *shape, count in re.findall(r"\(3, (\d+), (\d+)\): (\d+)", printed)
    }
    usual = max(shapes, key=lambda shape: shapes[shape])
    return len(shapes) > 1 and all(usual[0] in shape for shape in shapes)


PROBES = [
    Probe("ckpt-prefix-mismatch", "gait-dead-eval-import", "", names_fit_without_prefix),
    Probe(
        "model-all-frozen",
        "loop-no-step",
        "from torch.nn import functional as F\n"
        "make_tickets = lambda count, generator: make_images(count, generator).tensors\n"
        "TicketModel, freeze_encoder = TinyVGG, lambda model: None\n",
        lambda printed: "trainable: [] with a gradient: []" in printed,
        logs_differ=True,
    ),
    Probe(
        "model-rnn-batch-first",
        "model-softmax-dim",
        "WordClassifier, FRAMES, BANDS = ValveReader, STEPS, CHANNELS\n",
        uses_batch_as_time,
    ),
    Probe(
        "sign-over-regularized",
        "sign-overcomplex-baseline",
        "DROPOUT = WEIGHT_DECAY = 0  # this program has neither\n"
        "Model, SignRecognizer = SignRecognizer, lambda dropout: Model(BLOCKS, LSTM_LAYERS, CROSS_ATTENTION)\n",
        second_is_far_lower,
    ),
    Probe(
        "sign-overcomplex-baseline",
        "sign-over-regularized",
        "from functools import partial\n"
        "torch.optim.Adam = partial(torch.optim.Adam, weight_decay=WEIGHT_DECAY)\n"
        "BLOCKS = LSTM_LAYERS = CROSS_ATTENTION = None  # as configured\n"
        "names, Model = SignRecognizer.__init__.__globals__, SignRecognizer\n"
        "def SignRecognizer(blocks, lstm_layers, cross_attention):\n"
        "    names.update(CHANNELS=32, HIDDEN=24) if blocks is None else names.update(CHANNELS=16, HIDDEN=12)\n"
        "    return Model(DROPOUT)\n",
        second_is_far_lower,
    ),
    Probe(
        "data-collate-unequal",
        "vision-bad-batch",
        "def FruitDataset(count, generator):\n"
        "    photos = cut_short(make_photos(count, generator), CUT_SHORT)\n"
        "    return [sample for sample in WasteDataset(photos) if sample is not None]\n",
        odd_shapes_keep_one_side,
        logs_differ=True,
    ),
]
PROBED = {probe.pair for probe in PROBES if not probe.logs_differ}
"""Pairs whose logs show the same: what tells them apart has to be asked of the program."""
PAIRS = sorted({tuple(sorted((case.id, other))) for case in COLLECTION.load_valid()[0] for other in case.lookalikes})


def share(evidence: CaseEvidence, sign: str) -> float:
    return evidence.count(Side.BUGGY, sign).seen / evidence.runs


def find_telling(first: str, second: str) -> list[str]:
    """Signs that nearly all runs of one show and hardly any of the other."""
    one, other = TABLE[first], TABLE[second]
    signs = {*one.signs[Side.BUGGY], *other.signs[Side.BUGGY]}
    return [sign for sign in signs if abs(share(one, sign) - share(other, sign)) >= APART]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["+".join(pair) for pair in PAIRS])
def test_pair_is_told_apart(first: str, second: str) -> None:
    telling = find_telling(first, second)
    assert bool(telling) is ((first, second) not in PROBED)
    for one, other in ((first, second), (second, first)):
        readme = COLLECTION.load(one).readme.read_text(encoding="utf-8")
        assert f"../{other}/README.md" in split_sections(readme)[SECTIONS[3]]


@pytest.mark.parametrize("probe", PROBES, ids=[f"{probe.page}-on-{probe.lookalike}" for probe in PROBES])
def test_probe_answers_differently_for_the_lookalike(fork_launcher: Launcher, probe: Probe, tmp_path: Path) -> None:
    """The probe speaks for the case of its page on that buggy script, and on no other script of the two."""
    page, lookalike = COLLECTION.load(probe.page), COLLECTION.load(probe.lookalike)
    section = split_sections(page.readme.read_text(encoding="utf-8"))[SECTIONS[3]]
    block = find_blocks(section, "python")[0]
    for case, side, adapt in (
        (page, Side.BUGGY, ""),
        (page, Side.FIXED, ""),
        (lookalike, Side.BUGGY, probe.adapt),
        (lookalike, Side.FIXED, probe.adapt),
    ):
        result = run_block(fork_launcher, case, side, adapt + block, tmp_path)
        assert result.error == "", f"{case.id} {side}: {result.message}"
        printed = "\n".join(result.lines)
        assert probe.tells(printed) is (case.id == page.id and side is Side.BUGGY), f"{case.id} {side}:\n{printed}"

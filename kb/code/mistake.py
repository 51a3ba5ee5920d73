"""What a mistake in code is: something that can be seen in a snippet, and the cases whose bug it is.

A mistake names its cases as a compiler names an error: by definition. Tests hold each to that: it is found in the
broken script of its case, or in a snippet of another framework, and not in the mended one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from kb.code.snippet import Snippet
from kb.read.log import LogLine

Proof = Sequence[LogLine]
"""The lines in which a mistake stands; none where it is not there."""
Finder = Callable[[Snippet], Proof]


class Certainty(Enum):
    """How surely a mistake is the bug, from 0 to 1."""

    CERTAIN = 1.0
    """It is one, whatever the rest of the program does."""
    LIKELY = 0.7
    """The first thing that one would ask about."""
    HINT = 0.4
    """Right programs have it as well."""


CERTAIN, LIKELY, HINT = Certainty


@dataclass(frozen=True)
class Mistake:
    """One mistake, and how it is found."""

    id: str
    cases: Sequence[str]
    """Whose bug it is, best first."""
    sentence: str
    """What is seen, for people."""
    certainty: Certainty
    find: Finder


@dataclass(frozen=True)
class FoundMistake:
    """A mistake in somebody's code."""

    mistake: Mistake
    lines: Proof


_REGISTRY: list[Mistake] = []


def registered_mistakes() -> Sequence[Mistake]:
    """All mistakes whose modules are loaded, in the order of their definition."""
    return tuple(_REGISTRY)


def mistake(name: str, cases: str, sentence: str, certainty: Certainty) -> Callable[[Finder], Finder]:
    """Make a function that finds a mistake one of those that are looked for; `cases` are ids with spaces between."""

    def register(find: Finder) -> Finder:
        _REGISTRY.append(Mistake(name, tuple(cases.split()), sentence, certainty, find))
        return find

    return register


def add_pattern(name: str, cases: str, sentence: str, certainty: Certainty, *shows: str, lacks: str = "") -> None:
    """A mistake that is there where some statement shows each of the patterns, and none shows what it `lacks`."""

    @mistake(name, cases, sentence, certainty)
    def find(code: Snippet) -> Proof:
        if lacks and code.has(lacks):
            return ()
        found = [code.find(pattern) for pattern in shows]
        return () if None in found else [line for _, line in filter(None, found)]


# ---- what training programs write, in whatever framework ---------------------------------------

BACKWARD = r"\.backward\("
OPTIMIZER_STEP = (
    r"(?i:(?<![\w.])(?!(?:\w+\.)*\w*(?:sch\b|sched|lrs?\b|lr_|decay|warm|prof|env))[\w.]+(?:\[\w+\])?(?:\(\))?\.step\()"
)
SCHEDULER_STEP = r"(?i:\w*(?:sched\w*|\bsch|\blrs|lr_?decay\w*)(?:\(\))?\.step\()"
ZERO_GRAD = (
    r"zero_?grad|clear_?grad|cleargrads|\.grad\s*=\s*None|grad\.(?:data\.)?(?:zero_|fill_|detach_)|"
    r"zero_gradients|zeroGrad"
)
LOGITS_LOSS = (
    r"CrossEntropyLoss\(|\bcross_entropy\(|softmax_cross_entropy(?:_with_logits)?|"
    r"[cC]rossentropy\([^)]*from_logits\s*=\s*True|logitcrossentropy|nn\.CrossEntropyLoss|nnf?_cross_entropy"
)
LAYER = r"(?:\bLinear|\bDense|layer_dense|\bLazyLinear|FullyConnected)\("
LOSS_CALL = (
    r"(?:criterion|crit|\w*loss\w*|objective|F\.(?:cross_entropy|nll_loss|mse_loss|l1_loss|smooth_l1_loss))(?<!\.loss)"
)

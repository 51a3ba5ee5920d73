"""What a sign is: one named observation about a training run, with the lines that prove it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from kb.read.log import LogLine

if TYPE_CHECKING:
    from kb.signs.view import LogView


class Answer(StrEnum):
    """What a log says about a sign."""

    SEEN = "seen"
    NOT_SEEN = "not seen"
    UNKNOWN = "cannot tell"


class Family(StrEnum):
    """What a sign is about, in the order in which signs are shown."""

    MESSAGE = "errors and warnings"
    NONFINITE = "NaN and infinity"
    TRAIN_LOSS = "training loss"
    VAL_LOSS = "validation loss"
    METRIC = "accuracy and other metrics"
    GRADIENT = "gradients and updates"
    RATE = "learning rate"
    OUTPUT = "output of the model"
    COURSE = "course of the run"
    RESOURCE = "memory and time"
    HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Finding:
    """The measurement of one sign on one log."""

    answer: Answer
    detail: str = ""
    """The values that decided, for people: `1.921642 in 30 of 30 records`."""
    lines: Sequence[LogLine] = field(default=())
    """Lines of the log that prove it."""


UNKNOWN = Finding(Answer.UNKNOWN)
NOT_SEEN = Finding(Answer.NOT_SEEN)


@dataclass(frozen=True, slots=True)
class Sign:
    """One named observation that a log can show or not show."""

    id: str
    family: Family
    sentence: str
    """What is seen, for people."""
    question: str
    """What to ask a person when no log tells; answered by yes, no, or don't know."""
    measure: Callable[["LogView"], Finding]
    """How it is measured. Answers UNKNOWN when the log does not print what is needed."""


_REGISTRY: list[Sign] = []


def sign(
    name: str, family: Family, sentence: str, question: str
) -> Callable[[Callable[["LogView"], Finding]], Callable[["LogView"], Finding]]:
    """Make a measuring function a sign. Its docstring, if it has one, says how it is measured."""

    def register(measure: Callable[["LogView"], Finding]) -> Callable[["LogView"], Finding]:
        _REGISTRY.append(Sign(name, family, sentence, question, measure))
        return measure

    return register


def registered_signs() -> tuple[Sign, ...]:
    """All signs whose modules are loaded, in the order of their definition."""
    return tuple(_REGISTRY)

"""What was understood of a training log: values that never change."""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


KEPT_HEAD, KEPT_TAIL = 20_000, 20_000
"""Lines that are kept of the beginning and the end; between them only what was measured."""
MAX_KEPT = 2_000
"""Characters that are kept of a line, to be quoted."""


class EventKind(StrEnum):
    """What happened, beside what was measured."""

    WARNING = "warning"
    SKIPPED = "skipped"
    RESUMED = "resumed"
    EARLY_STOP = "early stop"
    SAVED = "saved"
    KILLED = "killed"
    ERROR = "error"


class LogLine(NamedTuple):
    """A line as a person saw it."""

    number: int
    text: str


@dataclass
class KeptLines:
    """Collects the lines of a log that can be quoted: of a very long one the first and the last."""

    dropped: int = 0
    _head: list[LogLine] = field(default_factory=list)
    _tail: list[LogLine] = field(default_factory=list)

    def keep(self, line: LogLine) -> None:
        """Keep a line, as far as there is room."""
        if len(line.text) > MAX_KEPT:
            line = LogLine(line.number, line.text[:MAX_KEPT])
        if len(self._head) < KEPT_HEAD:
            self._head.append(line)
            return
        self._tail.append(line)
        if len(self._tail) > 2 * KEPT_TAIL:
            self._drop()

    def _drop(self) -> None:
        self.dropped += max(0, len(self._tail) - KEPT_TAIL)
        del self._tail[:-KEPT_TAIL]

    def finish(self, what: str, notes: list[str]) -> tuple[LogLine, ...]:
        """The lines that are kept; when others were dropped, a note says so (`what` they are: lines, rows)."""
        self._drop()
        if self.dropped:
            notes.append(
                f"{self.dropped:,} {what} after the first {KEPT_HEAD:,} and before the last {KEPT_TAIL:,} are not kept"
            )
        return (*self._head, *self._tail)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a line reports."""

    kind: EventKind
    line: LogLine


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """The last exception of a log."""

    name: str
    """Class as printed, such as `RuntimeError` or `torch.cuda.OutOfMemoryError`."""
    message: str
    """First line of the message; empty where there is none."""
    line: int
    frame: str = ""
    """Innermost frame in the user's own code: `train.py:131 in main_loop`."""
    details: tuple[str, ...] = ()
    """Further lines of the message."""

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


@dataclass(frozen=True)
class Series:
    """One metric over the run. A record without the metric has no entry."""

    name: str
    rows: "array[int]"
    """Indices of the records, ascending."""
    values: "array[float]"
    lines: "array[int]"
    """Numbers of the lines that the values stand in."""
    base: str = ""
    split: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def first(self) -> float:
        return self.values[0]

    @property
    def last(self) -> float:
        return self.values[-1]


@dataclass(frozen=True)
class TrainingLog:
    """A training log, read."""

    lines: Sequence[LogLine]
    """The cleaned lines; of a very long log the first and the last ones."""
    series: Mapping[str, Series]
    """By canonical name: train_loss, val_loss, train_acc, lr, grad_norm, wer; others by the log's own name."""
    x: "array[float]"
    """Epoch or step of each record; nan where none is known."""
    x_name: str | None = None
    """`epoch`, `step`, or None where the log counts neither."""
    epochs: "array[float]" = field(default_factory=lambda: array("d"))
    events: Sequence[Event] = ()
    error: ErrorReport | None = None
    unread: Sequence[LogLine] = ()
    """Lines which hold numbers and were not understood."""
    notes: Sequence[str] = ()
    """What could not be read, or was repaired, in a sentence each."""
    line_count: int = 0

    @property
    def count(self) -> int:
        """Number of records: points that the log reports."""
        return len(self.x)

    @property
    def x_first(self) -> float | None:
        return next((value for value in self.x if not math.isnan(value)), None)

    @property
    def x_last(self) -> float | None:
        return next((value for value in reversed(self.x) if not math.isnan(value)), None)

    @property
    def text(self) -> str:
        """The lines that are kept, as one text."""
        return "\n".join(line.text for line in self.lines)

    @property
    def has_nan(self) -> bool:
        """Whether any measured value is NaN."""
        return any(math.isnan(value) for one in self.series.values() for value in one.values)

    @cached_property
    def records(self) -> "pd.DataFrame":
        """One row a record, one column a metric, indexed by x (epoch or step)."""
        import numpy as np
        import pandas as pd

        columns: dict[str, np.ndarray] = {}
        for name, one in self.series.items():
            column = np.full(self.count, np.nan)
            column[np.asarray(one.rows, dtype=int)] = one.values
            columns[name] = column
        index = pd.Index(np.asarray(self.x, dtype=float), name=self.x_name or "record")
        return pd.DataFrame(columns, index=index)

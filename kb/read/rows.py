"""Rows of named numbers, as tables and structured files hold them, to a log: the same names and x as of text."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from kb.read.grammar import MAX_FIELDS, Reading, Template, Value
from kb.read.log import MAX_KEPT, Event, KeptLines, LogLine, TrainingLog
from kb.read.names import Name, Role, Split, understand_key, write_name
from kb.read.numbers import NUMBER, parse_number
from kb.read.records import RecordBuilder
from kb.read.screen import clean_line
from kb.read.text import MAX_UNREAD

_OF_EPOCH = re.compile(r"(?i)(.+)[_ ](?:epoch|step|vs_iterations)$")
_BY_EPOCH = re.compile(r"(?i)^epoch_(.+)")
_CELL = re.compile(rf"(?:tensor|array)?[\s(\['\"]*({NUMBER})\s?%?[\s)\]'\"]*(?:, [^,]{{1,40}}\))?")
_LONGEST_CELL = 80
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_DEEPEST = 5
_COUNTERS = (Role.EPOCH, Role.STEP)


_ROW = re.compile("")
"""Stands for the form of a row, which needs no pattern: its columns are known."""


@dataclass
class _RowBuilder(RecordBuilder):
    """Joins rows. Rows of one table come from one place, also where the cell of a counter is empty."""

    _table: Template | None = None
    """The columns of the row before, when such a row is a record by itself."""

    @staticmethod
    def _statement(reading: Reading, counters: list[Value]) -> str:
        return reading.form + ("|counted" if counters else "|")

    def feed_row(self, names: tuple[Name, ...], numbers: Sequence[float], line: int, form: str) -> bool:
        """Take a row; whether it became part of a record."""
        table = self._table
        if table is not None and table.names == names and table.form == form and self.repeat_numbers(numbers, line):
            return True
        values = tuple(Value(name, number) for name, number in zip(names, numbers, strict=True))
        taken = self.feed(Reading(values, form, tabular=True), line)
        self._table = Template(_ROW, names, form, bare=False, hyper=False, split=Split.NONE)
        if not taken or not self.can_repeat(self._table):
            self._table = None
        return taken


@dataclass
class RowReader:
    """Takes rows one by one. One reader reads one log."""

    notes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _builder: _RowBuilder = field(default_factory=_RowBuilder)
    _kept: KeptLines = field(default_factory=KeptLines)
    _unread: list[LogLine] = field(default_factory=list)
    _last_number: int = 0

    def keep_line(self, number: int, text: str) -> LogLine:
        """Keep a row as it can be quoted, also one that holds no values."""
        line = LogLine(number, clean_line(text[:MAX_KEPT]))
        self._last_number = number
        self._kept.keep(line)
        return line

    def keep_unread(self, number: int, text: str) -> None:
        """Keep a row that was not understood."""
        line = self.keep_line(number, text)
        if len(self._unread) < MAX_UNREAD:
            self._unread.append(line)

    def feed(self, values: Iterable[tuple[Name, float]], number: int, form: str = "row", follows: bool = False) -> bool:
        """Take the values of a row; whether they became part of a record.

        Args:
            values: what the row holds.
            number: of the row's line.
            form: rows of one table share it.
            follows: whether a row without a counter belongs to the row before it.
        """
        names: list[Name] = []
        numbers: list[float] = []
        counted = follows
        for name, value in values:
            if name.role is not Role.IGNORED:
                names.append(name)
                numbers.append(value)
                counted = counted or name.role in _COUNTERS
        if not counted:
            self._builder.end_record()
        return self._builder.feed_row(tuple(names), numbers, number, form)

    def feed_mapping(self, row: Mapping[str, object], number: int) -> bool:
        """Take a row of a JSON file: keys to numbers, texts and further such rows."""
        values = flatten_row(row)
        if "train_runtime" in values:  # the summary that ends a run, no point of it
            return False
        return self.feed([(name_key(key), value) for key, value in values.items()], number)

    def build(self) -> TrainingLog:
        """The log, once all rows are in."""
        series, x, x_name, epochs = self._builder.build()
        notes = list(self.notes)
        lines = self._kept.finish("rows", notes)
        return TrainingLog(
            lines=lines,
            series=series,
            x=x,
            x_name=x_name if len(x) else None,
            epochs=epochs,
            events=tuple(self.events),
            unread=tuple(self._unread),
            notes=tuple(notes),
            line_count=self._last_number,
        )


@lru_cache(maxsize=4096)
def name_key(key: str) -> Name:
    """What the key of a column means.

    Lightning adds to a metric over what it was averaged (`train_loss_step`, `train_loss_epoch`), Keras says it before
    (`epoch_accuracy`, `evaluation_loss_vs_iterations`); such a key is the metric, not a counter.
    """
    name = understand_key(key)
    for form, roles in ((_OF_EPOCH, _COUNTERS), (_BY_EPOCH, (Role.METRIC, Role.OTHER))):
        found = form.match(key)
        if found and name.role in roles:
            metric = understand_key(found[1])
            if metric.role is Role.METRIC:
                return replace(metric, own=write_name(key))
    return name


def parse_cell(cell: str, decimal_comma: bool = False) -> float | None:
    """The number in a cell, or None where there is none."""
    try:
        return float(cell)
    except ValueError:
        pass
    if not cell or len(cell) > _LONGEST_CELL:
        return None
    if decimal_comma and _DECIMAL_COMMA.fullmatch(cell.strip()):
        return float(cell.replace(",", "."))
    found = _CELL.fullmatch(cell)
    if not found:
        return None
    try:
        return parse_number(found[1])
    except ValueError:  # a group of thousands that begins with 0
        return None


def parse_value(value: object) -> float | None:
    """The number that a value of a JSON file is, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str):
        return parse_cell(value)
    if isinstance(value, list) and len(value) == 1:
        return parse_value(value[0])
    return None


def flatten_row(row: Mapping[str, object]) -> dict[str, float]:
    """The numbers of a row of a JSON file; keys of rows inside it are joined with `/`."""
    flat: dict[str, float] = {}
    _flatten(row, "", flat, _DEEPEST)
    return flat


def _flatten(row: Mapping[str, object], prefix: str, flat: dict[str, float], depth: int) -> None:
    for key, value in row.items():
        if len(flat) >= MAX_FIELDS:
            return
        if isinstance(value, dict):
            if depth:
                _flatten(value, f"{prefix}{key}/", flat, depth - 1)
        elif (number := parse_value(value)) is not None:
            flat[prefix + key] = number

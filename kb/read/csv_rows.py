"""CSV and TSV files: Lightning's sparse rows, Keras' CSVLogger, exports of TensorBoard and W&B, hand-made ones."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from kb.read.decode import iter_numbered_lines
from kb.read.log import TrainingLog
from kb.read.names import Name, Role
from kb.read.rows import RowReader, name_key, parse_cell
from kb.read.tables import name_columns

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_WANDB = re.compile(r"(.{1,300}?) - ([^ ]+?)(__MIN|__MAX)?")
_TENSORBOARD = ["wall time", "step", "value"]
_TAG = re.compile(r"(?i)tag[-_](.+?)(?:\.[ct]sv)?$")
_IGNORED = Name(Role.IGNORED, "")


@dataclass(frozen=True)
class Dialect:
    """How a file writes its rows, and where its header stands."""

    delimiter: str
    header: tuple[str, ...]
    line: int
    """Number of the header's line."""

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers may be written `0,693`: where a comma would do, nobody takes a semicolon."""
        return self.delimiter == ";"


def find_dialect(lines: Sequence[str], lenient: bool = False) -> Dialect | None:
    """How the rows of a file are written, or None where it is no CSV file.

    Args:
        lines: its first lines, whole ones.
        lenient: whether its name says that it is CSV, so that odd rows are no counter-argument.
    """
    number = next((place for place, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if number is None:
        return None
    sample = [line for line in lines[number : number + _SAMPLE_ROWS] if line.strip()]
    best: Dialect | None = None
    for delimiter in _DELIMITERS:
        try:
            header, *rows = csv.reader(sample, delimiter=delimiter, skipinitialspace=True)
        except (csv.Error, ValueError):
            continue
        if not _is_header(header, single=lenient and delimiter == ","):
            continue
        fitting = [row for row in rows if len(row) == len(header)]
        measured = [row for row in fitting if any(parse_cell(cell, delimiter == ";") is not None for cell in row)]
        share = 0.5 if lenient else 1.0
        if rows and len(measured) < share * len(rows):
            continue
        if not lenient and (not rows or not _is_measured(header)):
            continue
        if best is None or len(header) > len(best.header):
            best = Dialect(delimiter, tuple(header), number + 1)
    return best


def _is_header(cells: Sequence[str], single: bool) -> bool:
    """Whether cells are names: no numbers, and most begin with a letter."""
    if len(cells) < (1 if single else 2) or any(parse_cell(cell) is not None for cell in cells):
        return False
    named = sum(bool(re.match(r"\s*[\W_]{0,2}[^\W\d]", cell)) for cell in cells)
    return named >= max(1, len(cells) - 1)


def _is_measured(header: Sequence[str]) -> bool:
    """Whether columns are a training's, for a file whose name does not say that it is CSV."""
    roles = [name_key(cell).role for cell in header]
    return Role.METRIC in roles and sum(role is not Role.IGNORED for role in roles) >= 2 and len(header) >= 3


@dataclass
class _Lines:
    """Feeds lines to the csv module and remembers those that the current row was made of."""

    numbered: Iterator[tuple[int, str]]
    number: int = 0
    taken: list[str] = field(default_factory=list)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self.number, line = next(self.numbered)
        self.taken.append(line)
        return line.replace("\0", "")

    def take(self) -> str:
        """The text of the row, and begin the next one."""
        text = self.taken[0] if len(self.taken) == 1 else " ".join(self.taken)
        self.taken.clear()
        return text


def read_csv(chunks: Iterable[str], dialect: Dialect, name: str = "") -> TrainingLog:
    """Read a CSV file row by row.

    Args:
        chunks: its text.
        dialect: what `find_dialect` found.
        name: of the file: TensorBoard writes the metric's name only there.
    """
    reader = RowReader()
    lines = _Lines(iter_numbered_lines(chunks))
    names = _understand_header(dialect.header, name, reader.notes)
    counted = any(one.role in (Role.EPOCH, Role.STEP) for one in names)
    if not counted and not dialect.header[0].strip():
        names = (Name(Role.STEP, "step", own="step"), *names[1:])  # the index that pandas writes
    form = "table " + " ".join(one.own for one in names)
    odd, comma = 0, dialect.decimal_comma
    for cells in _iter_rows(lines, dialect, reader.notes):
        number, text = lines.number, lines.take()
        if number <= dialect.line or not text.strip():
            reader.keep_line(number, text)
            continue
        if len(cells) != len(names):
            odd += 1
            if len(cells) < len(names) / 2:  # the writer was stopped within the row, or it is none
                reader.keep_unread(number, text)
                continue
        reader.keep_line(number, text)
        values = [
            (one, value)
            for one, cell in zip(names, cells, strict=False)
            if cell and (value := parse_cell(cell, comma)) is not None
        ]
        reader.feed(values, number, form)
    if odd:
        reader.notes.append(f"{odd:,} rows have more or fewer cells than the header")
    return reader.build()


def _iter_rows(lines: _Lines, dialect: Dialect, notes: list[str]) -> Iterator[list[str]]:
    """The rows as cells. Where a quote is never closed, quotes have no meaning any more."""
    quoting: int = csv.QUOTE_MINIMAL
    while True:
        rows = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=True, quoting=quoting)  # type: ignore[arg-type]
        try:
            yield from rows
            return
        except csv.Error as error:
            lines.take()
            if quoting == csv.QUOTE_NONE:
                notes.append(f"line {lines.number}: a row that is no CSV: {error}")
                continue
            notes.append(f"line {lines.number}: a quote that is never closed; what follows is read without quotes")
            quoting = csv.QUOTE_NONE


def _understand_header(header: Sequence[str], name: str, notes: list[str]) -> tuple[Name, ...]:
    cells = [cell.strip() for cell in header]
    if [cell.lower() for cell in cells] == _TENSORBOARD:
        tag = _TAG.search(name)
        return (_IGNORED, name_key("step"), name_key(tag[1]) if tag else Name(Role.METRIC, "value", own="value"))
    exported = [_WANDB.fullmatch(cell) for cell in cells]
    if any(found and found[3] for found in exported):
        return _understand_wandb(cells, exported, notes)
    named = name_columns(cells)
    # A table's columns tell something of each other; a key that ends in `_epoch` or `_step` only of itself.
    return tuple(
        name_key(cell) if one.role in (Role.EPOCH, Role.STEP) and cell != "#" else one
        for cell, one in zip(cells, named, strict=True)
    )


def _understand_wandb(
    cells: Sequence[str], exported: Sequence[re.Match[str] | None], notes: list[str]
) -> tuple[Name, ...]:
    """W&B's export of a panel: `run - metric`, with its minimum and maximum, for each run; the first run is read."""
    runs = list(dict.fromkeys(found[1] for found in exported if found))
    if len(runs) > 1:
        notes.append(f"of {len(runs)} runs in the export the first is read")
    return tuple(
        name_key(cell)
        if found is None
        else name_key(found[2])
        if found[1] == runs[0] and not found[3] and not found[2].endswith("_step")
        else _IGNORED
        for cell, found in zip(cells, exported, strict=True)
    )

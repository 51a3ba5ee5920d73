"""JSON lines, trainer_state.json, a Keras history, and other JSON that holds rows or columns of numbers."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from kb.read.decode import iter_numbered_lines, mend_surrogates
from kb.read.log import TrainingLog
from kb.read.names import Role, find_split
from kb.read.rows import RowReader, flatten_row, name_key, parse_value

_SAMPLE_LINES = 50
_MESSAGE_KEYS = ("message", "msg", "log", "text", "line", "event")
_FLAT_OBJECT = re.compile(r"\{[^{}]*\}")
_DEEPEST = 4


def parse_json(text: str) -> object:
    """The value of a JSON text, or None where it is none: Python's NaN and Infinity are read too."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: brackets nested without end
        return None


def _parse_object(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    value = parse_json(line)
    return value if isinstance(value, dict) else None


# ---- JSON lines ------------------------------------------------------------------------------


def is_json_lines(lines: Sequence[str]) -> bool:
    """Whether a file, by its first lines, has one JSON object a line."""
    sample = [line.strip() for line in lines if line.strip()][:_SAMPLE_LINES]
    if not sample or _parse_object(sample[0]) is None:
        return False
    return sum(_parse_object(line) is not None for line in sample) >= 0.8 * len(sample)


def find_message_key(lines: Sequence[str]) -> str | None:
    """The key that holds the log's own text, where the objects are a structured logger's or a container's."""
    sample = [row for line in lines[:_SAMPLE_LINES] if (row := _parse_object(line.strip())) is not None]
    if any(_has_metric(row) for row in sample):
        return None
    for key in _MESSAGE_KEYS:
        if sample and sum(isinstance(row.get(key), str) for row in sample) >= 0.8 * len(sample):
            return key
    return None


def iter_messages(chunks: Iterable[str], key: str) -> Iterator[str]:
    """The text that stands behind a key of JSON lines."""
    for _, line in iter_numbered_lines(chunks):
        row = _parse_object(line.strip())
        message = row.get(key) if row is not None else line
        text = mend_surrogates(message) if isinstance(message, str) else line
        # Docker writes the stream as it came, line ends and carriage returns included; loggers write without them.
        yield text if key == "log" else text.rstrip("\n") + "\n"


def read_json_lines(chunks: Iterable[str]) -> TrainingLog:
    """Read a file of JSON lines row by row."""
    reader = RowReader()
    for number, line in iter_numbered_lines(chunks):
        text = line.strip().strip("\0\ufeff")
        row = _parse_object(text)
        if row is not None:
            reader.keep_line(number, text)
            reader.feed_mapping(row, number)
        elif text:
            reader.keep_unread(number, text)
    return reader.build()


# ---- one JSON value --------------------------------------------------------------------------


def read_json_value(value: object) -> TrainingLog | None:
    """Read rows or columns out of a JSON value; None where it holds neither."""
    rows = _find_rows(value, _DEEPEST)
    if rows:
        return _read_rows(rows)
    if not isinstance(value, dict):
        return None
    columns = _find_columns(value)
    if columns:
        return _read_rows([_drop_missing(columns, cells) for cells in zip_longest(*columns.values())])
    return _read_rows([value]) if _holds_measurement(value) else None


def salvage_rows(text: str) -> TrainingLog | None:
    """Read the rows of a JSON text that was cut off or damaged: each innermost object that is whole."""
    rows = [row for found in _FLAT_OBJECT.finditer(text) if (row := _parse_object(found[0])) and flatten_row(row)]
    if len(rows) < 2:
        return None
    log = _read_rows(rows)
    return log if log.count else None


def _read_rows(rows: Iterable[Mapping[str, object]]) -> TrainingLog:
    reader = RowReader()
    for number, row in enumerate(rows, 1):
        reader.keep_line(number, mend_surrogates(json.dumps(row, ensure_ascii=False)))
        reader.feed_mapping(row, number)
    return reader.build()


def _find_rows(value: object, depth: int) -> list[dict[str, object]]:
    """The longest list of objects with numbers, such as `log_history`."""
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        return rows if rows and len(rows) >= len(value) / 2 and any(flatten_row(row) for row in rows) else []
    if isinstance(value, dict) and depth:
        if isinstance(value.get("log_history"), list):
            return _find_rows(value["log_history"], 0)
        return max((_find_rows(inner, depth - 1) for inner in value.values()), key=len, default=[])
    return []


def _find_columns(value: Mapping[str, object]) -> dict[str, list[object]]:
    """The lists of numbers in an object, by key; what all keys begin with is left out, as in `history/loss`."""
    columns: dict[str, list[object]] = {}
    _collect_columns(value, "", columns, _DEEPEST)
    heads = {key.partition("/")[0] for key in columns}
    if len(heads) == 1 and all("/" in key for key in columns) and not find_split(next(iter(heads))):
        return {key.partition("/")[2]: cells for key, cells in columns.items()}
    return columns


def _collect_columns(value: Mapping[str, object], prefix: str, columns: dict[str, list[object]], depth: int) -> None:
    for key, inner in value.items():
        if isinstance(inner, dict) and depth:
            _collect_columns(inner, f"{prefix}{key}/", columns, depth - 1)
        elif isinstance(inner, list) and inner:
            numbers = sum(parse_value(cell) is not None for cell in inner)
            if numbers and numbers >= len(inner) / 2:
                columns[prefix + key] = inner


def _drop_missing(columns: Mapping[str, object], cells: Iterable[object]) -> dict[str, object]:
    return {key: cell for key, cell in zip(columns, cells, strict=True) if cell is not None}


def _holds_measurement(row: Mapping[str, object]) -> bool:
    """Whether a lone object is the point of a run, such as a run's summary, and no configuration."""
    counted = any(name_key(key).role in (Role.EPOCH, Role.STEP) for key in flatten_row(row))
    return counted and _has_metric(row)


def _has_metric(row: Mapping[str, object]) -> bool:
    return any(name_key(key).role is Role.METRIC for key in flatten_row(row))

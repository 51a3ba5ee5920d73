"""The share of fields that the reader gets right on training logs whose right reading is known.

A file of such logs is JSON Lines: `text`, `format`, `expected` (records, x_first, x_last, series, has_nan, error) and
optionally `also_ok`, with other answers that are as right, by field, and `series_names`, other names of a series.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import LogError
from kb.read import TrainingLog, read_text

TOLERANCE = 1e-6
"""Relative; what a reader may lose by going through a float."""

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True)
class Example:
    """A log and its right reading."""

    name: str
    format: str
    text: str
    expected: Mapping[str, Any]
    also_ok: Mapping[str, Any]


@dataclass(frozen=True)
class FieldCheck:
    """One field of one reading."""

    field: str
    got: object
    expected: object
    right: bool


@dataclass(frozen=True)
class ExampleScore:
    """All fields of one log."""

    example: Example
    checks: Sequence[FieldCheck]

    @property
    def right(self) -> int:
        return sum(check.right for check in self.checks)


def load_examples(path: Path) -> list[Example]:
    """The logs of a file.

    Raises:
        LogError: the file cannot be read, or a line of it has not the form.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"{path}: cannot be read: {error}") from None
    examples: list[Example] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            examples.append(
                Example(
                    str(row.get("id", number)),
                    str(row["format"]),
                    row["text"],
                    row["expected"],
                    row.get("also_ok") or {},
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogError(
                f"{path}, line {number}: wants a JSON object with text, format and expected: {error}"
            ) from None
    return examples


def score_examples(examples: Iterable[Example]) -> Iterator[ExampleScore]:
    """Read each log and hold the reading against the right one."""
    for example in examples:
        yield ExampleScore(example, tuple(_check_fields(example, read_text(example.text))))


def _check_fields(example: Example, log: TrainingLog) -> Iterator[FieldCheck]:
    also_ok = example.also_ok
    error = str(log.error) if log.error else None
    read = {"records": log.count, "x_first": log.x_first, "x_last": log.x_last, "has_nan": log.has_nan, "error": error}
    for field, got in read.items():
        yield _check(field, got, example.expected[field], also_ok.get(field, ()))
    for name, points in example.expected["series"].items():
        names = (name, *also_ok.get("series_names", {}).get(name, ()))
        series = next((log.series[one] for one in names if one in log.series), None)
        for end in ("first", "last"):
            others = also_ok.get(f"series_{end}_alternatives", {}).get(name, ())
            yield _check(f"{name}.{end}", getattr(series, end) if series else None, points[end], others)


def _check(field: str, got: object, expected: object, others: Iterable[object]) -> FieldCheck:
    return FieldCheck(field, got, expected, any(_is_same(got, one) for one in (expected, *others)))


def _is_same(got: object, expected: object) -> bool:
    if isinstance(expected, str):
        expected = _SPECIAL.get(expected, expected)
    if isinstance(got, bool) or isinstance(expected, bool) or not isinstance(got, int | float):
        return got == expected
    if not isinstance(expected, int | float):
        return False
    if math.isnan(got) or math.isnan(expected):
        return math.isnan(got) and math.isnan(expected)
    return got == expected or abs(got - expected) <= TOLERANCE * max(abs(got), abs(expected))

"""Tables in a log: a header of names, then rows whose cells belong to them by position."""

import math
import re
from dataclasses import dataclass

from kb.read.grammar import Reading, Value
from kb.read.names import Name, Role, Split, find_split, understand_key
from kb.read.numbers import NUMBER, is_whole, parse_number

_NUMBER = re.compile(rf"({NUMBER})\s?%?")
_COUNTED = re.compile(r"(\d+)/(\d+)")
_SENTENCE = frozenset(
    (
        "a an and are but do does don't doesn't during each every for how i in is it my not of on or same stays that "
        "the this to was were when while why with"
    ).split()
)
"""Words of a sentence that names metrics, and of no heading."""
_BLANK = frozenset({"", "-", "--", "n/a", "none", "no log", "na"})
_RULE = re.compile(r"[\s|+\-=:\u2500-\u257f#]+")
_NAME = re.compile(r"[^\W\d_][^|=:]{0,40}|#")
_HAS_NUMBER = re.compile(r"(?<![\w.@-])[-+]?\.?\d")
_TIME = re.compile(r"\d+:\d+(?::\d+)?(?:\.\d+)?|[\d.]+ ?(?:s|ms|G|GB|M|MB|Mb|GiB)")


@dataclass(frozen=True)
class Header:
    """The names of a table's columns."""

    names: tuple[Name, ...]
    separator: str
    splits: bool = False
    """Whether the columns are splits and each row is a metric."""


def split_cells(text: str, separator: str) -> list[str]:
    """The cells of a row."""
    if separator == "|":
        return [cell.strip() for cell in re.split(r"[|\u2502\u2503]", text.strip().strip("|\u2502\u2503"))]
    if separator in "\t,;":
        return [cell.strip().strip('"') for cell in text.strip("\r\n").split(separator)]
    return text.split()


def is_rule(text: str) -> bool:
    """Whether a line only draws."""
    return bool(_RULE.fullmatch(text))


def find_header(text: str) -> Header | None:
    """The header of a table, where a line is one."""
    if "=" in text or ":" in text.rstrip(" :") or len(text) > 2000 or _HAS_NUMBER.search(text):
        return None
    for separator in ("|", "\t", ",", " "):
        cells = _split_header(text, separator)
        if len(cells) < (2 if separator == "|" else 3):
            continue
        if not all(_NAME.fullmatch(cell) or cell in ("", "#") for cell in cells):
            continue
        if separator == "," and any(" " in cell.strip() for cell in cells):
            continue
        if separator == " " and not _SENTENCE.isdisjoint(cell.lower() for cell in cells):
            continue
        named = [cell for cell in cells if cell]
        if separator == "|" and len(named) >= 2 and all(find_split(cell) for cell in named):
            return Header(
                (Name(Role.IGNORED, ""), *(Name(Role.OTHER, "", find_split(cell)) for cell in named)), "|", True
            )
        names = name_columns(cells)
        if sum(name.role in (Role.METRIC, Role.EPOCH, Role.STEP) for name in names) >= 2 and any(
            name.role is Role.METRIC for name in names
        ):
            return Header(names, separator)
    return None


def _split_header(text: str, separator: str) -> list[str]:
    if separator == " ":
        text = re.sub(r"(?<=\s)[A-Za-z]+\((?=\w+\s)", "", text).replace(")", "")
        wide = [cell for cell in re.split(r"\s{2,}", text.strip()) if cell]
        return (
            wide if len(wide) >= 3 and max(map(len, wide)) < 30 and any(" " in cell for cell in wide) else text.split()
        )
    if separator not in text:
        return []
    return split_cells(text, separator)


def name_columns(cells: list[str]) -> tuple[Name, ...]:
    """What the columns of a table are, from their heading cells."""
    understood = [understand_key(cell) for cell in cells if cell]
    validated = {name.base for name in understood if name.split in (Split.VAL, Split.TEST)}
    has_validation = bool(validated) and "acc" not in validated
    names: list[Name] = []
    for cell in cells:
        name = (
            Name(Role.STEP, "step", own="step")
            if cell == "#"
            else understand_key(cell)
            if cell
            else Name(Role.IGNORED, "")
        )
        if has_validation and name.role is Role.METRIC and name.base == "acc" and not name.split:
            name = Name(name.role, name.base, Split.VAL, name.own)  # fastai and notebooks measure it on validation
        if cells[0].lower() == "classes" and name.role is Role.METRIC:
            name = Name(name.role, name.base, Split.VAL, name.own)  # ultralytics measures these on validation
        if name.role is Role.OTHER and cell.lower() in ("p", "r"):
            name = Name(Role.METRIC, cell.lower(), own=cell.lower())
        if cell == "E" and "#" in cells:
            name = Name(Role.EPOCH, "epoch", own="epoch")  # spaCy
        names.append(name)
    return tuple(names)


def read_row(header: Header, text: str) -> Reading | None:
    """A row of a table, or None when the line is none."""
    if header.separator == "|" and not re.search(r"[|\u2502\u2503]", text):
        return None
    cells = split_cells(text, header.separator)
    if header.splits:
        return _read_split_row(header, cells)
    if header.separator == " " and len(cells) != len(header.names):
        wide = [cell for cell in re.split(r"\s{2,}|\t", text.strip()) if cell]
        cells = wide if len(wide) == len(header.names) else cells
    if len(cells) != len(header.names):
        return None
    values: list[Value] = []
    measured = 0
    for name, cell in zip(header.names, cells, strict=True):
        number, counted = _NUMBER.fullmatch(cell), _COUNTED.fullmatch(cell)
        if counted:
            values.append(Value(name, float(counted[1]), float(counted[2])))
        elif number:
            value = parse_number(number[1])
            values.append(Value(name, value))
            measured += 1
        elif (
            name.role in (Role.METRIC, Role.EPOCH, Role.STEP)
            and cell.lower() not in _BLANK
            and not _TIME.fullmatch(cell)
        ):
            return None
    if not measured:
        return None
    kept = tuple(value for value in values if value.name.role is not Role.IGNORED)
    return Reading(kept, "table " + " ".join(name.own for name in header.names), tabular=True)


def _read_split_row(header: Header, cells: list[str]) -> Reading | None:
    if len(cells) != len(header.names) or not cells[0]:
        return None
    name = understand_key(cells[0])
    if name.role not in (Role.METRIC, Role.OTHER):
        return None
    values = tuple(
        Value(Name(name.role, name.base, column.split, name.own), parse_number(cell))
        for column, cell in zip(header.names[1:], cells[1:], strict=True)
        if re.fullmatch(NUMBER, cell)
    )
    return Reading(values, "table of splits", tabular=True) if values else None


_PAIR_ROW = re.compile(rf"\s*[|\u2502]\s*([^|\d\s][^|]*?)\s*[|\u2502]\s*({NUMBER})\s*[|\u2502]?\s*")


def read_pair_row(text: str) -> Reading | None:
    """A row `| name | number |` of a table without a header."""
    row = _PAIR_ROW.fullmatch(text)
    if not row:
        return None
    name = understand_key(row[1])
    if name.role is Role.IGNORED or (name.role is Role.STEP and not is_whole(row[2])):
        return None
    if math.isnan(value := parse_number(row[2])) and name.role in (Role.EPOCH, Role.STEP):
        return None
    return Reading((Value(name, value),), "pair " + name.own, tabular=True)

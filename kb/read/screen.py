"""From decoded text to the lines that a person would have seen, with the number of the line each came from.

Terminal control sequences are taken out. A line that was drawn over by carriage returns gives one item for each
drawing; `repro` shows and counts lines as the file has them, so all drawings of a line share its number.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LINE = 20_000
"""Characters that are read of one drawing of a line: longer ones are data dumps, not log lines."""

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|\x1b[@-Z\\-_()][A-Z0-9]?"
    r"|(?:\^\[)?\[\d{1,3}(?:;\d{1,3}){0,4}m"  # colours whose escape was lost in pasting
    r"|[\x00-\x07\x0b\x0e-\x1a\x7f\ufeff\u200b]"
)
_NEEDS_CLEANING = re.compile(r"[\x00-\x08\x0b\x0e-\x1b\x7f\ufeff\u200b]|\[\d{1,3}(?:;\d{1,3}){0,4}m")
_OVERDRAWN = re.compile(r"\r+|\x08{2,}")


class ScreenLine(NamedTuple):
    """One drawing of a line."""

    number: int
    """Of the line in the input, from 1."""
    text: str
    drawn_over: bool
    """Whether a later drawing of the same line follows."""


def clean_line(text: str) -> str:
    """The text without control sequences, NUL bytes, and blanks at its end."""
    if (not text.isprintable() or "[0m" in text) and _NEEDS_CLEANING.search(text):
        text = _CONTROL.sub("", text).replace("\x08", "")
    return text.rstrip()


def iter_lines(chunks: Iterable[str]) -> Iterator[ScreenLine]:
    """The drawn lines of a text that comes in chunks of any size; blank ones are left out."""
    number = 1
    rest = ""
    for chunk in chunks:
        parts = (rest + chunk).split("\n")
        rest = parts.pop()
        for part in parts:
            if part:
                yield from _iter_drawings(number, part)
            number += 1
        if len(rest) > 8 * MAX_LINE and "\r" not in rest and "\x08" not in rest:
            rest = rest[: 2 * MAX_LINE]
        elif len(rest) > 64 * MAX_LINE:
            *drawings, rest = _OVERDRAWN.split(rest)
            yield from _iter_drawings(number, "\r".join(drawings) + "\r.")
    if rest:
        yield from _iter_drawings(number, rest)


def _iter_drawings(number: int, line: str) -> Iterator[ScreenLine]:
    if "\r" not in line and "\x08" not in line:
        text = clean_line(line[:MAX_LINE])
        if text:
            yield ScreenLine(number, text, False)
        return
    drawings = [text for drawing in _OVERDRAWN.split(line) if (text := clean_line(drawing[:MAX_LINE])).strip()]
    for place, text in enumerate(drawings, 1):
        yield ScreenLine(number, text, place < len(drawings))

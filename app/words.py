"""Texts of people and of cases, as Markdown that shows them letter by letter."""

import re
from collections.abc import Sequence

from kb.read.log import LogLine, TrainingLog

AROUND = 1
"""Lines shown before and after a line that matters."""
MAX_EXCERPT = 60

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~:!()&+\-.])")


def as_text(text: str) -> str:
    """Markdown that shows `text` as it is: no emphasis, link, formula, colour, picture or HTML comes of it."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def excerpt(log: TrainingLog, marked: Sequence[LogLine]) -> str:
    """The lines of a log that matter, marked, each with a line around it."""
    numbers = {line.number for line in marked}
    wanted = {number + step for number in numbers for step in range(-AROUND, AROUND + 1)}
    rows: list[str] = []
    last = 0
    for line in log.lines:
        if line.number in wanted:
            if rows and line.number > last + 1:
                rows.append("      …")
            rows.append(f"{'▶' if line.number in numbers else ' '} {line.number:>5}  {line.text.rstrip()}")
            last = line.number
    return "\n".join(rows[:MAX_EXCERPT])

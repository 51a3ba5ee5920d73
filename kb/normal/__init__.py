"""What looks wrong and is not: answers for people who ask whether it is normal, each with a run that shows it."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.toml"
PREFIX = "normal-"
"""Before the id of an answer where it stands among ids of cases."""


@dataclass(frozen=True)
class NormalAnswer:
    """Why something is as it should be."""

    id: str
    title: str
    reason: str
    not_if: str
    """When it is not normal after all."""
    asked: Sequence[str]
    """Ways in which people ask."""
    shows: Sequence[str]
    """Signs that a log of it may show."""
    absent: Sequence[str]
    """Signs that must not be seen for the answer to be true."""
    script: Path
    """A run that shows it."""
    references: Sequence[str]
    expect: Mapping[str, Mapping[str, float]]
    """Bounds of what the run measures, by metric: `min`, `max`."""


@cache
def load_answers() -> Mapping[str, NormalAnswer]:
    """All answers, by id."""
    rows = tomllib.loads(ANSWERS.read_text(encoding="utf-8"))
    return {
        name: NormalAnswer(**{**row, "id": name, "script": FOLDER / "runs" / row["script"]})
        for name, row in rows.items()
    }

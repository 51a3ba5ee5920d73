"""What others would say who see a case: descriptions in many voices, in other words than the case's own."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

VOICES = Path(__file__).parent / "data" / "voices.jsonl"


@cache
def load_voices() -> Mapping[str, Sequence[str]]:
    """The descriptions, by case."""
    voices: dict[str, list[str]] = {}
    for line in VOICES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        voices.setdefault(row["case"], []).append(row["text"])
    return voices

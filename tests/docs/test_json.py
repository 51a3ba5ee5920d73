"""The page of the JSON form names every key that is printed, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.match import EvidenceKind, Matcher
from repro.collection import find_collection
from tests.docs.conftest import ROOT

PASTES = [
    (ROOT / "examples" / "frozen-validation.log").read_text(encoding="utf-8"),
    "GradScaler skips the first two steps of my run and then never again, loss falls nicely, is that normal?",
]


def list_keys(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all keys, with `[]` for the entries of a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}".lstrip(".")
            yield from list_keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from list_keys(inner, f"{path}[]")


@pytest.fixture(scope="module")
def printed() -> set[str]:
    matcher = Matcher.load(find_collection().load_all())
    found = set()
    for paste in PASTES:
        found |= set(list_keys(matcher.diagnose(paste).to_json()))
    return found


def test_page_names_every_key(printed: set[str]) -> None:
    page = Path(ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", page, re.MULTILINE))
    assert documented == printed


def test_page_names_every_kind_of_evidence() -> None:
    page = Path(ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `matches\[\]\.evidence\[\]\.kind` \|.*$", page, re.MULTILINE)
    assert {kind.value for kind in EvidenceKind} <= set(re.findall(r"`([a-z]+)`", row))

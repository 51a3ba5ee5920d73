"""Scoring of readings against right ones."""

import json
from pathlib import Path

import pytest

from kb.errors import LogError
from kb.evaluate.logs import load_examples, score_examples

GOOD = {
    "id": "a",
    "format": "plain",
    "text": "epoch 1 loss 0.5\nepoch 2 loss nan\n",
    "expected": {
        "records": 2, "x": "epoch", "x_first": 1, "x_last": 2, "has_nan": True, "error": None,
        "series": {"train_loss": {"first": 0.5, "last": "nan", "n": 2}},
    },
}  # fmt: skip


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_every_field_counts(tmp_path: Path) -> None:
    (score,) = score_examples(load_examples(write(tmp_path / "a.jsonl", GOOD)))
    assert [check.field for check in score.checks] == [
        "records", "x_first", "x_last", "has_nan", "error", "train_loss.first", "train_loss.last",
    ]  # fmt: skip
    assert score.right == 7


def test_wrong_and_also_right_fields(tmp_path: Path) -> None:
    expected = GOOD["expected"] | {"records": 3, "x_last": 9, "series": {"cost": {"first": 0.5, "last": 0.1, "n": 2}}}
    also = {"records": [2], "series_names": {"cost": ["train_loss"]}}
    (score,) = score_examples(
        load_examples(write(tmp_path / "a.jsonl", GOOD | {"expected": expected, "also_ok": also}))
    )
    assert {check.field for check in score.checks if not check.right} == {"x_last", "cost.last"}


@pytest.mark.parametrize("row", [{"text": "x"}, ["list"], {"format": "f", "text": "x"}])
def test_bad_file_is_named(tmp_path: Path, row: object) -> None:
    path = write(tmp_path / "bad.jsonl", GOOD, row)
    with pytest.raises(LogError, match=r"bad\.jsonl, line 2"):
        load_examples(path)

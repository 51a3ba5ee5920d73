"""Holding a run against what is expected, and what a log has in common with another."""

import math

import pytest

from repro.case import Case, Side
from repro.check import CaseReport, check_side, format_value, outline, report_to_json
from repro.run import Outcome, RunResult


def result(**metrics: float) -> RunResult:
    return RunResult(Outcome.METRICS, ("line",), 1.0, metrics)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.16319, "0.1632"),
        (3, "3"),
        (12345, "12345"),
        (1e-7, "1e-07"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (-0.5, "-0.5"),
    ],
)
def test_format_value(value: float, shown: str) -> None:
    assert format_value(value) == shown


def test_value_that_is_not_finite_fits_no_range(small_case: Case) -> None:
    report = check_side(small_case, Side.FIXED, result(accuracy=math.nan))
    assert report.faults == ("accuracy is nan, expected ≥ 0.9",)


@pytest.mark.parametrize(("low", "high", "reproduced"), [(0.1, 0.95, True), (0.6, 0.95, False), (0.1, 0.8, False)])
def test_both_sides_must_hold(small_case: Case, low: float, high: float, reproduced: bool) -> None:
    sides = {
        side: check_side(small_case, side, result(accuracy=value))
        for side, value in zip(Side, (low, high), strict=True)
    }
    report = CaseReport(small_case, 0, sides)
    assert report.reproduced is reproduced
    assert report_to_json(report)["reproduced"] is reproduced
    assert report.verdict.startswith("Reproduced" if reproduced else "Not reproduced")


def test_outline_forgets_numbers_and_nothing_else() -> None:
    assert outline(["epoch 01 | loss 0.5e-3 nan", "x -1.5"]) == outline(["epoch 22 | loss inf   7", "x 2"])
    assert outline(["loss 0.5"]) != outline(["lose 0.5"])

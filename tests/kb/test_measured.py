"""The table of what the cases measured is that of the cases as they are, and its values keep the bounds."""

import math
from pathlib import Path

import pytest

from kb.evidence import digest_case
from kb.measured import CaseMeasurement, SideMeasurement, find_unmeasured, load_measured, write_measured
from repro.case import Case, Side
from repro.collection import find_collection

CASES = find_collection().load_all()
TABLE = load_measured()
EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])


def test_table_is_fresh() -> None:
    assert find_unmeasured(CASES, TABLE) == [], "run `make evidence`"
    assert set(TABLE) == {case.id for case in CASES}


@EACH
def test_measured_values_keep_the_bounds(case: Case) -> None:
    measured = TABLE[case.id]
    assert measured.seeds == case.seeds
    for side in Side:
        expected, found = case.expect.on(side), measured.sides[side]
        assert len(found.seconds) == len(case.seeds)
        for name, bound in expected.bounds.items():
            assert len(found.metrics[name]) == len(case.seeds)
            assert all(map(bound.holds, found.metrics[name]))
        assert bool(found.errors) == (expected.error is not None)
        assert all(expected.error_message in error for error in found.errors)


def test_values_that_are_not_finite_survive(tmp_path: Path, small_case: Case) -> None:
    sides = {
        Side.BUGGY: SideMeasurement({"accuracy": (math.nan, math.inf)}, (), (0.1, 0.3)),
        Side.FIXED: SideMeasurement({}, ("ValueError: no",), (0.2, 0.2)),
    }
    one = CaseMeasurement(small_case.id, digest_case(small_case), (0, 1), sides)
    write_measured([one], tmp_path / "measured.json")
    (read,) = load_measured(tmp_path / "measured.json").values()
    assert repr(read) == repr(one)
    assert read.usual_seconds == pytest.approx(0.3)
    assert find_unmeasured([small_case], {small_case.id: read}) == []
    assert find_unmeasured([small_case], {}) == [small_case.id]

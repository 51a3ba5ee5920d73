"""The table of signs is that of the cases as they are, and what a README claims is in it."""

import re

import pytest

from kb.evidence import find_stale, load_evidence
from kb.read import read_text
from kb.signs import Answer, list_signs, measure_signs
from repro.case import Case, Side
from repro.collection import find_collection
from repro.curves import extract_curve

CASES = find_collection().load_all()
TABLE = load_evidence()
NOT_A_SERIES = {
    "ckpt-prefix-mismatch": "the curve is the summary below the batches",
    "data-label-offset": "the curve is a bar that never fills up",
    "env-dtype-mismatch": "the curve is a bar, whose last drawing counts",
    "lm-token-out-of-range": "the curve is a bar that never fills up",
    "loop-graph-leak": "memory is no metric",
    "loss-target-range": "the values are thousands with three digits",
    "ssl-collapse": "the curve is the mean in brackets, the reader takes the value",
}
"""Curves that the reader is right not to give as a series, and why."""
EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])


def test_table_is_fresh() -> None:
    assert find_stale(CASES, TABLE) == [], "run `make evidence`"
    assert set(TABLE) == {case.id for case in CASES}


@EACH
def test_recorded_logs_agree_with_the_table(case: Case) -> None:
    for side in Side:
        findings = measure_signs(read_text(case.log(side).read_text(encoding="utf-8")))
        for sign, finding in findings.items():
            counts = TABLE[case.id].count(side, sign)
            answers = {Answer.SEEN: counts.seen, Answer.NOT_SEEN: counts.not_seen, Answer.UNKNOWN: counts.unknown}
            assert answers[finding.answer] > 0, f"{side}, {sign}: {finding.answer} on the recorded log, {counts}"


@EACH
def test_readme_claims_only_signs_that_every_run_shows(case: Case) -> None:
    readme = case.readme.read_text(encoding="utf-8")
    claimed = [name for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", readme) if name in list_signs()]
    for sign in claimed:
        assert TABLE[case.id].count(Side.BUGGY, sign).always, sign


@EACH
def test_logs_of_the_cases_are_read_right(case: Case) -> None:
    """What the case says its curve is must be one of the series that the reader finds, value by value."""
    for side in Side:
        lines = case.log(side).read_text(encoding="utf-8").splitlines()
        log = read_text("\n".join(lines))
        if case.expect.on(side).error:
            assert log.error is not None
            assert case.expect.on(side).error_message in str(log.error)
        if case.curve is None or case.id in NOT_A_SERIES:
            continue
        values = list(extract_curve(case.curve, lines))
        series = [one.values.tolist() for one in log.series.values()]
        assert not values or any(
            one == pytest.approx(values[: len(one)], nan_ok=True) for one in series if len(one) >= len(values) - 1
        )

"""What a page says was measured stands in a recorded log or in a table of measurements."""

import re

import pytest

from kb.measured import load_measured
from repro.case import Case, Side
from repro.check import format_value
from repro.collection import find_collection
from repro.curves import extract_curve
from tests.docs.pages import Page

CASES = find_collection().load_all()
TABLE = load_measured()
EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")


def section(page: Page, start: str, end: str) -> str:
    """The words between two headings."""
    return page.text[page.text.rindex(f"\n{start}¶") : page.text.rindex(f"\n{end}¶")]


@EACH
def test_every_number_of_the_table_was_measured(pages: dict[str, Page], case: Case) -> None:
    measured = TABLE[case.id]
    text = section(pages[f"cases/{case.id}/"], "Measured before and after", "How to be sure it is this one")
    known = {str(seed) for seed in measured.seeds} | {str(len(measured.seeds))}
    for side in Side:
        for values in measured.sides[side].metrics.values():
            known |= set(map(format_value, values))
        for bound in case.expect.on(side).bounds.values():
            known |= {f"{edge:g}" for edge in (bound.min, bound.max) if edge is not None}
        known |= {found for error in measured.sides[side].errors for found in NUMBER.findall(error)}
        known |= set(NUMBER.findall(case.expect.on(side).error or ""))
    known |= {found for metric in case.metrics.values() for found in NUMBER.findall(metric.meaning)}
    assert set(NUMBER.findall(text)) <= known


@EACH
def test_excerpts_are_of_recorded_logs(pages: dict[str, Page], case: Case) -> None:
    recorded = {line.strip() for side in Side for line in case.log(side).read_text(encoding="utf-8").splitlines()}
    excerpt = re.search(r"```log\n(.*?)^```", case.readme.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert excerpt
    lines = [line.strip() for line in excerpt[1].splitlines() if line.strip() not in ("", "...")]
    assert lines
    shown = {" ".join(line.split()) for code in pages[f"cases/{case.id}/"].code for line in code.splitlines()}
    for line in lines:
        assert line in recorded
        assert " ".join(line.split()) in shown  # Markdown makes spaces of tabs


@EACH
def test_curve_is_that_of_the_recorded_logs(pages: dict[str, Page], case: Case) -> None:
    if case.curve is None:
        pytest.skip("no curve")
    text = pages[f"cases/{case.id}/"].text
    for side in Side:
        values = extract_curve(case.curve, case.log(side).read_text(encoding="utf-8").splitlines())
        if values:
            assert f"{side}: {len(values)} values" in text
            assert f"from {values[0]:.4g} to {values[-1]:.4g}." in text


def test_counts_on_the_home_page(pages: dict[str, Page]) -> None:
    runs = sum(2 * len(case.seeds) for case in CASES)
    assert f"{len(CASES)} cases, checked by {runs} runs" in pages[""].text

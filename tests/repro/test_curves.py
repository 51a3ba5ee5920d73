"""Curves found in logs and drawn."""

import itertools
import math
from xml.etree import ElementTree

import pytest

from repro.case import Curve, Side
from repro.curves import choose_ticks, describe_curves, draw_inline_svg, draw_svg, extract_curve, plot_rows

NAN = math.nan


def test_extract_curve() -> None:
    curve = Curve(name="loss", pattern=r"loss=(\S+)")
    lines = [
        "loss=0.5 loss=0.25",
        "lr=3",
        "loss=nan",
        "loss=oops",
        "loss=-inf",
        "loss=40,527 loss=1,234,567.5 loss=1,2",
    ]
    assert str(extract_curve(curve, lines)) == str((0.5, 0.25, NAN, -math.inf, 40527.0, 1234567.5))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.06, 0.53), (-3, 10_000), (5, 5), (0, 0), (1e-9, 3e-9), (-1e20, 1e20), (0.5000, 0.5001)]
)
def test_ticks_enclose_the_range_in_few_even_steps(low: float, high: float) -> None:
    ticks = choose_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] <= low <= high <= ticks[-1]
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def dots(rows: list[str], character: str) -> list[int]:
    return [number for number, row in enumerate(rows) if character in row]


def test_plot_puts_high_values_on_top_and_breaks_at_nan() -> None:
    rows = plot_rows({Side.BUGGY: [1, 1, NAN, NAN], Side.FIXED: [1, 0.5, 0, 0]}, width=40, height=8)
    text = ["".join(cell for cell, _ in row.cells) for row in rows]
    assert len(rows) == 8
    assert all(len(line) == 40 for line in text)
    assert dots(text, "×") == [0]
    assert rows[0].label.split() == ["1", "┤"]
    assert rows[-1].label.split() == ["0", "┤"]
    assert (rows[0].ends, rows[-1].ends) == ((Side.BUGGY,), (Side.FIXED,))
    bottom = [side for cell, side in rows[-1].cells if cell != " "]
    assert set(bottom) == {Side.FIXED}
    assert text[-1].rstrip() == text[-1], "the fixed curve ends at the right, at the bottom"


@pytest.mark.parametrize("curves", [{}, {Side.BUGGY: []}, {Side.BUGGY: [NAN, math.inf]}])
def test_nothing_finite_draws_nothing(curves: dict[Side, list[float]]) -> None:
    assert plot_rows(curves, 40, 8) == []
    ElementTree.fromstring(draw_svg("loss", curves))


def test_svg_is_self_contained_and_tells_in_words() -> None:
    text = draw_svg("a < b & c", {Side.BUGGY: [1, NAN, 2], Side.FIXED: [1, 0]})
    root = ElementTree.fromstring(text)
    assert "a < b & c" in "".join(root.itertext())
    assert "buggy: 3 values, 1 of them not finite, from 1 to 2." in "".join(root.itertext())
    assert text.count("http") == 1, "nothing but the name of the format"


def test_describe_curve_without_values() -> None:
    assert describe_curves({Side.FIXED: []}) == "fixed: no values."


def test_inline_svg_has_names_of_its_own_and_no_style() -> None:
    text = draw_inline_svg("one", "a < b", {Side.BUGGY: [1, 2], Side.FIXED: [1, 0, 0]})
    root = ElementTree.fromstring(text)
    assert root.get("aria-labelledby") == "one-title one-description"
    assert root.findtext("title") == "a < b"
    assert "fixed: 3 values, from 1 to 0." in str(root.findtext("desc"))
    assert "<style" not in text
    ends = [path.get("class") for path in root.iter("path") if "v12" in str(path.get("d"))]
    assert ends == ["curve-buggy mark"]  # it ended before the other

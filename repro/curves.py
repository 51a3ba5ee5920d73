"""The course of one quantity over a log, drawn in the terminal or as SVG.

A curve is the sequence of values that a case's `[curve]` pattern finds in the lines of a log. Values that are not
finite are part of the story, so they are drawn: as crosses at the top of the plot.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from repro.case import Curve, Side


@dataclass(frozen=True)
class Frame:
    """The ranges of a plot and the values at which its axis is labelled."""

    low: float
    high: float
    length: int
    """Points of the longest curve."""
    ticks: tuple[float, ...]

    def height(self, value: float) -> float:
        """Where a value lies, from 0 at the bottom to 1 at the top; clipped."""
        if math.isnan(value):
            return 1.0
        share = (value - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0)

    def position(self, index: int) -> float:
        """Where a point lies, from 0 at the left to 1 at the right."""
        return index / max(self.length - 1, 1)


_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
"""A number with its thousands parted by commas: 12,345.6."""


def extract_curve(curve: Curve, lines: Iterable[str]) -> tuple[float, ...]:
    """The values that the pattern finds, in the order of the lines. What is not a number is left out."""
    pattern = re.compile(curve.pattern)
    values = []
    for line in lines:
        for found in pattern.findall(line):
            number = found.replace(",", "") if _GROUPED.fullmatch(found) else found
            try:
                values.append(float(number))
            except ValueError:
                continue
    return tuple(values)


def fit_frame(curves: Iterable[Sequence[float]]) -> Frame | None:
    """The frame that shows all finite values; None when there is none."""
    curves = [curve for curve in curves if curve]
    finite = [value for curve in curves for value in curve if math.isfinite(value)]
    if not finite:
        return None
    ticks = choose_ticks(min(finite), max(finite))
    return Frame(ticks[0], ticks[-1], max(len(curve) for curve in curves), ticks)


def choose_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round values that enclose `low` and `high`, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    raw = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return tuple(number * step for number in range(first, last + 1))


# ---- terminal --------------------------------------------------------------------------------

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of each dot of a braille character, by column and row."""


@dataclass(frozen=True)
class PlotRow:
    """One line of a plot: the axis label, then one cell a column with the side that it belongs to."""

    label: str
    cells: tuple[tuple[str, Side | None], ...]
    ends: tuple[Side, ...]
    """The curves whose last value lies in this line."""


def plot_rows(curves: Mapping[Side, Sequence[float]], width: int, height: int) -> list[PlotRow]:
    """Draw curves with braille dots, `width` by `height` characters beside the axis; empty if none is finite."""
    frame = fit_frame(curves.values())
    if frame is None:
        return []
    dots: dict[tuple[int, int], int] = {}
    owner: dict[tuple[int, int], Side] = {}
    crosses: dict[int, Side] = {}
    for side, curve in curves.items():
        points = [(frame.position(i) * (2 * width - 1), v) for i, v in enumerate(curve)]
        for x, value in points:
            if not math.isfinite(value):
                crosses[int(x) // 2] = side
        for x, y in _trace(frame, points, 4 * height - 1):
            dot = (x // 2, y // 4)
            dots[dot] = dots.get(dot, 0) | _DOTS[x % 2][y % 4]
            owner[dot] = side
    labels = _label_rows(frame, height)
    ends = {side: round((1 - frame.height(curve[-1])) * (height - 1)) for side, curve in curves.items() if curve}
    rows = []
    for row in range(height):
        cells: list[tuple[str, Side | None]] = []
        for column in range(width):
            cell = (column, row)
            if row == 0 and column in crosses:
                cells.append(("×", crosses[column]))
            elif cell in dots:
                cells.append((chr(_BRAILLE | dots[cell]), owner[cell]))
            else:
                cells.append((" ", None))
        rows.append(PlotRow(labels[row], tuple(cells), tuple(side for side in ends if ends[side] == row)))
    return rows


def _trace(frame: Frame, points: Sequence[tuple[float, float]], top: int) -> Iterable[tuple[int, int]]:
    """Dots of the line through the finite points; a point that is not finite breaks the line."""
    previous: tuple[float, float] | None = None
    for x, value in points:
        if not math.isfinite(value):
            previous = None
            continue
        here = (x, (1 - frame.height(value)) * top)
        start = previous or here
        steps = int(max(abs(here[0] - start[0]), abs(here[1] - start[1]))) + 1
        for step in range(steps + 1):
            share = step / steps
            yield (
                round(start[0] + share * (here[0] - start[0])),
                round(start[1] + share * (here[1] - start[1])),
            )
        previous = here


def _label_rows(frame: Frame, height: int) -> list[str]:
    texts = {round((1 - frame.height(tick)) * (height - 1)): f"{tick:.6g}" for tick in frame.ticks}
    width = max(len(text) for text in texts.values())
    return [texts.get(row, "").rjust(width) + (" ┤" if row in texts else " │") for row in range(height)]


# ---- SVG -------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 40, 36
_STYLE = """
.curve-buggy { stroke: #c62828; } .curve-fixed { stroke: #2e7d32; stroke-dasharray: 7 3; }
.label-buggy { fill: #c62828; } .label-fixed { fill: #2e7d32; } .mark { stroke-width: 2; stroke-dasharray: none; }
path { fill: none; stroke-width: 2; stroke-linejoin: round; } text { font: 12px sans-serif; fill: #444; }
.title { font-weight: bold; } .grid { stroke: #8884; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc; } .curve-buggy { stroke: #ef7070; } .curve-fixed { stroke: #6fcf76; }
  .label-buggy { fill: #ef7070; } .label-fixed { fill: #6fcf76; }
}
"""


def draw_svg(title: str, curves: Mapping[Side, Sequence[float]]) -> str:
    """A standalone SVG picture of the curves, for light and dark pages, with a text alternative."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="title description">'
    )
    return "\n".join([head, *_describe_plot("", title, curves), f"<style>{_STYLE}</style>", *_draw_plot(title, curves)])


def draw_inline_svg(name: str, title: str, curves: Mapping[Side, Sequence[float]]) -> str:
    """The same for the middle of a page: ids that begin with `name`, and the colours left to the page's own style."""
    head = (
        f'<svg class="curves" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-description">'
    )
    return "\n".join([head, *_describe_plot(f"{name}-", title, curves), *_draw_plot(title, curves)])


def _describe_plot(prefix: str, title: str, curves: Mapping[Side, Sequence[float]]) -> list[str]:
    return [
        f'<title id="{prefix}title">{escape(title)}</title>',
        f'<desc id="{prefix}description">{escape(describe_curves(curves))}</desc>',
    ]


def _draw_plot(title: str, curves: Mapping[Side, Sequence[float]]) -> list[str]:
    frame = fit_frame(curves.values())
    parts = [f'<text class="title" x="{_LEFT}" y="20">{escape(title)}</text>']
    for number, side in enumerate(curves):
        x = _WIDTH - _RIGHT - 70 * (len(curves) - number)
        parts.append(f'<path class="curve-{side}" d="M{x} 16h18"/>')
        parts.append(f'<text class="label-{side}" x="{x + 23}" y="20">{side}</text>')
    if frame is not None:
        parts += _draw_frame(frame)
        for side, curve in curves.items():
            parts += _draw_curve(frame, side, curve)
    return [*parts, "</svg>", ""]


def describe_curves(curves: Mapping[Side, Sequence[float]]) -> str:
    """The curves in words: where each starts, ends, and how many of its values are not finite."""
    return " ".join(_describe_curve(side, curve) for side, curve in curves.items())


def _describe_curve(side: Side, curve: Sequence[float]) -> str:
    if not curve:
        return f"{side}: no values."
    lost = sum(not math.isfinite(value) for value in curve)
    also = f", {lost} of them not finite" if lost else ""
    return f"{side}: {len(curve)} values{also}, from {curve[0]:.4g} to {curve[-1]:.4g}."


def _draw_frame(frame: Frame) -> list[str]:
    parts = []
    for tick in frame.ticks:
        y = _y(frame, tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.6g}</text>')
    bottom = _HEIGHT - _BOTTOM + 20
    parts.append(f'<text x="{_LEFT}" y="{bottom}">1</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{bottom}" text-anchor="end">{frame.length}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{bottom}" text-anchor="middle">logged values, in order</text>')
    return parts


def _draw_curve(frame: Frame, side: Side, curve: Sequence[float]) -> list[str]:
    path, pen = [], "M"
    crosses = []
    for index, value in enumerate(curve):
        x, y = _LEFT + frame.position(index) * (_WIDTH - _LEFT - _RIGHT), _y(frame, value)
        if math.isfinite(value):
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        else:
            crosses.append(f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8")
            pen = "M"
    parts = [f'<path class="curve-{side}" d="{"".join(path)}"/>'] if path else []
    if curve and len(curve) < frame.length:  # it ended before the other: a bar says that this was all
        crosses.append(f"M{x:.1f} {y - 6:.1f}v12")
    if crosses:
        parts.append(f'<path class="curve-{side} mark" d="{"".join(crosses)}"/>')
    return parts


def _y(frame: Frame, value: float) -> float:
    return _HEIGHT - _BOTTOM - frame.height(value) * (_HEIGHT - _TOP - _BOTTOM)

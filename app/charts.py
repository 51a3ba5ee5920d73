"""Curves: of a log as it was read, and of a case with the user's own curve over them."""

import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd
import streamlit as st

from kb.read.log import Series, TrainingLog
from kb.read.names import understand_key, write_name
from repro.case import Case, Side
from repro.curves import extract_curve
from repro.errors import ReproError

MAX_SERIES, MAX_POINTS = 6, 400
BEFORE, AFTER, YOURS = "buggy", "fixed", "yours"
COLOURS = {BEFORE: "#d1495b", AFTER: "#2a9d8f", YOURS: "#8d6cd9"}
"""Told apart by dashes as well, and by the words beside them."""
DASHES = {BEFORE: [1, 0], AFTER: [6, 3], YOURS: [2, 2]}


def draw_series(log: TrainingLog) -> None:
    """The first series of a log, small, one beside the other; what is not finite leaves a gap."""
    chosen = [one for one in log.series.values() if len(one) > 1][:MAX_SERIES]
    for row in (chosen[place : place + 3] for place in range(0, len(chosen), 3)):
        for column, one in zip(st.columns(3), row, strict=False):
            with column:
                st.caption(f"`{one.name}`  {describe(one.values)}")
                st.altair_chart(_draw_one(one), height=110)


def _draw_one(one: Series) -> alt.Chart:
    values = thin(one.values)
    data = pd.DataFrame({"record": range(len(values)), "value": [_finite(value) for value in values]})
    chart: alt.Chart = (
        alt.Chart(data)
        .mark_line()
        .encode(
            alt.X("record", axis=None),
            alt.Y("value", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=3)),
        )
        .properties(description=f"{one.name}: {describe(one.values)}")
    )
    return chart


def draw_comparison(case: Case, lines: Mapping[Side, Sequence[str]], log: TrainingLog | None) -> None:
    """Both sides of a case with the user's own curve: from the beginning to the end of each, as shares of its size."""
    if case.curve is None:
        st.caption("This case has no curve: it shows in the lines of its log.")
        return
    curves = {side.value: extract_curve(case.curve, lines[side]) for side in Side}
    own = choose_series(case, log) if log else None
    if own:
        curves[YOURS] = tuple(own.values)
    told = [f"{name}: {describe(values)}" for name, values in curves.items() if values]
    rows = [
        {"part of the run": number / max(len(values) - 1, 1), "share of the largest value": value, "curve": name}
        for name, values in curves.items()
        for number, value in enumerate(scale(thin(values)))
    ]
    names = [name for name in COLOURS if curves.get(name)]
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(strokeWidth=2.5)
        .encode(
            alt.X("part of the run", axis=alt.Axis(format="%")),
            alt.Y("share of the largest value", axis=alt.Axis(format="%")),
            alt.Color("curve", scale=alt.Scale(domain=names, range=[COLOURS[name] for name in names]), title=None),
            alt.StrokeDash("curve", scale=alt.Scale(domain=names, range=[DASHES[name] for name in names]), title=None),
        )
        .properties(description=f"{case.curve.name}. {'; '.join(told)}")
    )
    st.altair_chart(chart, height=240)
    compared = f", beside your `{own.name}`" if own else ""
    st.caption(f"{case.curve.name}{compared}. " + "; ".join(told))


def recorded_lines(case: Case) -> dict[Side, list[str]]:
    """The logs that were recorded with the case."""
    try:
        return {side: case.log(side).read_text(encoding="utf-8").splitlines() for side in Side}
    except OSError as error:
        raise ReproError(f"{case.id} has no recorded log: {error.strerror}") from None


def choose_series(case: Case, log: TrainingLog) -> Series | None:
    """The series of a log that shows the same quantity as the case's curve, else its loss."""
    if case.curve is None:
        return None
    name = understand_key(case.curve.name.replace(" ", "_"))
    words = write_name(case.curve.name).split("_")  # such as `validation WER in percent`
    many = [one for one in log.series.values() if len(one) > 1]
    same = [one for one in many if one.base in (name.base, *words)]
    fitting = [one for one in same if not name.split or one.split == name.split]
    losses = [one for key in ("train_loss", "val_loss") for one in many if one.name == key]
    return next(iter((*fitting, *same, *losses)), None)


def describe(values: Sequence[float]) -> str:
    """A curve in a few words: its first and last value."""
    if not values:
        return "no values"
    lost = sum(not math.isfinite(value) for value in values)
    return f"{values[0]:.4g} → {values[-1]:.4g}" + (f", {lost} of {len(values)} not finite" if lost else "")


def scale(values: Sequence[float]) -> list[float | None]:
    """Shares of the largest finite size."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=1.0) or 1.0
    return [value / largest if math.isfinite(value) else None for value in values]


def thin(values: Sequence[float]) -> Sequence[float]:
    """At most `MAX_POINTS` values, with the first and the last."""
    count = len(values)
    if count <= MAX_POINTS:
        return values
    return [values[place * (count - 1) // (MAX_POINTS - 1)] for place in range(MAX_POINTS)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

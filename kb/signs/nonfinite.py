"""Signs of NaN and infinity: where they begin, and what they spare."""

import math

import numpy as np

from kb.signs import thresholds as at
from kb.signs.losses import _find_spike
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import Curve, LogView, show

NONFINITE = Family.NONFINITE


def _first_bad(curve: Curve) -> int | None:
    bad = np.flatnonzero(~np.isfinite(curve.values))
    return int(bad[0]) if len(bad) else None


def _losses(view: LogView) -> list[Curve]:
    named = [view.train_loss, *view.curves_like(r"loss|cost|nll|elbo")]
    unique = {curve.name: curve for curve in named if curve is not None}
    return [curve for curve in unique.values() if not curve.name.startswith(("val", "test", "loss_scale"))]


@sign(
    "loss-nan-from-start",
    NONFINITE,
    "The training loss is NaN or infinite from the first record on.",
    "Is the loss NaN from the very first step?",
)
def measure_nan_start(view: LogView) -> Finding:
    curves = _losses(view)
    if not curves:
        return UNKNOWN
    for curve in curves:
        if len(curve) and not len(curve.finite):
            return view.seen(f"{curve.name} is {show(float(curve.values[0]))} in all {len(curve)} records", curve, 0)
        if len(curve) and not math.isfinite(curve.values[0]):
            return view.seen(f"{curve.name} begins with {show(float(curve.values[0]))}", curve, 0)
    return NOT_SEEN


@sign(
    "loss-nan-later",
    NONFINITE,
    "The training loss is finite at first and becomes NaN or infinite.",
    "Was the loss fine at first and then became NaN?",
)
def measure_nan_later(view: LogView) -> Finding:
    curves = _losses(view)
    if not curves:
        return UNKNOWN
    for curve in curves:
        place = _first_bad(curve)
        if place:
            return view.seen(
                f"{show(curve.values[place - 1])}, then {show(curve.values[place])}", curve, place - 1, place
            )
    return NOT_SEEN


@sign(
    "nan-for-good",
    NONFINITE,
    "Once the loss is NaN, it stays NaN.",
    "Once the loss is NaN, does it stay NaN for the rest of the run?",
)
def measure_nan_stays(view: LogView) -> Finding:
    curves = [curve for curve in _losses(view) if _first_bad(curve) is not None]
    if not _losses(view):
        return UNKNOWN
    if not curves:
        return NOT_SEEN
    for curve in curves:
        after = curve.values[_first_bad(curve) :]
        if len(after) >= 2 and not np.any(np.isfinite(after)):
            return view.seen(f"not finite in the last {len(after)} records", curve, -1)
    return NOT_SEEN


@sign(
    "nan-passes",
    NONFINITE,
    "Single records are NaN or infinite and the run goes on with numbers.",
    "Are single losses NaN or inf while the others stay fine?",
)
def measure_nan_passes(view: LogView) -> Finding:
    curves = [curve for curve in _losses(view) if len(curve) >= at.MIN_POINTS]
    if not curves:
        return UNKNOWN
    for curve in curves:
        place = _first_bad(curve)
        if place is not None and place < len(curve) - 1 and math.isfinite(curve.values[-1]):
            return view.seen(
                f"record {place + 1} is {show(curve.values[place])}, the last {show(curve.values[-1])}",
                curve,
                place,
                -1,
            )
    return NOT_SEEN


@sign(
    "nan-after-spike",
    NONFINITE,
    "The loss grows or jumps before it becomes NaN.",
    "Did the loss shoot up shortly before it became NaN?",
)
def measure_nan_after_spike(view: LogView) -> Finding:
    curves = _losses(view)
    if not curves:
        return UNKNOWN
    for curve in curves:
        place = _first_bad(curve)
        if not place:
            continue
        before = curve.values[:place]
        if (
            before[-1] > at.SPIKE * abs(float(np.median(before)))
            or _find_spike(before[-6:]) is not None
            or np.isposinf(curve.values[place])
        ):
            return view.seen(f"{show(before[-1])} before it", curve, place - 1, place)
    return NOT_SEEN


@sign(
    "nan-out-of-calm",
    NONFINITE,
    "The loss becomes NaN from one record to the next, with no growth before.",
    "Did the NaN come out of nowhere, while the loss was low and calm?",
)
def measure_nan_calm(view: LogView) -> Finding:
    curves = _losses(view)
    if not curves:
        return UNKNOWN
    for curve in curves:
        place = _first_bad(curve)
        if not place:
            continue
        before = curve.values[:place]
        if before[-1] <= 1.5 * max(float(np.median(before[-5:])), 1e-3) and not np.isposinf(curve.values[place]):
            return view.seen(f"{show(before[-1])} before it", curve, place - 1, place)
    return NOT_SEEN


@sign(
    "loss-inf",
    NONFINITE,
    "The loss is infinite.",
    "Is the loss printed as inf?",
)
def measure_inf(view: LogView) -> Finding:
    curves = [curve for curve in (*_losses(view), view.val_loss) if curve is not None]
    if not curves:
        return UNKNOWN
    for curve in curves:
        places = np.flatnonzero(np.isinf(curve.values))
        if len(places):
            return view.seen(f"{curve.name} in record {int(places[0]) + 1}", curve, int(places[0]))
    return NOT_SEEN


@sign(
    "val-nan-only",
    NONFINITE,
    "The validation loss or metric is NaN while the training loss is a number.",
    "Is only the validation result NaN, while the training loss is fine?",
)
def measure_val_nan(view: LogView) -> Finding:
    val = [curve for curve in view.curves_like(r"val|test|eval|dev") if len(curve)]
    train = view.train_loss
    if not val or train is None:
        return UNKNOWN
    for curve in val:
        place = _first_bad(curve)
        if place is not None and np.all(np.isfinite(train.values)):
            return view.seen(f"{curve.name} is {show(curve.values[place])}", curve, place)
    return NOT_SEEN


@sign(
    "metric-finite-while-loss-nan",
    NONFINITE,
    "The loss is NaN while the accuracy goes on as a number.",
    "Is the loss NaN while the accuracy is still a number?",
)
def measure_metric_survives(view: LogView) -> Finding:
    bad = [curve for curve in _losses(view) if _first_bad(curve) is not None]
    accuracy = view.train_acc or view.val_acc
    if not _losses(view) or accuracy is None:
        return UNKNOWN
    if bad and len(accuracy.finite) == len(accuracy):
        return view.seen(f"accuracy {show(accuracy.end)}", bad[0], _first_bad(bad[0]) or 0)
    return NOT_SEEN


@sign(
    "grad-norm-nan",
    NONFINITE,
    "The gradient norm is NaN or infinite.",
    "Is the gradient norm NaN or inf?",
)
def measure_grad_nan(view: LogView) -> Finding:
    curves = view.grad_norms
    if not curves:
        return UNKNOWN
    for curve in curves:
        place = _first_bad(curve)
        if place is not None:
            return view.seen(f"{curve.name} is {show(curve.values[place])}", curve, place)
    return NOT_SEEN

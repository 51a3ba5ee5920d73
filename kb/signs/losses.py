"""Signs in the curves of the training and the validation loss."""

import math
import re

import numpy as np

from kb.signs import thresholds as at
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import Array, Curve, LogView, show

TRAIN, VAL = Family.TRAIN_LOSS, Family.VAL_LOSS


def _long(curve: Curve | None) -> Curve | None:
    return curve if curve is not None and curve.is_long else None


# ---- the training loss by itself -------------------------------------------------------------


@sign(
    "train-loss-identical",
    TRAIN,
    "The training loss is the same to the last digit in every record.",
    "Is the training loss exactly the same number, to the last digit, every time it is printed?",
)
def measure_train_identical(view: LogView) -> Finding:
    return _measure_identical(view, view.train_loss)


def _measure_identical(view: LogView, curve: Curve | None) -> Finding:
    if curve is None or len(curve.finite) < at.MIN_POINTS:
        return UNKNOWN
    if not curve.is_identical:
        return NOT_SEEN
    return view.seen(f"{show(curve.finite[0])} in {len(curve.finite)} of {len(curve)} records", curve)


@sign(
    "train-loss-flat",
    TRAIN,
    "The training loss jitters around one value and does not fall.",
    "Does the training loss jitter around one value from the start, without a trend?",
)
def measure_train_flat(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None:
        return UNKNOWN
    if not curve.is_flat:
        return NOT_SEEN
    return view.seen(f"{show(curve.start)} at first, {show(curve.end)} at last", curve)


@sign(
    "train-loss-falls",
    TRAIN,
    "The training loss falls clearly.",
    "Does the training loss go down clearly over the run?",
)
def measure_train_falls(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None:
        return UNKNOWN
    if not curve.falls:
        return NOT_SEEN
    return view.seen(f"from {show(curve.start)} to {show(curve.end)}", curve, 0, -1)


@sign(
    "train-loss-slow",
    TRAIN,
    "The training loss falls in nearly every record, but by almost nothing.",
    "Does the loss creep down by a hair each epoch?",
)
def measure_train_slow(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None or len(curve.finite) < 2 * at.MIN_POINTS:
        return UNKNOWN
    steps = np.diff(curve.finite)
    fall = (curve.finite[0] - curve.finite[-1]) / max(abs(curve.finite[0]), 1e-12)
    if np.mean(steps < 0) >= 0.8 and 0 < fall < at.SLOW_FALL:
        return view.seen(f"down by {fall:.1%} in {len(curve)} records", curve, 0, -1)
    return NOT_SEEN


@sign(
    "train-loss-plateau",
    TRAIN,
    "The training loss falls at first and then stays at one level.",
    "Does the loss fall at the beginning and then get stuck at one level?",
)
def measure_train_plateau(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or len(curve.finite) < 2 * at.MIN_POINTS:
        return UNKNOWN
    if not curve.has_plateau or curve.is_flat or not curve.falls:
        return NOT_SEEN
    level = float(np.mean(curve.tail))
    if level < at.FALL * curve.start:  # nearly all of the loss is gone: that is success
        return NOT_SEEN
    return view.seen(f"from {show(curve.start)} to {show(level)}, and there it stays", curve)


@sign(
    "train-loss-rises",
    TRAIN,
    "The training loss goes up over the run.",
    "Is the training loss higher at the end than at the start?",
)
def measure_train_rises(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None:
        return UNKNOWN
    if not curve.rises:
        return NOT_SEEN
    return view.seen(f"from {show(curve.start)} to {show(curve.end)}", curve, 0, -1)


@sign(
    "train-loss-falls-then-rises",
    TRAIN,
    "The training loss falls and later rises again.",
    "Did the training loss first go down and later climb again?",
)
def measure_train_turns(view: LogView) -> Finding:
    return _measure_turn(view, view.train_loss)


def _measure_turn(view: LogView, curve: Curve | None) -> Finding:
    curve = _long(curve)
    if curve is None:
        return UNKNOWN
    lowest = int(np.argmin(curve.finite))
    fell = curve.finite[0] - curve.finite[lowest] > at.FALL / 2 * max(abs(curve.finite[0]), 1e-12)
    rose = curve.end - curve.finite[lowest] > at.RISE * max(abs(curve.finite[lowest]), abs(curve.start) / 10, 1e-12)
    if fell and rose and lowest < len(curve.finite) - 2 and len(curve.finite) == len(curve):
        return view.seen(f"lowest {show(curve.finite[lowest])}, at the end {show(curve.end)}", curve, 0, lowest, -1)
    return NOT_SEEN


@sign(
    "train-loss-diverges",
    TRAIN,
    "The training loss grows to many times its first value, or leaves the numbers.",
    "Does the loss explode to values far above where it began?",
)
def measure_train_diverges(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or len(curve) < 2:
        return UNKNOWN
    first = next((value for value in curve.values if math.isfinite(value)), math.nan)
    highest = float(np.max(curve.finite)) if len(curve.finite) else math.nan
    if highest > at.DIVERGED * max(abs(first), 1e-3) and curve.end > at.SPIKE * max(abs(first), 1e-3):
        return view.seen(f"from {show(first)} to {show(highest)}", curve, 0, int(np.nanargmax(curve.values)))
    return NOT_SEEN


@sign(
    "train-loss-spike",
    TRAIN,
    "The training loss jumps up in single records.",
    "Are there sudden jumps in the training loss?",
)
def measure_train_spike(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or len(curve.finite) < 2 * at.MIN_POINTS:
        return UNKNOWN
    place = _find_spike(curve.values)
    if place is None:
        return NOT_SEEN
    before = max(place - 1, 0)
    return view.seen(f"from {show(curve.values[before])} to {show(curve.values[place])}", curve, before, place)


def _find_spike(values: Array) -> int | None:
    """The first record that stands far above those around it; the first two are start-up and do not count."""
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    noise = float(np.median(steps)) if len(steps) else 0.0
    for place in range(2, len(values)):
        around = values[max(0, place - 5) : place]
        around = around[np.isfinite(around)]
        if not len(around) or not math.isfinite(values[place]):
            continue
        usual = float(np.median(around))
        large = values[place] > at.SPIKE_LEAST * abs(values[np.isfinite(values)][0])
        if large and values[place] > at.SPIKE * abs(usual) and values[place] - usual > at.SPIKE_NOISE * noise:
            return place
    return None


@sign(
    "train-loss-noisy",
    TRAIN,
    "The training loss jumps up and down from record to record.",
    "Does the printed training loss jump up and down a lot from one line to the next?",
)
def measure_train_noisy(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or len(curve.finite) < 2 * at.MIN_POINTS:
        return UNKNOWN
    if curve.noise < at.NOISY:
        return NOT_SEEN
    return view.seen(f"a usual step of {curve.noise:.0%} of the level", curve)


@sign(
    "train-loss-saw-tooth",
    TRAIN,
    "The training loss repeats a saw-tooth with each epoch.",
    "Does the loss make the same saw-tooth in every epoch?",
)
def measure_train_saw_tooth(view: LogView) -> Finding:
    curve = view.train_loss
    epochs = np.asarray(view.log.epochs, dtype=float)
    if curve is None or not len(epochs) or len(curve) != len(epochs) or len(np.unique(epochs)) < at.MIN_POINTS:
        return UNKNOWN
    parts = [curve.values[epochs == epoch] for epoch in np.unique(epochs[np.isfinite(epochs)])]
    length = min(map(len, parts))
    if length < 4 or not np.all(np.isfinite(curve.values)):
        return UNKNOWN
    shapes = np.array([part[:length] - part[:length].mean() for part in parts[1:]])
    if len(shapes) < 2 or float(np.min(shapes.std(axis=1))) < at.NOISY / 2 * curve.level:
        return NOT_SEEN
    alike = float(np.mean([np.corrcoef(shapes[n], shapes[n + 1])[0, 1] for n in range(len(shapes) - 1)]))
    return view.seen(f"the epochs' shapes correlate by {alike:.2f}", curve) if alike > 0.7 else NOT_SEEN


@sign(
    "train-loss-negative",
    TRAIN,
    "The training loss is negative.",
    "Is the loss below zero?",
)
def measure_train_negative(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or not len(curve.finite):
        return UNKNOWN
    place = next((n for n, value in enumerate(curve.values) if value < 0), None)
    return NOT_SEEN if place is None else view.seen(f"{show(curve.values[place])}", curve, place, -1)


@sign(
    "train-loss-ever-more-negative",
    TRAIN,
    "The training loss goes ever further below zero.",
    "Does the loss fall below zero and go on and on?",
)
def measure_train_bottomless(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None:
        return UNKNOWN
    negative = curve.finite[curve.finite < 0]
    if len(negative) < at.MIN_POINTS or curve.finite[-1] >= 0:
        return NOT_SEEN
    if abs(negative[-1]) > at.NEGATIVE_GROWTH * abs(negative[0]) and abs(negative[-1]) > at.NEGATIVE_GROWTH:
        return view.seen(f"from {show(negative[0])} to {show(negative[-1])}", curve, 0, -1)
    return NOT_SEEN


@sign(
    "train-loss-zero",
    TRAIN,
    "The training loss is printed as 0 early in the run.",
    "Is the training loss 0.0 from the start or nearly so?",
)
def measure_train_zero(view: LogView) -> Finding:
    curve = view.train_loss
    if curve is None or not len(curve.finite):
        return UNKNOWN
    early = curve.values[: max(2, math.ceil(len(curve) * at.EARLY))]
    places = [n for n, value in enumerate(early) if abs(value) < at.ZERO_LOSS]
    return view.seen(f"{show(early[places[0]])} in record {places[0] + 1}", curve, places[0]) if places else NOT_SEEN


@sign(
    "train-loss-huge-at-start",
    TRAIN,
    "The first training loss is far above that of a guess, or many times as large as the later ones.",
    "Is the very first loss huge, far above what guessing gives and what follows?",
)
def measure_train_huge_start(view: LogView) -> Finding:
    """Beside an accuracy the loss is taken for a cross-entropy, and a guess that is right in a share a costs -ln a."""
    curve = _long(view.train_loss)
    if curve is None:
        return UNKNOWN
    first, later = float(curve.finite[0]), float(np.median(np.abs(curve.finite[len(curve.finite) // 3 :])))
    falls_far = first > at.HIGH_FIRST * max(later, 0.05)
    guess = _guess(view)
    if guess is None:
        huge = falls_far and first > at.HUGE_LOSS
    else:
        huge = first > at.GUESSED_LOSS * guess and (falls_far or _is_mean(view, first))
    if not huge:
        return NOT_SEEN
    told = f", guessing gives about {show(guess)}" if guess is not None else ""
    return view.seen(f"{show(first)} first, {show(later)} later{told}", curve, 0, -1)


def _guess(view: LogView) -> float | None:
    """The cross-entropy of a guess that is as good as the first accuracy, or of the number of classes."""
    if view.classes:
        return math.log(view.classes)
    shares = [curve.finite[0] for curve in (view.train_acc, view.val_acc) if curve is not None and len(curve.finite)]
    return max(-math.log(max(float(min(shares)), 1e-3)), math.log(2)) if shares else None


def _is_mean(view: LogView, first: float) -> bool:
    """Whether the loss is a mean over the samples and not their sum, judged by the validation loss beside it."""
    val = view.val_loss
    if val is None or not len(val.finite):
        return False
    return 1 / at.SAME_SCALE < float(val.finite[0]) / first < at.SAME_SCALE


@sign(
    "train-loss-collapses-early",
    TRAIN,
    "The training loss is almost nothing within the first part of the run.",
    "Did the loss drop to nearly 0 suspiciously fast?",
)
def measure_train_collapses(view: LogView) -> Finding:
    curve = _long(view.train_loss)
    if curve is None or curve.start <= 0:
        return UNKNOWN
    early = curve.finite[: max(2, math.ceil(len(curve.finite) * at.EARLY))]
    if early[0] > 0.2 and 0 <= early[-1] < 0.02 * early[0]:
        return view.seen(f"from {show(early[0])} to {show(early[-1])}", curve, 0, len(early) - 1)
    return NOT_SEEN


# ---- known values ----------------------------------------------------------------------------


def _plateaus(view: LogView) -> list[Curve]:
    curves = [curve for curve in (view.train_loss, view.val_loss) if curve is not None]
    return [curve for curve in curves if (curve.has_plateau or curve.is_flat) and curve.is_long]


@sign(
    "loss-at-ln2",
    TRAIN,
    "The loss sits at 0.693, the logarithm of 2.",
    "Is the loss stuck at about 0.693?",
)
def measure_at_ln2(view: LogView) -> Finding:
    return _measure_known_level(view, {"ln 2": math.log(2)}, at.NEAR)


@sign(
    "loss-at-ln-classes",
    TRAIN,
    "The loss sits at the logarithm of the number of classes.",
    "Is the loss stuck at ln(number of classes), for example 2.303 for ten?",
)
def measure_at_ln_classes(view: LogView) -> Finding:
    if not view.classes and view.train_acc is None and view.val_acc is None:
        return UNKNOWN  # ln(k) of some k is near to every loss: only a classifier's says something
    counts = [view.classes] if view.classes else range(3, at.MAX_GUESSED_CLASSES + 1)
    return _measure_known_level(view, {f"ln {count}": math.log(count) for count in counts if count}, at.NEAR / 2)


@sign(
    "loss-at-margin",
    TRAIN,
    "The loss sits at the margin of a triplet or contrastive loss.",
    "Does the loss sit at the margin that you have set?",
)
def measure_at_margin(view: LogView) -> Finding:
    if not re.search(r"(?i)triplet|margin|contrastive|siamese", view.text):
        return UNKNOWN
    printed = re.findall(r"(?i)margin\W{1,3}(\d*\.?\d+)", view.text)
    margins = {f"the margin {value}": float(value) for value in printed if float(value) > 0}
    return _measure_known_level(
        view,
        margins or {"a margin of 0.5": 0.5, "a margin of 1": 1.0, "a margin of 0.2": 0.2, "a margin of 0.3": 0.3},
        at.MARGIN_NEAR,
    )


@sign(
    "loss-at-double-softmax-floor",
    TRAIN,
    "The loss stops at the lowest value that a softmax of a softmax can reach (1.46 for ten classes).",
    "Does the loss stop at about 1.46 for 10 classes, 0.90 for 5, or 0.55 for 3?",
)
def measure_at_double_softmax(view: LogView) -> Finding:
    accuracy = view.train_acc or view.val_acc
    if accuracy is None or not len(accuracy.finite):
        return UNKNOWN
    if accuracy.finite[-1] < at.DOUBLE_SOFTMAX_ACCURACY:
        return NOT_SEEN
    counts = [view.classes] if view.classes else [3, 4, 5, 10, 20, 100]
    floors = {f"the floor for {count} classes": math.log(math.e + count - 1) - 1 for count in counts if count}
    return _measure_known_level(view, floors, 2 * at.NEAR)


def _measure_known_level(view: LogView, levels: dict[str, float], near: float) -> Finding:
    if not any(curve is not None and curve.is_long for curve in (view.train_loss, view.val_loss)):
        return UNKNOWN
    for curve in _plateaus(view):
        middle = float(np.median(curve.tail))
        for name, level in levels.items():
            if abs(middle - level) <= near * level:
                return view.seen(f"{show(middle)} is {name}", curve)
    return NOT_SEEN


# ---- the validation loss ---------------------------------------------------------------------


@sign(
    "val-loss-identical",
    VAL,
    "The validation loss is the same to the last digit in every record.",
    "Is the validation loss exactly the same number, to the last digit, after every epoch?",
)
def measure_val_identical(view: LogView) -> Finding:
    return _measure_identical(view, view.val_loss)


@sign(
    "val-loss-flat",
    VAL,
    "The validation loss stays around one value.",
    "Does the validation loss stay around one value without a trend?",
)
def measure_val_flat(view: LogView) -> Finding:
    curve = _long(view.val_loss)
    if curve is None:
        return UNKNOWN
    return view.seen(f"{show(curve.start)} at first, {show(curve.end)} at last", curve) if curve.is_flat else NOT_SEEN


@sign(
    "val-loss-falls",
    VAL,
    "The validation loss falls clearly.",
    "Does the validation loss go down clearly?",
)
def measure_val_falls(view: LogView) -> Finding:
    curve = _long(view.val_loss)
    if curve is None:
        return UNKNOWN
    return view.seen(f"from {show(curve.start)} to {show(curve.end)}", curve, 0, -1) if curve.falls else NOT_SEEN


@sign(
    "val-loss-rises-while-train-falls",
    VAL,
    "The validation loss rises while the training loss falls.",
    "Does the validation loss go up while the training loss goes down?",
)
def measure_overfit(view: LogView) -> Finding:
    train, val = _long(view.train_loss), _long(view.val_loss)
    if train is None or val is None:
        return UNKNOWN
    turned = _measure_turn(view, val).lines or val.rises
    return view.seen(f"train to {show(train.end)}, val to {show(val.end)}", val) if turned and train.falls else NOT_SEEN


@sign(
    "val-loss-rises",
    VAL,
    "The validation loss goes up over the run, or up again after a start.",
    "Does the validation loss get worse as training goes on?",
)
def measure_val_rises(view: LogView) -> Finding:
    val = _long(view.val_loss)
    if val is None:
        return UNKNOWN
    if val.rises or _measure_turn(view, val).lines:
        return view.seen(f"lowest {show(float(np.min(val.finite)))}, at the end {show(val.end)}", val)
    return NOT_SEEN


@sign(
    "val-train-ratio-constant",
    VAL,
    "Validation loss over training loss is the same factor in every record.",
    "Is the validation loss a constant multiple of the training loss, epoch after epoch?",
)
def measure_ratio(view: LogView) -> Finding:
    train, val = view.train_loss, view.val_loss
    if train is None or val is None:
        return UNKNOWN
    pairs = _pair(train, val)
    if len(pairs) < at.MIN_POINTS or np.any(pairs <= 0):
        return UNKNOWN
    ratios = np.maximum(pairs[:, 1] / pairs[:, 0], pairs[:, 0] / pairs[:, 1])
    steady = float(np.std(ratios)) <= at.RATIO_SPREAD * float(np.mean(ratios))
    if steady and float(np.mean(ratios)) >= at.RATIO_MIN:
        return view.seen(f"a factor of {float(np.mean(ratios)):.2f} in {len(ratios)} records", val)
    return NOT_SEEN


def _pair(train: Curve, val: Curve) -> Array:
    """Train and validation loss of the records or epochs that have both, one row each."""
    at_x = {float(x): value for x, value in zip(train.x, train.values, strict=True)}
    rows = [(at_x[float(x)], value) for x, value in zip(val.x, val.values, strict=True) if float(x) in at_x]
    pairs = np.array(rows, dtype=float).reshape(-1, 2)
    return pairs[np.all(np.isfinite(pairs), axis=1)]


@sign(
    "val-loss-far-above-train",
    VAL,
    "The validation loss is several times the training loss.",
    "Is the validation loss several times as high as the training loss?",
)
def measure_val_above(view: LogView) -> Finding:
    train, val = view.train_loss, view.val_loss
    if train is None or val is None or not len(train.finite) or not len(val.finite):
        return UNKNOWN
    if train.end > 0 and val.end > at.WIDE_GAP * max(train.end, 1e-3):
        return view.seen(f"val {show(val.end)} against train {show(train.end)}", val, -1)
    return NOT_SEEN


@sign(
    "val-loss-above-train",
    VAL,
    "The validation loss ends clearly above the training loss.",
    "Is the validation loss clearly higher than the training loss at the end?",
)
def measure_val_gap(view: LogView) -> Finding:
    train, val = view.train_loss, view.val_loss
    if train is None or val is None or not len(train.finite) or not len(val.finite):
        return UNKNOWN
    if train.end > 0 and val.end > at.GAP * train.end and val.end - train.end > 0.05:
        return view.seen(f"val {show(val.end)} against train {show(train.end)}", val, -1)
    return NOT_SEEN


@sign(
    "val-loss-below-train",
    VAL,
    "The validation loss ends clearly below the training loss.",
    "Is the validation loss clearly lower than the training loss?",
)
def measure_val_below(view: LogView) -> Finding:
    train, val = view.train_loss, view.val_loss
    if train is None or val is None or not len(train.finite) or not len(val.finite):
        return UNKNOWN
    if val.end > 0 and train.end > (1 + at.FALL) * val.end and train.end - val.end > 0.05:
        return view.seen(f"val {show(val.end)} against train {show(train.end)}", val, -1)
    return NOT_SEEN


@sign(
    "val-loss-noisy",
    VAL,
    "The validation loss jumps up and down between records.",
    "Does the validation loss jump up and down from epoch to epoch?",
)
def measure_val_noisy(view: LogView) -> Finding:
    val = view.val_loss
    if val is None or len(val.finite) < 2 * at.MIN_POINTS:
        return UNKNOWN
    return view.seen(f"a usual step of {val.noise:.0%} of the level", val) if val.noise >= at.NOISY else NOT_SEEN

"""Signs in which two quantities of one log are held against each other, or a probe against what it should be."""

import re

import numpy as np

from kb.signs import thresholds as at
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import Array, Curve, LogView, show

METRIC, OUTPUT, COURSE = Family.METRIC, Family.OUTPUT, Family.COURSE

_SCORE = re.compile(r"acc|f1|auc|auroc|iou|dice|map|recall|precision|psnr|r2|rank_?1|top_?1|score|em$")
_ELSEWHERE = r"^test|hold_?out|deploy|product|camera|external|new_(?:subject|user)|unseen|field|real|confusion|submit"
_AVERAGED = r"ema|teacher|averaged|shadow|swa|polyak"
_CALLS = re.compile(
    r"(?:_|\b)(?:1st|2nd|3rd|first|second|third|again|call_?\d|run_?\d|pass_?\d|try_?\d|a|b)(?:_call|_pass|_run)?$"
)


@sign(
    "test-far-below-val",
    METRIC,
    "The score on the test set, or in use, is far below the validation score.",
    "Is the score on the test set, or in real use, far below the validation score?",
)
def measure_test_gap(view: LogView) -> Finding:
    val = view.val_acc
    tests = [
        curve
        for curve in view.curves_like(_ELSEWHERE)
        if len(curve.finite) and _SCORE.search(curve.name) and (val is None or curve.name != val.name)
    ]
    if val is None or not len(val.finite) or not tests or val.name.startswith("test"):
        return UNKNOWN
    for curve in tests:
        end = _as_share(curve)
        if val.end - end >= at.TEST_GAP:
            return view.seen(f"{show(end)} against {show(val.end)}", curve, -1)
    return NOT_SEEN


def _as_share(curve: Curve) -> float:
    return curve.end / 100 if curve.end > 1.0001 else curve.end


@sign(
    "averaged-weights-far-below",
    METRIC,
    "The averaged weights (EMA, teacher) score far below the raw ones.",
    "Do the averaged (EMA) weights score far below the raw ones?",
)
def measure_average_gap(view: LogView) -> Finding:
    averaged = [curve for curve in view.curves_like(_AVERAGED) if _SCORE.search(curve.name) and len(curve.finite)]
    if not averaged:
        return UNKNOWN
    for curve in averaged:
        rest = re.sub(rf"_?(?:{_AVERAGED})\w*?(?=_|$)|(?:{_AVERAGED})_?", "", curve.name).strip("_")
        for raw in view.curves_like(rf"(?:^|_){re.escape(rest)}$"):
            if raw.name != curve.name and len(raw.finite) and curve.end < at.AVERAGE_SHARE * raw.end:
                return view.seen(f"{show(curve.end)} against {show(raw.end)}", curve, -1)
    return NOT_SEEN


@sign(
    "score-high-while-loss-high",
    METRIC,
    "Nearly all answers are right, and still the loss is high.",
    "Is the accuracy near perfect although the loss stays high?",
)
def measure_score_against_loss(view: LogView) -> Finding:
    loss = view.val_loss or view.train_loss
    scores = [view.val_acc or view.train_acc, *view.curves_like(r"auc|auroc")]
    found = [one for one in scores if one is not None and len(one.finite)]
    if loss is None or len(loss.finite) < at.MIN_POINTS or not found:
        return UNKNOWN
    best = max(found, key=_as_share)
    if _as_share(best) >= at.NEAR_PERFECT and at.HIGH_LOSS <= loss.end < at.HUGE_LOSS:
        return view.seen(f"{show(_as_share(best))} right at a loss of {show(loss.end)}", loss, -1)
    return NOT_SEEN


@sign(
    "probabilities-half-to-731",
    OUTPUT,
    "No probability lies below 0.5 or above 0.731, the sigmoid of 0 and of 1.",
    "Do all predicted probabilities lie between 0.5 and 0.731?",
)
def measure_probabilities(view: LogView) -> Finding:
    probabilities = [one for one in view.curves_like(r"prob|^p_|sigmoid|conf") if len(one.finite)]
    if not probabilities:
        return UNKNOWN
    values = np.concatenate([one.finite for one in probabilities])
    if float(values.min()) >= at.SIGMOID_OF_0 and at.SIGMOID_OF_0 < float(values.max()) <= at.SIGMOID_OF_1:
        return view.seen(f"{show(float(values.min()))} to {show(float(values.max()))}", probabilities[0])
    return NOT_SEEN


@sign(
    "units-dead",
    OUTPUT,
    "Nearly all units of a layer give 0.",
    "Are nearly all activations of a layer exactly 0?",
)
def measure_dead_units(view: LogView) -> Finding:
    dead = [one for one in view.curves_like(r"dead|zeros?(?:_|$)|sparsity") if len(one.finite)]
    alive = [one for one in view.curves_like(r"alive|live_|active_(?:units|channels)") if len(one.finite)]
    if not dead and not alive:
        return UNKNOWN
    for one in dead:
        if _as_share(one) >= at.DEAD_SHARE:
            return view.seen(f"{one.name} is {show(one.end)}", one, -1)
    for one in alive:
        if abs(one.end) <= 1 - at.DEAD_SHARE:
            return view.seen(f"{one.name} is {show(one.end)}", one, -1)
    return NOT_SEEN


@sign(
    "kl-vanishes",
    OUTPUT,
    "The KL term is next to nothing beside the other term of the loss.",
    "Is the KL term of the loss near 0?",
)
def measure_kl(view: LogView) -> Finding:
    terms = [one for one in view.curves_like(r"(?:^|_)kld?(?:_|$)|kl_div") if len(one.finite)]
    others = [one for one in view.curves_like(r"recon|bce|mse|nll|rec(?:_|$)|elbo|train_loss") if len(one.finite)]
    if not terms or not others:
        return UNKNOWN
    size = max(abs(one.end) for one in others)
    if abs(terms[0].end) < at.KL_SHARE * size:
        return view.seen(f"{show(terms[0].end)} beside {show(size)}", terms[0], -1)
    return NOT_SEEN


@sign(
    "one-class-at-zero",
    METRIC,
    "One class scores 0 while the others do well.",
    "Does one class score 0 while the others do well?",
)
def measure_class_at_zero(view: LogView) -> Finding:
    classes = [
        curve
        for curve in view.curves_like(r"^(?!.*(?:loss|lr|grad|acc|norm|time|step|epoch|map|miou|mean)).*$")
        if len(curve.finite) >= at.MIN_POINTS and float(curve.finite.min()) >= 0 and float(curve.finite.max()) <= 100
    ]
    if len(classes) < at.MIN_CLASSES:
        return UNKNOWN
    ends = np.array([_as_share(curve) for curve in classes])
    lowest = int(ends.argmin())
    if ends[lowest] <= at.CLASS_ZERO and float(np.median(ends)) >= at.CLASS_WELL:
        return view.seen(f"{classes[lowest].name} at {show(float(ends[lowest]))}", classes[lowest], -1)
    return NOT_SEEN


@sign(
    "evaluation-not-repeatable",
    METRIC,
    "Two evaluations of the same weights give different scores.",
    "Does evaluating the same weights twice give two different scores?",
)
def measure_repeatability(view: LogView) -> Finding:
    groups: dict[str, list[Curve]] = {}
    for curve in view.curves_like(_CALLS.pattern):
        if len(curve.finite) and _SCORE.search(curve.name):
            groups.setdefault(_CALLS.sub("", curve.name), []).append(curve)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return _compare_last_tests(view)
    for first, second, *_ in twice:
        pairs = min(len(first.finite), len(second.finite))
        if np.mean(np.abs(first.finite[:pairs] - second.finite[:pairs]) > at.SAME_SCORE) >= 0.5:
            return view.seen(f"{show(first.end)} and {show(second.end)}", first, -1)
    return NOT_SEEN


def _compare_last_tests(view: LogView) -> Finding:
    """Evaluations after the last line of training, one below the other."""
    score, loss = view.curve("test_acc") or view.curve("val_acc"), view.curve("train_loss")
    if score is None or loss is None or not len(loss):
        return UNKNOWN
    after = np.array([value for value, line in zip(score.values, score.lines, strict=True) if line > loss.lines[-1]])
    if len(after) < at.MIN_POINTS:
        return UNKNOWN
    if len(np.unique(after)) > 1:
        return view.seen(f"{show(float(after.min()))} to {show(float(after.max()))} after training", score, -1)
    return NOT_SEEN


@sign(
    "same-run-differs",
    COURSE,
    "The log holds several runs of the same program, and they end at different numbers.",
    "Does running the same program again give a clearly different result?",
)
def measure_runs(view: LogView) -> Finding:
    loss = view.train_loss
    epochs = np.asarray(view.log.epochs, dtype=float)
    if loss is None or len(epochs) < 2 * at.MIN_POINTS or not len(loss.finite):
        return UNKNOWN
    known = epochs[np.isfinite(epochs)]
    starts = np.flatnonzero(np.diff(known) < 0)
    if not len(starts):
        return NOT_SEEN
    runs = _split_runs(loss)
    same_length = len(runs) > 1 and len({len(run) for run in runs}) == 1
    if same_length and len({float(run[0]) for run in runs}) > 1 and len({float(run[-1]) for run in runs}) > 1:
        ends = ", ".join(show(float(run[-1])) for run in runs[:4])
        return view.seen(f"{len(runs)} runs end at {ends}", loss, -1)
    return NOT_SEEN


def _split_runs(curve: Curve) -> list[Array]:
    """The parts of a curve between the places where its counter goes back."""
    back = np.flatnonzero(np.diff(curve.x) < 0) + 1
    return [part for part in np.split(curve.values, back) if len(part)]

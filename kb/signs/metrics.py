"""Signs in accuracies, error rates and other metrics."""

import math
import re

import numpy as np

from kb.signs import thresholds as at
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import Curve, LogView, show

METRIC = Family.METRIC


@sign(
    "acc-at-chance",
    METRIC,
    "The accuracy stays at what guessing reaches.",
    "Is the accuracy about 1 over the number of classes, as with guessing?",
)
def measure_at_chance(view: LogView) -> Finding:
    curves = [
        curve for curve in (view.val_acc, view.train_acc) if curve is not None and len(curve.finite) >= at.MIN_POINTS
    ]
    if not curves:
        return UNKNOWN
    counts = [view.classes] if view.classes else range(_least_classes(view), at.MAX_GUESSED_CLASSES + 1)
    for curve in curves:
        last = float(np.median(curve.tail))
        still = float(np.max(curve.finite)) < last * (1 + at.CHANCE_NEAR) + at.CHANCE_SLACK and not curve.rises
        count = min(counts, key=lambda count: abs(last - 1 / count))
        if still and abs(last - 1 / count) <= min(at.CHANCE_NEAR / count, 0.05) and last < 0.56:
            return view.seen(f"{show(last)} with {count} classes is chance", curve)
    return NOT_SEEN


def _least_classes(view: LogView) -> int:
    """How many classes there are at least if the model guesses, by the lowest cross-entropy that it reached."""
    losses = [curve.finite for curve in (view.train_loss, view.val_loss) if curve is not None and len(curve.finite)]
    lowest = min((float(np.min(values)) for values in losses), default=0.0)
    if lowest > math.log(at.MAX_GUESSED_CLASSES):
        return 2  # more classes than can be guessed, or no cross-entropy
    return max(2, math.ceil(math.exp(at.CHANCE_LOSS * lowest)))


@sign(
    "val-acc-identical",
    METRIC,
    "The validation accuracy is the same to the last digit in every record.",
    "Is the validation accuracy exactly the same number after every epoch?",
)
def measure_val_acc_identical(view: LogView) -> Finding:
    return _measure_identical(view, view.val_acc)


@sign(
    "train-acc-identical",
    METRIC,
    "The training accuracy is the same to the last digit in every record.",
    "Is the training accuracy exactly the same number in every record?",
)
def measure_train_acc_identical(view: LogView) -> Finding:
    return _measure_identical(view, view.train_acc)


def _measure_identical(view: LogView, curve: Curve | None) -> Finding:
    if curve is None or len(curve.finite) < at.MIN_POINTS:
        return UNKNOWN
    if not curve.is_identical:
        return NOT_SEEN
    return view.seen(f"{show(curve.finite[0])} in all {len(curve.finite)} records", curve)


@sign(
    "acc-stuck-high",
    METRIC,
    "The accuracy is high from the first record on and never moves.",
    "Is the accuracy high from the first epoch (say 95%) and never changes?",
)
def measure_stuck_high(view: LogView) -> Finding:
    curve = view.val_acc or view.train_acc
    if curve is None or len(curve.finite) < at.MIN_POINTS:
        return UNKNOWN
    if np.ptp(curve.finite) < 0.006 and at.STUCK_HIGH <= curve.finite[0] < 0.9999:
        return view.seen(f"{show(curve.finite[0])} to {show(curve.finite[-1])}", curve)
    return NOT_SEEN


@sign(
    "acc-zero",
    METRIC,
    "The accuracy is 0 throughout.",
    "Is the accuracy 0.0 all the time?",
)
def measure_acc_zero(view: LogView) -> Finding:
    curves = [
        curve for curve in (view.train_acc, view.val_acc) if curve is not None and len(curve.finite) >= at.MIN_POINTS
    ]
    if not curves:
        return UNKNOWN
    for curve in curves:
        if float(np.max(curve.finite)) < 0.01 and not (view.classes and view.classes > 100):
            return view.seen(f"at most {show(float(np.max(curve.finite)))}", curve)
    return NOT_SEEN


@sign(
    "acc-gap",
    METRIC,
    "The training accuracy is far above the validation accuracy.",
    "Is the training accuracy far above the validation accuracy?",
)
def measure_acc_gap(view: LogView) -> Finding:
    train, val = view.train_acc, view.val_acc
    if train is None or val is None or not len(train.finite) or not len(val.finite):
        return UNKNOWN
    if train.end - val.end > at.ACC_GAP:
        return view.seen(f"train {show(train.end)}, val {show(val.end)}", val, -1)
    return NOT_SEEN


@sign(
    "val-acc-above-train",
    METRIC,
    "The validation accuracy is clearly above the training accuracy.",
    "Is the validation accuracy clearly higher than the training accuracy?",
)
def measure_val_acc_above(view: LogView) -> Finding:
    train, val = view.train_acc, view.val_acc
    if train is None or val is None or not len(train.finite) or not len(val.finite):
        return UNKNOWN
    if val.end - train.end > at.ACC_GAP / 4:
        return view.seen(f"train {show(train.end)}, val {show(val.end)}", val, -1)
    return NOT_SEEN


@sign(
    "acc-perfect-early",
    METRIC,
    "The accuracy is perfect within the first part of the run.",
    "Is the accuracy 100%, or nearly, right from the beginning?",
)
def measure_perfect(view: LogView) -> Finding:
    curve = view.val_acc or view.train_acc
    if curve is None or len(curve.finite) < at.MIN_POINTS:
        return UNKNOWN
    early = curve.finite[: max(1, int(len(curve.finite) * at.EARLY))]
    return view.seen(show(float(early[-1])), curve, len(early) - 1) if early[-1] >= 0.995 else NOT_SEEN


@sign(
    "acc-low-while-loss-falls",
    METRIC,
    "The loss falls while the accuracy does not improve.",
    "Does the loss go down while the accuracy (or what you measure) does not get better?",
)
def measure_acc_low(view: LogView) -> Finding:
    loss = view.train_loss
    curve = view.val_acc or view.train_acc
    if loss is None or curve is None or not loss.is_long or len(curve.finite) < at.MIN_POINTS:
        return UNKNOWN
    improved = curve.end - float(curve.finite[0]) > 0.05
    if loss.falls and not improved and curve.end < 0.9:
        return view.seen(
            f"loss {show(loss.start)} to {show(loss.end)}, accuracy {show(curve.start)} to {show(curve.end)}",
            curve,
            0,
            -1,
        )
    return NOT_SEEN


@sign(
    "acc-falls",
    METRIC,
    "The accuracy goes down over the run.",
    "Does the accuracy get worse during training?",
)
def measure_acc_falls(view: LogView) -> Finding:
    curve = view.val_acc or view.train_acc
    if curve is None or not curve.is_long:
        return UNKNOWN
    best = float(np.max(curve.finite))
    if best - curve.end > at.ACC_GAP / 2 and int(np.argmax(curve.finite)) < len(curve.finite) - 2:
        return view.seen(f"best {show(best)}, at the end {show(curve.end)}", curve, int(np.argmax(curve.finite)), -1)
    return NOT_SEEN


@sign(
    "minority-metric-zero",
    METRIC,
    "A recall, F1 or IoU is 0 while the accuracy or loss looks good.",
    "Is the recall, F1 or IoU of some class 0 although the accuracy looks good?",
)
def measure_minority_zero(view: LogView) -> Finding:
    curves = view.curves_like(r"recall|f1|iou|precision|dice|sensitivity|(^|_)ap(_|$)|minority|rare")
    if not curves:
        return UNKNOWN
    for curve in curves:
        if len(curve.finite) >= 2 and float(np.max(np.abs(curve.finite))) == 0.0:
            return view.seen(f"{curve.name} is 0 in all {len(curve.finite)} records", curve)
    return NOT_SEEN


@sign(
    "wer-stuck-100",
    METRIC,
    "The word or character error rate stays at 100%.",
    "Is the word error rate stuck at 100%?",
)
def measure_wer(view: LogView) -> Finding:
    curves = view.curves_like(r"(^|_)(wer|cer|ter|word_error\w*|character_error\w*)(_|$)")
    if not curves:
        return UNKNOWN
    for curve in curves:
        values = curve.finite / 100 if len(curve.finite) and np.max(curve.finite) > 5 else curve.finite
        if len(values) and float(np.min(values)) >= 0.97:
            return view.seen(f"{curve.name} never below {show(float(np.min(curve.finite)))}", curve)
    return NOT_SEEN


@sign(
    "metric-identical",
    METRIC,
    "A metric other than loss and accuracy is the same to the last digit in every record.",
    "Is some metric exactly the same number every time?",
)
def measure_metric_identical(view: LogView) -> Finding:
    known = {curve.name for curve in (view.train_loss, view.val_loss, view.train_acc, view.val_acc) if curve}
    curves = [
        curve
        for curve in view.curves_like(r".")
        if curve.name not in known
        and not re.search(r"lr|scale|margin|skipped|norm|grad|delta|\u03b4|random|epoch", curve.name)
    ]
    curves = [curve for curve in curves if len(curve.finite) >= at.MIN_POINTS]
    if not curves:
        return UNKNOWN
    for curve in curves:
        if curve.is_identical:
            return view.seen(f"{curve.name} is {show(curve.finite[0])} in all {len(curve.finite)} records", curve)
    return NOT_SEEN


@sign(
    "metric-at-zero-from-start",
    METRIC,
    "A score (retrieval, detection, reward) is 0 or next to it throughout.",
    "Is your score (mAP, reward, BLEU, recall) 0 all the time?",
)
def measure_score_zero(view: LogView) -> Finding:
    curves = [
        curve
        for curve in view.curves_like(r"map\d*|bleu|rouge|reward|score|recall|(^|_)p$|(^|_)r$|ndcg|mrr|hit|miou")
        if len(curve.finite) >= at.MIN_POINTS
    ]
    if not curves:
        return UNKNOWN
    for curve in curves:
        if float(np.max(np.abs(curve.finite))) < 1e-3:
            return view.seen(f"{curve.name} is at most {show(float(np.max(curve.finite)))}", curve)
    return NOT_SEEN


@sign(
    "embedding-distance-collapsed",
    METRIC,
    "Distances or the spread of the embeddings are close to 0.",
    "Are all embeddings nearly the same, with distances or spread close to 0?",
)
def measure_collapse(view: LogView) -> Finding:
    curves = view.curves_like(
        r"dist(?:ance)?s?$|(^|_)(?:d_?pos|d_?neg|d_ap|d_an)|emb\w*_(?:std|var)|spread|pairwise|(?:^|_)collapse|uniformity"
    )
    curves = [curve for curve in curves if len(curve.finite) >= 2]
    if not curves:
        return UNKNOWN
    for curve in curves:
        if float(np.median(np.abs(curve.tail))) < 0.02:
            return view.seen(f"{curve.name} at {show(float(np.median(curve.tail)))}", curve, -1)
    return NOT_SEEN


@sign(
    "discriminator-wins",
    METRIC,
    "The discriminator's loss goes to 0 while the generator's climbs.",
    "Does the discriminator's loss go to 0 while the generator's loss rises?",
)
def measure_discriminator(view: LogView) -> Finding:
    d = next(iter(view.curves_like(r"^(?:loss_?d|d_?loss|disc\w*_loss|loss_disc\w*|errd|d_total\w*)$")), None)
    g = next(iter(view.curves_like(r"^(?:loss_?g|g_?loss|gen\w*_loss|loss_gen\w*|errg|g_total\w*)$")), None)
    if d is None or g is None or len(d.finite) < at.MIN_POINTS or len(g.finite) < at.MIN_POINTS:
        return UNKNOWN
    if float(np.median(d.tail)) < 0.1 and g.end > 2 * max(float(g.finite[0]), 0.5):
        return view.seen(f"D {show(d.end)}, G {show(g.end)}", d, 0, -1)
    return NOT_SEEN

"""Signs in the learning rate, the gradients and the updates."""

import re

import numpy as np

from kb.signs import thresholds as at
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import MAX_SEARCHED, Curve, LogView, show

RATE, GRADIENT = Family.RATE, Family.GRADIENT


# ---- learning rate ---------------------------------------------------------------------------


def _rates(view: LogView) -> list[Curve]:
    return [curve for curve in view.learning_rates if len(curve.finite) >= at.MIN_POINTS]


@sign("lr-zero", RATE, "The learning rate is 0.", "Does the log print a learning rate of 0?")
def measure_lr_zero(view: LogView) -> Finding:
    if not view.learning_rates:
        return UNKNOWN
    for curve in view.learning_rates:
        zeros = np.flatnonzero(curve.values == 0)
        if len(zeros) >= max(1, len(curve) // 4):
            return view.seen(f"0 in {len(zeros)} of {len(curve)} records", curve, int(zeros[0]), int(zeros[-1]))
    return NOT_SEEN


@sign(
    "lr-constant",
    RATE,
    "The learning rate never changes.",
    "Does the learning rate stay the same although a schedule is set?",
)
def measure_lr_constant(view: LogView) -> Finding:
    rates = _rates(view)
    if not rates:
        return UNKNOWN
    for curve in rates:
        if curve.is_identical and len(curve) > at.MIN_POINTS:
            return view.seen(f"{show(curve.finite[0])} in all {len(curve)} records", curve, 0, -1)
    return NOT_SEEN


@sign(
    "lr-floor-early",
    RATE,
    "The learning rate reaches its floor in the first part of the run and stays there.",
    "Does the learning rate drop to its lowest value very early?",
)
def measure_lr_floor(view: LogView) -> Finding:
    rates = [curve for curve in _rates(view) if len(curve) >= 2 * at.MIN_POINTS]
    if not rates:
        return UNKNOWN
    for curve in rates:
        peak = float(np.max(curve.finite))
        low = curve.finite <= at.LR_FLOOR * peak
        first = int(np.argmax(curve.finite))
        after = np.flatnonzero(low[first:])
        if len(after) and np.all(low[first + after[0] :]) and first + after[0] <= at.LR_FLOOR_EARLY * len(curve.finite):
            place = first + int(after[0])
            return view.seen(
                f"{show(curve.finite[place])} in record {place + 1} of {len(curve)}", curve, first, place, -1
            )
    return NOT_SEEN


@sign(
    "lr-only-rises",
    RATE,
    "The learning rate rises to the end of the run: a warmup that never ends.",
    "Does the learning rate only go up, all the way to the end?",
)
def measure_lr_rises(view: LogView) -> Finding:
    rates = [curve for curve in _rates(view) if len(curve.finite) >= at.MIN_TREND_POINTS]
    if not rates:
        return UNKNOWN
    for curve in rates:
        steps = np.diff(curve.finite)
        if np.all(steps >= 0) and curve.finite[-1] > 1.05 * curve.finite[0] and steps[-1] > 0:
            return view.seen(f"{show(curve.finite[0])} to {show(curve.finite[-1])}", curve, 0, -1)
    return NOT_SEEN


@sign(
    "lr-warms-up",
    RATE,
    "The learning rate rises at first and falls later, as a warmup does.",
    "Does the learning rate warm up and then come down?",
)
def measure_lr_warmup(view: LogView) -> Finding:
    rates = [curve for curve in _rates(view) if len(curve.finite) >= at.MIN_TREND_POINTS]
    if not rates:
        return UNKNOWN
    for curve in rates:
        top = int(np.argmax(curve.finite))
        if 0 < top < len(curve.finite) - 1 and curve.finite[-1] < curve.finite[top] > 1.05 * curve.finite[0]:
            return view.seen(f"up to {show(curve.finite[top])} in record {top + 1}", curve, 0, top, -1)
    return NOT_SEEN


@sign(
    "lr-decays",
    RATE,
    "The learning rate comes down over the run.",
    "Does the learning rate come down over the run?",
)
def measure_lr_decays(view: LogView) -> Finding:
    rates = _rates(view)
    if not rates:
        return UNKNOWN
    for curve in rates:
        if curve.finite[-1] < 0.9 * float(np.max(curve.finite)):
            return view.seen(f"{show(float(np.max(curve.finite)))} to {show(curve.finite[-1])}", curve, 0, -1)
    return NOT_SEEN


@sign("lr-high", RATE, "The learning rate is above 1.", "Is the learning rate above 1?")
def measure_lr_high(view: LogView) -> Finding:
    if not view.learning_rates:
        return UNKNOWN
    for curve in view.learning_rates:
        if len(curve.finite) and float(np.max(curve.finite)) > at.LR_HIGH:
            return view.seen(show(float(np.max(curve.finite))), curve, int(np.nanargmax(curve.values)))
    return NOT_SEEN


@sign("lr-tiny", RATE, "The learning rate never exceeds 1e-7.", "Is the learning rate 1e-7 or lower?")
def measure_lr_tiny(view: LogView) -> Finding:
    if not view.learning_rates:
        return UNKNOWN
    for curve in view.learning_rates:
        if len(curve.finite) and 0 < float(np.max(curve.finite)) <= at.LR_TINY:
            return view.seen(show(float(np.max(curve.finite))), curve, 0)
    return NOT_SEEN


@sign(
    "lr-not-as-asked",
    RATE,
    "The learning rate in use is another one than was asked for.",
    "Is the learning rate that the optimizer has different from the one that you set?",
)
def measure_lr_ignored(view: LogView) -> Finding:
    """`--lr 0.01` or `requested 0.01` on a line, and `lr 0.0001` beside or below it."""
    pair = re.compile(
        r"(?:request\w*|asked|want\w*|argument|--(?:lr|learning[_-]rate)|cli|config)\D{1,14}(\d[\d.]*(?:e-?\d+)?)"
        r".{0,60}?(?:optimizer|in use|actual|effective|really|used?|lr)\D{1,14}(\d[\d.]*(?:e-?\d+)?)",
        re.I,
    )
    told = False
    for line in view.lines:
        found = pair.search(line.text, 0, MAX_SEARCHED)
        if found:
            told = True
            try:
                asked, used = float(found[1]), float(found[2])
            except ValueError:
                continue
            if asked > 0 and used > 0 and not 0.99 < asked / used < 1.01:
                return view.seen(f"asked {show(asked)}, in use {show(used)}", lines=[line])
    return NOT_SEEN if told else UNKNOWN


# ---- gradients -------------------------------------------------------------------------------


def _norms(view: LogView) -> list[Curve]:
    return [curve for curve in view.grad_norms if len(curve.finite)]


@sign(
    "grad-zero",
    GRADIENT,
    "A gradient norm is exactly 0.",
    "Is a gradient (or its norm) printed as 0?",
)
def measure_grad_zero(view: LogView) -> Finding:
    norms = _norms(view)
    none_lines = view.lines_with(
        r"(?<![a-zA-Z])grad\w*[^\n]{0,40}(?<![\w.])(?:0(?:\.0+)?(?:e[+-]?\d+)?)\s*(?:$|[,;|)\]])"
    )
    if not norms:
        return view.seen("gradient printed as 0", lines=none_lines) if none_lines else UNKNOWN
    for curve in norms:
        if float(np.median(np.abs(curve.finite))) < at.ZERO_GRAD:
            return view.seen(f"{curve.name} is 0 in most of {len(curve)} records", curve)
    return NOT_SEEN


@sign(
    "grad-none",
    GRADIENT,
    "A gradient is None, or no parameter has one.",
    "Is p.grad None for parameters that should train?",
)
def measure_grad_none(view: LogView) -> Finding:
    lines = view.lines_with(
        r"grad\w*[^\n]{0,30}\bNone\b|\bno grad(?:ient)?s?\b(?! clip)|gradient.{0,20}not (?:found|flow)|"
        r"0\s*/\s*\d+ (?:tensors|parameters|params)[^\n]{0,30}grad|grad\w*[^\n]{0,20}\b0\s*(?:/|"
        r"of)\s*\d+ (?:tensors|param)"
    )
    if lines:
        return view.seen("a gradient is None or missing", lines=lines)
    return NOT_SEEN if _norms(view) else UNKNOWN


_TRAINABLE = re.compile(
    r"(?<!non)(?<!non[- ])trainable[ _](?:model[ _])?param(?:eter)?s?\W{1,4}(\d[\d,.]*\d|\d)\s*([KMB]\b)?|"
    r"(?<![\w,.])(\d[\d,.]*\d|\d)\s*([KMB]\b)?\s+trainable[ _](?:model[ _])?param",
    re.I,
)
"""As PEFT, Keras, fastai and Hugging Face write it, and as Lightning does, with the number in front."""


@sign(
    "nothing-trainable",
    GRADIENT,
    "The log counts 0 trainable parameters.",
    "Does a summary of the model say that it has 0 trainable parameters?",
)
def measure_nothing_trainable(view: LogView) -> Finding:
    told = [
        (line, found[1] or found[3])
        for line in view.lines
        if (found := _TRAINABLE.search(line.text, 0, MAX_SEARCHED)) is not None
    ]
    if not told:
        return UNKNOWN
    zero = [line for line, count in told if not count.strip("0.,")]
    return view.seen("0 trainable parameters", lines=zero[:3]) if len(zero) == len(told) else NOT_SEEN


@sign(
    "grad-tiny",
    GRADIENT,
    "A gradient norm is next to nothing, though not 0.",
    "Are the gradients of some layers as small as 1e-7 or less?",
)
def measure_grad_tiny(view: LogView) -> Finding:
    norms = _norms(view)
    if not norms:
        return UNKNOWN
    for curve in norms:
        usual = float(np.median(np.abs(curve.finite)))
        if at.ZERO_GRAD <= usual < at.TINY_GRAD:
            return view.seen(f"{curve.name} at {show(usual)}", curve)
    return NOT_SEEN


@sign(
    "grad-exploding",
    GRADIENT,
    "A gradient norm jumps to many times its usual size, or is very large.",
    "Does the gradient norm jump to very large values?",
)
def measure_grad_exploding(view: LogView) -> Finding:
    norms = _norms(view)
    if not norms:
        return UNKNOWN
    for curve in norms:
        top = float(np.max(curve.finite))
        usual = float(np.median(curve.finite))
        if top > at.LARGE_GRAD or (len(curve.finite) >= at.MIN_TREND_POINTS and top > at.DIVERGED * max(usual, 0.1)):
            return view.seen(f"{curve.name} up to {show(top)}", curve, int(np.nanargmax(curve.values)))
    return NOT_SEEN


@sign(
    "grad-grows",
    GRADIENT,
    "The gradient norm grows in nearly every record.",
    "Does the gradient norm grow steadily?",
)
def measure_grad_grows(view: LogView) -> Finding:
    norms = [curve for curve in _norms(view) if len(curve.finite) >= at.MIN_TREND_POINTS]
    if not norms:
        return UNKNOWN
    for curve in norms:
        growing = float(np.mean(np.diff(curve.finite) > 0))
        if growing >= 0.8 and curve.finite[-1] > at.GROWTH * max(curve.finite[0], 1e-9):
            return view.seen(f"{show(curve.finite[0])} to {show(curve.finite[-1])}", curve, 0, -1)
    return NOT_SEEN


@sign(
    "grad-healthy",
    GRADIENT,
    "The gradient norms are finite and of a usual size.",
    "Are the gradient norms finite and neither huge nor 0?",
)
def measure_grad_healthy(view: LogView) -> Finding:
    norms = [curve for curve in _norms(view) if len(curve) >= at.MIN_POINTS]
    if not norms:
        return UNKNOWN
    for curve in norms:
        usual = float(np.median(curve.finite)) if len(curve.finite) else 0.0
        if len(curve.finite) < len(curve) or not at.TINY_GRAD < usual < at.LARGE_GRAD:
            return NOT_SEEN
    return view.seen(f"{norms[0].name} at about {show(float(np.median(norms[0].finite)))}", norms[0])


# ---- updates ---------------------------------------------------------------------------------

_DELTA = (
    r"delta|Δ|δ|\|w|w_w0|param\w*_(?:change|moved|diff)|weight_(?:change|delta|diff)|update_norm|moved|drift|abs_dw|^dw"
)


@sign(
    "param-delta-zero",
    GRADIENT,
    "The parameters do not change: their printed difference is 0.",
    "Are the weights exactly the same before and after a step or an epoch?",
)
def measure_delta_zero(view: LogView) -> Finding:
    deltas = [curve for curve in view.curves_like(_DELTA) if len(curve.finite)]
    lines = view.lines_with(
        r"(?:Δ|\bdelta|\bchange|\bdiff\b|\bmoved|\bdrift)[^\n]{0,30}[=: ]\s*0(?:\.0+)?(?:e[+-]?0+)?(?![\d.])"
    )
    if not deltas:
        return view.seen("a change of 0 is printed", lines=lines) if lines else UNKNOWN
    for curve in deltas:
        if float(np.median(np.abs(curve.finite))) == 0.0:
            return view.seen(f"{curve.name} is 0 in most of {len(curve)} records", curve)
    return NOT_SEEN


@sign(
    "param-delta-positive",
    GRADIENT,
    "The parameters do change from record to record.",
    "Do the weights change when you compare them before and after a step?",
)
def measure_delta_positive(view: LogView) -> Finding:
    deltas = [curve for curve in view.curves_like(_DELTA) if len(curve.finite)]
    if not deltas:
        return UNKNOWN
    for curve in deltas:
        if float(np.median(np.abs(curve.finite))) > 0.0:
            return view.seen(f"{curve.name} at about {show(float(np.median(curve.finite)))}", curve)
    return NOT_SEEN


@sign(
    "steps-skipped",
    GRADIENT,
    "Optimizer steps are skipped.",
    "Does the log say that steps are skipped (gradient overflow, skipped steps)?",
)
def measure_skipped(view: LogView) -> Finding:
    counted = [curve for curve in view.curves_like(r"skipped|skips") if len(curve.finite)]
    for curve in counted:
        if float(np.max(curve.finite)) > 0:
            return view.seen(f"{show(float(np.max(curve.finite)))} skipped", curve, int(np.nanargmax(curve.values)))
    lines = view.lines_with(
        r"skip(?:ped|ping)?\b[^\n]{0,40}\b(?:steps?|updates?|batch\w*)|(?:steps?|"
        r"updates?)\b[^\n]{0,25}\bskip|gradient overflow|OVERFLOW!"
    )
    lines = [line for line in lines if not re.search(r"\b0 (?:of \d+ )?(?:steps? )?skipped|skipped:? 0\b", line.text)]
    if lines:
        return view.seen("the log says so", lines=lines)
    return NOT_SEEN if counted else UNKNOWN


@sign(
    "loss-scale-falling",
    GRADIENT,
    "The loss scale of mixed precision falls and falls.",
    "Does the loss scale (GradScaler) keep falling?",
)
def measure_scale_falls(view: LogView) -> Finding:
    curves = [curve for curve in view.curves_like(r"scale") if len(curve.finite) >= 2]
    lines = view.lines_with(r"reducing loss scale|attempted loss scale|scale[^\n]{0,12} to 0\.\d|minimum loss scale")
    if not curves:
        return view.seen("the log says so", lines=lines) if lines else UNKNOWN
    for curve in curves:
        steps = np.diff(curve.finite)
        if np.all(steps <= 0) and curve.finite[-1] <= curve.finite[0] / 8:
            return view.seen(f"{show(curve.finite[0])} to {show(curve.finite[-1])}", curve, 0, -1)
    return view.seen("the log says so", lines=lines) if len(lines) >= 3 else NOT_SEEN


@sign(
    "loss-scale-stuck-high",
    GRADIENT,
    "The loss scale of mixed precision never comes down from its start.",
    "Does the loss scale stay at its first value (such as 65536)?",
)
def measure_scale_high(view: LogView) -> Finding:
    curves = [curve for curve in view.curves_like(r"scale") if len(curve.finite) >= at.MIN_POINTS]
    if not curves:
        return UNKNOWN
    for curve in curves:
        if curve.is_identical and curve.finite[0] >= 2**12:
            return view.seen(f"{show(curve.finite[0])} in all {len(curve)} records", curve, 0, -1)
    return NOT_SEEN

"""Mistakes with the optimizer: its rate, its schedule, and the parameters that it knows."""

import re
from collections.abc import Callable, Iterator

from kb.code.mistake import CERTAIN, HINT, LIKELY, OPTIMIZER_STEP, SCHEDULER_STEP, Proof, add_pattern, mistake
from kb.code.snippet import Snippet


@mistake(
    "scheduler-before-optimizer",
    "optim-scheduler-before-step",
    "The scheduler steps at the start of each epoch.",
    CERTAIN,
)
def find_scheduler_first(code: Snippet) -> Proof:
    for place, _ in code.find_all(r"^for \w+ in .*(?:epoch|range)"):
        found = code.find(SCHEDULER_STEP, place + 1)
        before = code.statements[place + 1 : found[0]] if found else []
        trained = any(re.search(rf"{OPTIMIZER_STEP}|(?:train|fit|run|epoch)\w*\(", one.text) for one in before)
        if found and len(before) < 2 and not trained:
            return [found[1]]
    return []


@mistake(
    "scheduler-in-batch-loop",
    "optim-scheduler-per-batch ris-scheduler-indent",
    "A schedule that counts epochs steps at every batch.",
    CERTAIN,
)
def find_scheduler_per_batch(code: Snippet) -> Proof:
    if code.has(
        r"OneCycle|Cyclic|get_\w*schedule|(?i:warmup)|total_steps|LR\(\s*\w+,\s*[^)]*(?i:steps?\b|batch|upd|len\()"
    ):
        return []
    if not code.has(r"StepLR|MultiStepLR|ExponentialLR|ReduceLROnPlateau|CosineAnnealingLR|PolynomialLR|StepDecay"):
        return []
    for place, line in code.find_all(SCHEDULER_STEP):
        batches = [n for n, _ in code.find_all(r"^for .*(?:loader|batch|enumerate|_iter|train_)\w*") if n < place]
        if not batches:
            continue
        loop = code.statements[batches[-1]]
        if code.statements[place].indent > loop.indent and not code.has(r"if [^\n]*(?:%|epoch)[^\n]*\n[^\n]*sched"):
            return [line]
    return []


add_pattern(
    "steps-counted-in-batches",
    "vision-onecycle-accum",
    "The schedule's length counts batches, and it steps less often.",
    LIKELY,
    r"(?i)total_steps\s*=\s*\w*epochs?\w*\s*\*\s*(?:len\(|\w*batches|\w*steps)|"
    r"steps_per_epoch\s*=\s*len\(\w+\)(?! *//)",
    r"(?i)accum|[%/] ?\w*acc\b|if [^\n]*% ?\w+ ==",
    lacks=r"//\s*\w*accum|/\s*\w*accum[^\n]*steps",
)
add_pattern(
    "argument-not-used",
    "sign-lr-fallback",
    "A default takes the place of the learning rate that was asked for.",
    CERTAIN,
    r"getattr\(\s*(?:args|opt|cfg|config|hparams)\s*,\s*[\"']\w*(?:lr|rate)\w*[\"'][^\n]*|"
    r"(?:args|opt|cfg|config|hparams)\.\w*(?:lr|rate)\w*\s+or\s+\w|"
    r"if (?:args|opt|cfg|config)\.\w*lr\w* is None else",
)


@mistake(
    "optimizer-before-layer",
    "optim-stale-params",
    "A layer is put in place after the optimizer was made, which does not know it.",
    CERTAIN,
)
def find_optimizer_before_layer(code: Snippet) -> Proof:
    made = code.find(r"(?i)\w*opt\w*\s*=\s*[^\n]*\.parameters\(\)")
    if not made:
        return []
    found = code.find(
        r"^(?:self\.)?\w+\.(?:module\.)?(?:fc|head|"
        r"classifier|last_linear|out\w*|_fc|heads|roi_heads)[\w.\[\]]*\s*=\s*(?!.*(?:False|True)$)",
        made[0] + 1,
    )
    return [made[1], found[1]] if found else []


add_pattern(
    "slow-average",
    "optim-ema-short-run ris-ema-masking",
    "The averaged weights follow with a decay of 0.999 or more.",
    LIKELY,
    r"(?i)incremental_update\([^\n]*\b1e-[3-9]|(?:decay|momentum|ema\w*)\w*\s*[=:(,]\s*(?:[\w.]+,\s*)?0?\.999\d*",
    r"(?i)ema\b|ema_|_ema|averag|shadow|ModelEma",
    lacks=r"(?i)min\(\s*[\w.]*decay",
)


# ---- by their values -----------------------------------------------------------------------------

ADAPTIVE = r"(?i)\b(?:adam\w*|nadam|radam|rmsprop|adafactor|lamb)\b"
"""Optimizers that scale each gradient, so that the rate is the length of a step."""
PRETRAINED = (
    r"from_pretrained|pretrained\s*=\s*True|weights\s*=\s*[\"']imagenet|[bB][eE][rR][tT]|load_pretrained|AutoModel|"
    r"weights\s*=\s*\w*Weights"
)
_RATE = re.compile(
    r"(?:\blr|learning_?rate|base_lr|\beta)\w*\s*[=:]\s*(\d*\.?\d+(?:e-?\d+)?)(?![\w.]| ?\*)|"
    r"\b(?:Adam|AdamW|SGD|RMSprop|Adagrad|GradientDescentOptimizer|AdamOptimizer|RAdam|Nadam|Descent)\("
    r"\s*(?:[\w.]+\(\)\s*,\s*)?(\d*\.?\d+(?:e-?\d+)?)\b",
    re.I,
)
_DROPOUT = re.compile(r"(?:dropout|drop_?rate|p_?drop)\w*\s*[=:(]\s*(\d*\.?\d+)()", re.I)
_DECAY = re.compile(r"(?:weight_?decay|\bl2)\w*\s*[=:(]\s*(\d*\.?\d+(?:e-?\d+)?)()", re.I)
_SEVERAL = re.compile(r"(\w+(?:, ?\w+)+) = ([^,]+(?:, ?[^,]+)+)")


@mistake("rate-too-high", "optim-lr-too-high", "The learning rate is far above what Adam is used with.", LIKELY)
def find_high_rate(code: Snippet) -> Proof:
    return _find_rate(code, lambda rate: rate >= 0.03) if code.has(ADAPTIVE) else []


@mistake("rate-high-for-sgd", "optim-lr-too-high", "The learning rate is high, even without momentum.", HINT)
def find_high_rate_of_sgd(code: Snippet) -> Proof:
    return [] if code.has(rf"{ADAPTIVE}|Adadelta|Adagrad|LBFGS") else _find_rate(code, lambda rate: rate >= 0.3)


@mistake("rate-too-low", "optim-lr-too-low", "The learning rate hardly moves the weights.", LIKELY)
def find_low_rate(code: Snippet) -> Proof:
    if code.has(PRETRAINED):
        return []
    lowest = 3e-6 if code.has(ADAPTIVE) else 1e-5
    return _find_rate(code, lambda rate: 0 < rate <= lowest)


@mistake("rate-of-scratch", "optim-finetune-lr", "Pretrained weights are trained with the rate of random ones.", LIKELY)
def find_rate_of_scratch(code: Snippet) -> Proof:
    if not code.has(PRETRAINED):
        return []
    adaptive = code.has(rf"{ADAPTIVE}|TrainingArguments|AutoModel|bert")
    highest = 3e-4 if adaptive else 5e-2
    return _find_rate(code, lambda rate: rate >= highest)


@mistake("over-regularised", "sign-over-regularized", "Dropout and weight decay are both strong.", LIKELY)
def find_over_regularised(code: Snippet) -> Proof:
    dropout = _find_value(code, _DROPOUT, r"(?i)\w*drop\w*", lambda value: 0.5 <= value < 1)
    decay = _find_value(code, _DECAY, r"(?i)\w*decay\w*", lambda value: 1e-3 <= value < 0.5)
    return [*dropout, *decay] if dropout and decay else []


def _find_rate(code: Snippet, fits: Callable[[float], bool]) -> Proof:
    """The first line that sets a learning rate which fits."""
    return _find_value(code, _RATE, r"(?i)\w*(?:lr|rate)\w*", fits)


def _find_value(code: Snippet, given: re.Pattern[str], name: str, fits: Callable[[float], bool]) -> Proof:
    """The first line that gives a setting a value which fits, by its own pattern or as one of several assigned."""
    for one in code.statements:
        for place, value in _list_values(one.text, given, name):
            if fits(value):
                return [one.line_at(place)]
    return []


def _list_values(text: str, given: re.Pattern[str], name: str) -> Iterator[tuple[int, float]]:
    """Values of a setting in a statement, with their places; `EPOCHS, LR = 5, 3e-3` sets the second of two."""
    several = _SEVERAL.fullmatch(text)
    if not several:
        for found in given.finditer(text):
            yield found.start(), float(found[1] or found[2])
        return
    for one, value in zip(several[1].split(","), several[2].split(","), strict=False):
        if re.fullmatch(name, one.strip()) and re.fullmatch(r"\d*\.?\d+(?:e-?\d+)?", value.strip()):
            yield 0, float(value)

"""Signs in the course of a run: its resources, its output, its end, and whether all is well."""

import re

import numpy as np

from kb.read.log import EventKind
from kb.signs import thresholds as at
from kb.signs.metrics import measure_wer
from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import MAX_SEARCHED, LogView, show

COURSE, OUTPUT, RESOURCE, HEALTH = Family.COURSE, Family.OUTPUT, Family.RESOURCE, Family.HEALTH

_AMOUNT = re.compile(
    r"(?:mem\w*|rss|resident|vram|allocated|gpu_mem|ram)\W{1,4}(\d+(?:\.\d+)?)\s*(GiB|GB|MiB|MB|G|"
    r"M)?\b|(\d+(?:\.\d+)?)\s*(GiB|GB|MiB|MB) (?:used|allocated|rss|resident)",
    re.I,
)
_SECONDS = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|s)/(?:step|it|batch|iter|epoch)|(?:time|took|elapsed)\W{1,3}(\d+(?:\.\d+)?)\s*(ms|s)\b",
    re.I,
)


@sign(
    "memory-grows",
    RESOURCE,
    "The memory in use grows from record to record.",
    "Does memory use grow with every step until it runs out?",
)
def measure_memory(view: LogView) -> Finding:
    found = [(line, match) for line in view.lines if (match := _AMOUNT.search(line.text, 0, MAX_SEARCHED))]
    sizes = np.array([_bytes(match) for _, match in found])
    if len(sizes) < at.MIN_TREND_POINTS:
        return UNKNOWN
    growing = float(np.mean(np.diff(sizes) >= 0))
    if growing >= 0.9 and sizes[-1] > at.MEMORY_GROWTH * sizes[0] and sizes[-1] > sizes[len(sizes) // 2]:
        return view.seen(f"{found[0][1][0]} to {found[-1][1][0]}", lines=[found[0][0], found[-1][0]])
    return NOT_SEEN


def _bytes(match: re.Match[str]) -> float:
    number, unit = (match[1], match[2]) if match[1] else (match[3], match[4])
    return float(number) * (1024 if (unit or "").upper().startswith("G") else 1)


@sign(
    "steps-slow-down",
    RESOURCE,
    "Each step takes longer than the one before.",
    "Does each step take longer than the one before?",
)
def measure_slowing(view: LogView) -> Finding:
    found = [(line, match) for line in view.lines if (match := _SECONDS.search(line.text, 0, MAX_SEARCHED))]
    times = np.array([float(match[1] or match[3]) for _, match in found])
    if len(times) < 2 * at.MIN_TREND_POINTS:
        return UNKNOWN
    half = len(times) // 2
    if float(np.median(times[half:])) > 2 * float(np.median(times[:half])) > 0:
        return view.seen(f"{found[0][1][0]} to {found[-1][1][0]}", lines=[found[0][0], found[-1][0]])
    return NOT_SEEN


# ---- output ----------------------------------------------------------------------------------

_PREDICTED = re.compile(
    r"(?i)(?<![\w-])(?:pred(?:ict(?:ed|ion)s?)?|hyp(?:othesis)?|output|decoded|generated|hypo)\b\s*(?:\[?\d+\]?)?\s*[:=>|]+\s*(.*)$"
)
_REFERENCE = re.compile(
    r"(?i)[\s|,;]+(?:ref(?:erence)?|target|label|truth|ground[ _]truth|gt|expected|actual)\b\s*[:=>|].*$"
)
"""What it should have been, on the same line."""
_NOTHING = re.compile(
    r"(?i)[\s'\"\[\]()]*(?:(?:<?(?:blank|pad|unk|eps|empty)>?|\[(?:pad|unk)\]|\u2581|_|none)[\s,'\"]*)*[\s'\"\[\]()]*"
)


def _predictions(view: LogView) -> list[tuple[int, str]]:
    return [
        (place, output)
        for place, line in enumerate(view.lines)
        if (found := _PREDICTED.search(line.text, 0, MAX_SEARCHED))
        and not re.match(r"[-\d.]+$", output := _REFERENCE.sub("", found[1]).strip())
    ]


@sign(
    "output-blank",
    OUTPUT,
    "The decoded output is blank, padding or nothing.",
    "Is the decoded or generated output empty, or only blank or padding tokens?",
)
def measure_blank(view: LogView) -> Finding:
    predictions = _predictions(view)
    if not predictions:
        return UNKNOWN
    blank = [place for place, text in predictions if _NOTHING.fullmatch(text)]
    if len(blank) >= max(1, len(predictions) * 2 // 3):
        return view.seen(
            f"{len(blank)} of {len(predictions)} outputs", lines=[view.lines[place] for place in blank[:3]]
        )
    return NOT_SEEN


@sign(
    "output-constant",
    OUTPUT,
    "The output is the same for different inputs.",
    "Does the model give the same output whatever the input?",
)
def measure_constant_output(view: LogView) -> Finding:
    predictions = _predictions(view)
    if len(predictions) < at.MIN_POINTS:
        return UNKNOWN
    texts = {text for _, text in predictions}
    if len(texts) == 1 and not _NOTHING.fullmatch(next(iter(texts))):
        return view.seen(
            f"{len(predictions)} outputs are alike", lines=[view.lines[place] for place, _ in predictions[:3]]
        )
    return NOT_SEEN


@sign(
    "one-class-predicted",
    OUTPUT,
    "All samples are predicted as one class.",
    "Does the model predict one and the same class for every sample?",
)
def measure_one_class(view: LogView) -> Finding:
    lines = view.lines_with(
        r"(?:predict\w*|pred\w*)[^\n]{0,40}(?:only|always|all)\b[^\n]{0,20}class|"
        r"predicted classes?:? ?\[?\(?\d+\)?\]?\s*$|unique pred\w*\W{1,4}(?:1\b|\[\d+\])|"
        r"classes predicted\W{1,3}1\b|distinct pred\w*\W{1,3}1\b"
    )
    return view.seen("the log says so", lines=lines) if lines else UNKNOWN


# ---- the course ------------------------------------------------------------------------------


@sign("early-stopped", COURSE, "The run was stopped early.", "Was the run ended by early stopping?")
def measure_early_stop(view: LogView) -> Finding:
    lines = [event.line for event in view.log.events if event.kind is EventKind.EARLY_STOP]
    return view.seen("the log says so", lines=lines[:2]) if lines else NOT_SEEN


@sign(
    "killed",
    COURSE,
    "The process was killed from outside.",
    "Was the process killed (OOM killer, SIGKILL, out of system memory)?",
)
def measure_killed(view: LogView) -> Finding:
    lines = [event.line for event in view.log.events if event.kind is EventKind.KILLED]
    return view.seen("the log says so", lines=lines[:2]) if lines else NOT_SEEN


@sign(
    "starts-over",
    COURSE,
    "The epoch or step counter goes back to its start.",
    "Does training start again at epoch 0 although it should go on?",
)
def measure_restart(view: LogView) -> Finding:
    epochs = np.asarray(view.log.epochs, dtype=float)
    if len(epochs) < at.MIN_POINTS or not np.any(np.isfinite(epochs)):
        return UNKNOWN
    known = np.flatnonzero(np.isfinite(epochs))
    values = epochs[known]
    back = np.flatnonzero((np.diff(values) < 0) & (values[1:] <= values[0] + 0.5))
    if len(back):
        place = int(known[int(back[0]) + 1])
        numbers = [one.lines[list(one.rows).index(place)] for one in view.log.series.values() if place in one.rows]
        lines = [line for number in numbers[:1] if (line := view.line(number))]
        return view.seen(f"back at {show(float(values[int(back[0]) + 1]))}", lines=lines)
    return NOT_SEEN


@sign(
    "resume-refused",
    COURSE,
    "A checkpoint is refused or not found, and the run begins anew.",
    "Is the checkpoint refused, so that training begins anew?",
)
def measure_resume_refused(view: LogView) -> Finding:
    lines = view.lines_with(
        r"resum\w*[^\n]{0,40}(?:refus|fail|mismatch|not found|missing)|checkpoint[^\n]{0,40}(?:refus|"
        r"mismatch|incompatib|ignored)|(?:signature|config\w*)[^\n]{0,20}(?:missing|mismatch)|"
        r"starting (?:from scratch|at epoch 0)|start(?:ing)? from scratch"
    )
    if lines:
        return view.seen("the log says so", lines=lines)
    return NOT_SEEN if any(event.kind is EventKind.RESUMED for event in view.log.events) else UNKNOWN


@sign(
    "no-steps",
    COURSE,
    "An epoch has no steps or no samples.",
    "Do epochs end at once, with 0 steps or 0 samples?",
)
def measure_no_steps(view: LogView) -> Finding:
    lines = view.lines_with(
        r"\b0it \[|(?<![\d/.])(?<!\[)(?<!\[ )(?<!\[  )0/0\b(?!\s*\])|"
        r"(?:\b0|\bno) (?:samples|batches|steps|images|files|examples|"
        r"training batches)\b|(?:num_samples|num examples|dataset size|len\(\w+\)|samples|batches|"
        r"step)\W{1,4}0\b(?![./])|empty (?:dataset|loader|dataloader)|no training batches"
    )
    lines = [
        line
        for line in lines
        if not re.search(r"step\W{1,4}0\b", line.text) or re.search(r"done|end|over|total|finish", line.text)
    ]
    lines = [line for line in lines if not re.search(r"(?i)skipp|bad|fail|corrupt|error", line.text)]
    if lines:
        return view.seen("the log says so", lines=lines)
    return _measure_still_counter(view)


_COUNTED_STEPS = re.compile(
    r"(?<![a-z])(?:(?:num|n|total|global|optimi[sz]er|gradient)[ _]?(?:updates?|steps?)|updates|steps (?:taken|done))"
    r"\W{1,4}(\d+)(?![\d./%])",
    re.I,
)
"""A count over the whole run. The plain `step 0` and `iter 0` begin again with each epoch."""


def _measure_still_counter(view: LogView) -> Finding:
    """A count of updates that is 0 in each record; a healthy run prints it once, before the first."""
    told = [
        (line, found[1])
        for line in view.lines
        if (found := _COUNTED_STEPS.search(line.text, 0, MAX_SEARCHED)) is not None
    ]
    if len(told) < at.MIN_POINTS or any(count.strip("0") for _, count in told):
        return NOT_SEEN
    return view.seen(f"0 updates in all {len(told)} records", lines=[told[0][0], told[-1][0]])


@sign(
    "samples-skipped",
    COURSE,
    "Samples or files are skipped.",
    "Are samples, files or batches skipped as bad, empty or too short?",
)
def measure_samples_skipped(view: LogView) -> Finding:
    lines = view.lines_with(
        r"skip\w*[^\n]{0,60}(?:too short|corrupt|invalid|unreadable|empty|sample|file|image|batch)|"
        r"(?:corrupt|unreadable|invalid|bad|broken)[^\n]{0,40}(?:image|file|sample|batch)|cannot (?:read|"
        r"identify|load)[^\n]{0,30}(?:file|image|\.\w{3})|truncated"
    )
    return view.seen(f"{len(lines)} or more lines", lines=lines) if lines else NOT_SEEN


@sign(
    "best-never-updates",
    COURSE,
    "The best result stays that of the first evaluation, or is never set.",
    "Does the best checkpoint never change after the first epoch?",
)
def measure_best(view: LogView) -> Finding:
    lines = view.lines_with(
        r"did not improve from (?:nan|-?inf)|improved from None to nan|best[^\n]{0,30}(?:\bnan\b|\binf\b)|"
        r"is not finite|best (?:epoch|model|checkpoint)[^\n]{0,20}\b(?:epoch )?[01]\b(?![\d.])"
    )
    return view.seen("the log says so", lines=lines) if lines else UNKNOWN


@sign(
    "layers-not-loaded",
    COURSE,
    "Keys of a checkpoint are missing or unexpected.",
    "Does loading the weights report missing or unexpected keys?",
)
def measure_keys(view: LogView) -> Finding:
    lines = view.lines_with(
        r"(?:missing|unexpected)[ _]?key|not (?:initialized|loaded) from|newly initialized|"
        r"size mismatch for|\b(?:ignored|dropped) \d+ (?:keys|tensors)|keys? (?:are )?(?:missing|ignored|"
        r"unexpected)|loaded 0 "
    )
    return view.seen("the log says so", lines=lines) if lines else UNKNOWN


# ---- health ----------------------------------------------------------------------------------


@sign(
    "healthy-curves",
    HEALTH,
    "The loss falls and settles, on training and validation alike.",
    "Do training and validation loss both fall and settle close to each other?",
)
def measure_healthy(view: LogView) -> Finding:
    train, val = view.train_loss, view.val_loss
    if train is None or not train.is_long:
        return UNKNOWN
    well = train.falls and len(train.finite) == len(train)
    if val is not None and val.is_long:
        well = well and val.falls and val.end < 1.5 * max(train.end, 0.05) + 0.1 and len(val.finite) == len(val)
    accuracy = view.val_acc or view.train_acc
    if accuracy is not None and accuracy.is_long:
        well = well and accuracy.rises
    if measure_wer(view).lines or measure_blank(view).lines:
        well = False
    return view.seen(f"train {show(train.start)} to {show(train.end)}", train, 0, -1) if well else NOT_SEEN


@sign(
    "no-error",
    HEALTH,
    "The log ends without an exception.",
    "Did the run end without an error?",
)
def measure_no_error(view: LogView) -> Finding:
    if view.log.error is not None:
        return NOT_SEEN
    return view.seen("no exception in the log") if len(view.lines) > 1 else UNKNOWN


@sign(
    "all-finite",
    HEALTH,
    "Every number that was printed is finite.",
    "Are all printed numbers finite (no NaN, no inf)?",
)
def measure_finite(view: LogView) -> Finding:
    curves = view.curves_like(".")
    if not curves:
        return UNKNOWN
    if all(len(curve.finite) == len(curve) for curve in curves):
        return view.seen(f"{sum(map(len, curves))} values", curves[0], -1)
    return NOT_SEEN


@sign(
    "acc-rises",
    HEALTH,
    "The accuracy rises clearly.",
    "Does the accuracy go up clearly?",
)
def measure_acc_rises(view: LogView) -> Finding:
    curve = view.val_acc or view.train_acc
    if curve is None or not curve.is_long:
        return UNKNOWN
    return (
        view.seen(f"{show(curve.start)} to {show(curve.end)}", curve, 0, -1)
        if curve.end - curve.start > 0.05
        else NOT_SEEN
    )

"""Find your symptom: a page for each thing that people see, leading to cases through their measured signs."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.evidence import Counts
from kb.signs import Family, Sign, list_signs, thresholds
from repro.case import Case, Side
from repro.check import outline
from repro.curves import extract_curve
from site_pages.library import FAMILIES, Library
from site_pages.markdown import (
    escape_text,
    link_case,
    make_code,
    make_front_matter,
    make_table,
)

SOURCE = "docs/site_pages/symptoms.py"
"""What the pages of this module are made of."""

UP = "../"
CASES = "../cases/"

MOST_NAMED = 10
"""Cases that are named where a sign proves nothing; the glossary has all."""


@dataclass(frozen=True)
class Symptom:
    """One thing that people see, with the signs that measure it."""

    name: str
    """Of its page: `symptoms/NAME.md`."""
    title: str
    description: str
    """One sentence, for the head of the page and the cards."""
    advice: str
    """What to look at first."""
    signs: Sequence[str]


def _ids(*families: Family, also: str = "", but: str = "") -> tuple[str, ...]:
    chosen = [sign.id for sign in list_signs().values() if sign.family in families and sign.id not in but.split()]
    return tuple(dict.fromkeys([*chosen, *also.split()]))


_WARNINGS = " ".join(sign for sign in list_signs() if sign.startswith("warning-"))

SYMPTOMS: Sequence[Symptom] = (
    Symptom(
        "loss-flat",
        "The training loss is flat or stuck",
        "The loss does not go down: the same number each time, noise around one value, or a plateau far too high.",
        "Look at the digits first. The same number to the last digit means that nothing is updated; noise around one "
        "value means that the updates lead nowhere; a fall that stops means that something sets a floor.",
        _ids(
            also="train-loss-identical train-loss-flat train-loss-slow train-loss-plateau loss-at-margin loss-at-ln2 "
            "loss-at-ln-classes loss-at-double-softmax-floor param-delta-zero grad-zero grad-none grad-tiny "
            "nothing-trainable lr-zero lr-tiny lr-floor-early steps-skipped embedding-distance-collapsed"
        ),
    ),
    Symptom(
        "nan",
        "The loss is NaN or infinite",
        "NaN or inf in the loss, the metric or the gradient: from the start, after a spike, or out of nowhere.",
        "When it begins tells most. From the first record on, the input or the first forward pass is wrong. After "
        "growth, it is a rate or a gradient. Out of calm, it is one bad sample or one undefined operation.",
        _ids(Family.NONFINITE, also="error-nan-detected warning-invalid-value loss-scale-falling steps-skipped"),
    ),
    Symptom(
        "loss-jumps",
        "The loss jumps, climbs or explodes",
        "The training loss rises, spikes, saws or grows out of all bounds.",
        "Print the gradient norm and the learning rate beside the loss: a jump that both share is a rate or a clip, a "
        "saw-tooth that follows the epochs is the order of the data.",
        _ids(
            also="train-loss-rises train-loss-falls-then-rises train-loss-diverges train-loss-spike train-loss-noisy "
            "train-loss-saw-tooth train-loss-huge-at-start grad-exploding grad-grows lr-high lr-only-rises "
            "nan-after-spike"
        ),
    ),
    Symptom(
        "validation",
        "Validation is worse than training",
        "The validation loss stands still, rises, or is a multiple of the training loss; or the accuracies part.",
        "First put one batch through both paths in eval mode: the two losses must be equal. Only when they are is it "
        "a matter of learning.",
        _ids(Family.VAL_LOSS, also="acc-gap val-nan-only acc-falls", but="val-loss-falls"),
    ),
    Symptom(
        "metric-stuck",
        "A metric is stuck",
        "Accuracy, WER, recall or a score does not move, or has the same digits each time, whatever the loss does.",
        "See whether the loss moves. If it does, look at what turns outputs into the metric: decoding, classes, "
        "modes, thresholds. If it does not, begin with the loss.",
        _ids(
            Family.METRIC, Family.OUTPUT, also="best-never-updates",
            but="discriminator-wins acc-perfect-early val-acc-above-train acc-gap",
        ),
    ),
    Symptom(
        "too-good",
        "It is too good to be true",
        "A loss of 0 or below, perfect accuracy within an epoch, validation better than training.",
        "Good numbers need a proof as bad ones do: predict by hand on ten samples that were never loaded before.",
        _ids(
            also="train-loss-negative train-loss-ever-more-negative train-loss-zero train-loss-collapses-early "
            "acc-perfect-early acc-stuck-high val-acc-above-train val-loss-below-train discriminator-wins"
        ),
    ),
    Symptom(
        "error",
        "There is an error or a warning",
        "An exception ends the run, or a warning is printed: shapes, types, devices, checkpoints, files, versions.",
        "Read the first error of the log, not the last: what follows is often raised while the first is handled.",
        _ids(Family.MESSAGE),
    ),
    Symptom(
        "gradients",
        "Gradients, parameters or the learning rate look wrong",
        "A norm of 0, a gradient that is None, parameters that do not move, a rate that is not the one you asked for.",
        "Ask two things after the first step: which parameters have a gradient, and which have changed.",
        _ids(Family.GRADIENT, Family.RATE, but="grad-healthy param-delta-positive"),
    ),
    Symptom(
        "memory",
        "Memory or time runs out",
        "Memory grows from step to step, steps take longer and longer, or the process is killed.",
        "Plot memory over steps. A rise in every step is something that is kept; one peak is a batch or a shape.",
        _ids(Family.RESOURCE, also="error-out-of-memory killed error-worker"),
    ),
    Symptom(
        "stops",
        "The run stops, starts over or skips",
        "Early stopping after a few epochs, a counter that goes back, skipped samples or steps, weights not loaded.",
        "Count what was skipped and why. A run that skips in silence looks like a run that does not learn.",
        _ids(Family.COURSE, also="steps-skipped error-checkpoint lr-floor-early"),
    ),
    Symptom(
        "looks-healthy",
        "Everything looks fine, and the result is bad",
        "The curves fall, no error, all numbers finite; the result on new data, or in use, is not what they promise.",
        "Then the log measures something else than you think. Test the evaluation itself: on targets put in as "
        "predictions it must be perfect, and on shuffled ones at chance.",
        _ids(
            Family.HEALTH,
            also="train-loss-falls val-loss-falls grad-healthy param-delta-positive lr-constant lr-warms-up lr-decays",
        ),
    ),
)  # fmt: skip
"""What people see, in the order of the page. Each sign is in one at least."""


# ---- a page for each -------------------------------------------------------------------------


def make_symptom_page(symptom: Symptom, library: Library) -> str:
    """The signs of one symptom, those that lead to a case first."""
    signs = [list_signs()[name] for name in symptom.signs]
    known = [sign for sign in signs if _list_shown(sign, library)]
    parts = [
        make_front_matter({"title": symptom.title, "description": symptom.description, "source": SOURCE}),
        f"# {symptom.title}\n",
        f"{symptom.description}\n",
        f"{symptom.advice}\n",
        "Have the log at hand? `repro match train.log` reads it and names the cases, or none. Without one: "
        '`repro match --text "..."` with what you see.\n',
    ]
    if symptom.name == "error":
        parts.append(_make_messages(library))
    if symptom.name == "looks-healthy":
        parts.append(_make_silent(library))
    parts += [_make_sign(sign, library) for sign in known]
    rest = [sign for sign in signs if sign not in known]
    if rest:
        parts.append("## Signs without a case yet\n")
        parts.append("`repro read` finds these too, and no case shows them so far:\n")
        parts.append("\n".join(f"- [{_plain(sign)}]({UP}signs.md#{sign.id})" for sign in rest) + "\n")
    return "\n".join(parts)


def _plain(sign: Sign) -> str:
    return escape_text(sign.sentence.rstrip("."))


def _list_shown(sign: Sign, library: Library) -> list[Case]:
    return [*library.find_told(sign.id), *library.find_common(sign.id), *library.find_sometimes(sign.id)]


def _make_sign(sign: Sign, library: Library) -> str:
    parts = [f"## {_plain(sign)} {{ #{sign.id} }}\n"]
    told = library.find_told(sign.id)
    if told:
        rows = [
            (link_case(case, CASES), FAMILIES[case.system][0], case.kind.value, escape_text(case.summary))
            for case in told
        ]
        parts.append(f"Every broken run of {_count(told)} shows it, and no fixed run does:\n")
        parts.append(make_table(("case", "family", "kind", "what happened"), rows))
    common, sometimes = library.find_common(sign.id), library.find_sometimes(sign.id)
    if common:
        parts.append(f"Fixed runs show it too, so it proves nothing there: {_join_some(common)}.\n")
    if sometimes:
        parts.append(f"On some seeds: {_join_some(sometimes)}.\n")
    parts.append(f"How it is measured: [`{sign.id}`]({UP}signs.md#{sign.id}).\n")
    return "\n".join(parts)


def _count(cases: Sequence[Case]) -> str:
    return "this case" if len(cases) == 1 else f"these {len(cases)} cases"


def _join(cases: Iterable[Case]) -> str:
    return ", ".join(link_case(case, CASES) for case in cases)


def _join_some(cases: Sequence[Case]) -> str:
    more = f" and {len(cases) - MOST_NAMED} more" if len(cases) > MOST_NAMED else ""
    return _join(cases[:MOST_NAMED]) + more


_MESSAGE = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b")


def _make_messages(library: Library) -> str:
    """Messages in full: those that cases must raise, then those that people quote."""
    raised = [
        (make_code(error), link_case(case, CASES))
        for case in library.cases
        for error in _drop_alike(library.measured[case.id].sides[Side.BUGGY].errors)
    ]
    quoted = [
        (escape_text(symptom), link_case(case, CASES))
        for case in library.cases
        for symptom in case.symptoms
        if _MESSAGE.search(symptom)
    ]
    parts = []
    if raised:
        parts += ["## Errors that cases end with\n", make_table(("error", "case"), raised)]
    if quoted:
        parts += ["## Messages as people quote them\n", make_table(("message", "case"), quoted)]
    return "\n".join(parts)


def _drop_alike(errors: Iterable[str]) -> Iterable[str]:
    """Of errors that differ in their numbers alone, the first."""
    return {outline([error])[0]: error for error in reversed(tuple(errors))}.values()


def _make_silent(library: Library) -> str:
    """Cases whose log alone gives no sign of trouble."""
    silent = [
        case
        for case in library.cases
        if all(sign.family is Family.HEALTH for sign in library.list_telling(case))
    ]  # fmt: skip
    if not silent:
        return ""
    rows = [(link_case(case, CASES), FAMILIES[case.system][0], escape_text(case.summary)) for case in silent]
    return (
        "## Cases that no sign in the log gives away\n\nOn every seed, what the broken run prints has the same signs "
        "as the fixed one. The probe on each page tells them apart.\n\n"
        + make_table(("case", "family", "what happened"), rows)
    )


# ---- numbers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownNumber:
    """A number that means something by itself, as it is printed."""

    shown: Sequence[str]
    meaning: str
    value: float = math.nan
    """Of a loss that can stop there."""
    sign: str = ""
    """The sign that measures it on a log, where there is one."""


COUNTS = (2, 3, 4, 5, 10, 20, 100, 1000)
"""Numbers of classes that people have."""

VOCABULARY = 50257
"""Tokens of GPT-2, whose first loss is asked for most."""


def list_guesses() -> list[KnownNumber]:
    """The losses of guessing."""
    return [
        _make_number(
            math.log(count),
            f"ln {count}, the loss of guessing among {count} classes",
            "loss-at-ln2" if count == 2 else "loss-at-ln-classes",
        )
        for count in (*COUNTS, VOCABULARY)
    ]


def list_floors() -> list[KnownNumber]:
    """The least values of the cross-entropy of a softmax of a softmax."""
    return [
        _make_number(
            math.log(1 + (count - 1) / math.e),
            f"ln(1 + {count - 1}/e), where a second softmax stops the loss of {count} classes",
            "loss-at-double-softmax-floor",
        )
        for count in COUNTS
    ]


def _make_number(value: float, meaning: str, sign: str) -> KnownNumber:
    return KnownNumber((f"{value:.3f}", f"{value:.4f}"), meaning, value, sign)


OTHER_NUMBERS = (
    KnownNumber(("the margin",), "a triplet loss at its margin: all embeddings are one point", sign="loss-at-margin"),
    KnownNumber(("100%", "1.0"), "a word error rate at which nothing is right", sign="wer-stuck-100"),
    KnownNumber(("0.000e+00",), "a change of the parameters that is exactly 0", sign="param-delta-zero"),
    KnownNumber(("nan",), "an undefined result that every later number inherits", sign="nan-for-good"),
    KnownNumber(("65504",), "the largest finite number in fp16; more is inf"),
    KnownNumber(("65536",), "the scale at which torch's gradient scaler starts", sign="loss-scale-stuck-high"),
    KnownNumber(("5.96e-08", "6e-8"), "the smallest positive number in fp16; less is 0"),
    KnownNumber(("-100",), "the label that torch's cross-entropy ignores"),
)  # fmt: skip


def make_numbers_page(library: Library) -> str:
    """The known numbers, each with the cases that are measured there and the pages that speak of it."""
    description = "What 0.693, ln(classes), the margin, 1.461, 65504 and other numbers in a training log mean."
    return "\n".join([
        make_front_matter({"title": "A number that keeps coming back", "description": description, "source": SOURCE}),
        "# A number that keeps coming back\n",
        f"{description}\n",
        "## The loss of guessing\n",
        "A model that says the same to every input ends at ln(classes). Near it early in a run is no symptom: most "
        "runs begin there.\n",
        _make_numbers(list_guesses(), library),
        "## The floor of a second softmax\n",
        "Cross-entropy of probabilities never falls below ln(1 + (classes - 1)/e), while the accuracy is good.\n",
        _make_numbers(list_floors(), library),
        "## Others\n",
        _make_numbers(OTHER_NUMBERS, library),
    ])  # fmt: skip


def _make_numbers(numbers: Iterable[KnownNumber], library: Library) -> str:
    rows = []
    for number in numbers:
        told = [case for case in library.find_told(number.sign) if _stops_at(number, case)] if number.sign else []
        named = [case for case in _find_named(number, library) if case not in told]
        meaning = escape_text(number.meaning)
        if number.sign:
            meaning = f"[{meaning}]({UP}signs.md#{number.sign})"
        rows.append((", ".join(map(make_code, number.shown)), meaning, _join(told), _join(named)))
    return make_table(("number", "what it is", "measured on", "pages that speak of it"), rows)


def _stops_at(number: KnownNumber, case: Case) -> bool:
    """Whether the recorded curve of a case ends at the number; a number without a value is held to its sign alone."""
    if math.isnan(number.value):
        return True
    if case.curve is None:
        return False
    curve = extract_curve(case.curve, case.log(Side.BUGGY).read_text(encoding="utf-8").splitlines())
    return bool(curve) and abs(curve[-1] - number.value) <= 2 * thresholds.NEAR * number.value


def _find_named(number: KnownNumber, library: Library) -> list[Case]:
    """Cases whose texts have the number literally."""
    exact = [shown for shown in number.shown if re.fullmatch(r"-?[\d.e+-]{4,}", shown)]
    if not exact:
        return []
    pattern = re.compile("|".join(rf"(?<![\w.-]){re.escape(shown)}(?![\w]|\.\d)" for shown in exact))
    return [
        case
        for case in library.cases
        if pattern.search("\n".join([case.readme.read_text(encoding="utf-8"), *case.symptoms]))
    ]


# ---- the index -------------------------------------------------------------------------------


def make_symptom_index(library: Library) -> str:
    """The way in: a list by what is seen, and the chooser."""
    description = (
        "Find out why a training run fails by what you see: the loss, NaN, validation, a metric, an error, a number."
    )
    lines = [
        make_front_matter({"title": "Find your symptom", "description": description, "source": SOURCE}),
        "# Find your symptom\n",
        "Begin with what you see. Each page has the signs that are measured on a log, and the cases in which every "
        "broken run shows the sign and no fixed run does.\n",
        '<div class="cards" markdown="1">\n',
    ]
    for symptom in SYMPTOMS:
        count = len({case.id for name in symptom.signs for case in library.find_told(name)})
        told = f" *{count} case{'s' if count != 1 else ''}*" if count else ""
        lines.append(f"- [{symptom.title}]({symptom.name}.md)<br>{escape_text(symptom.description)}{told}")
    lines.append(
        "- [A number that keeps coming back](numbers.md)<br>0.693, ln(classes), the margin, 1.461, 65504 and others."
    )
    lines.append("\n</div>\n")
    lines.append(_make_chooser(library))
    lines.append(
        "## You have the log\n\n"
        f"[Paste your log]({UP}paste.md){{ .md-button }}\n\n"
        "The page compares its words and messages with the cases, in your browser. "
        "The command reads any training log, measures all signs and names the cases, or none of them:\n\n"
        "```sh\nrepro match train.log\n```\n\n"
        "`repro chat` does the same as a conversation and `repro app` in the browser; "
        f"[how matching works]({UP}matching.md).\n"
    )
    return "\n".join(lines)


def _make_chooser(library: Library) -> str:
    """Boxes to tick, which the page's script turns into a ranking; without the script, nothing is shown."""
    groups = []
    for symptom in SYMPTOMS:
        boxes = [
            f'<label><input type="checkbox" value="{name}"> {_plain_html(list_signs()[name])}</label>'
            for name in symptom.signs
            if library.find_told(name)
        ]
        if boxes:
            groups.append(f"<details><summary>{symptom.title}</summary>{''.join(boxes)}</details>")
    return (
        "## Tick what you see\n\n"
        "<noscript>This part needs JavaScript; the list above does the same.</noscript>\n\n"
        f'<form id="chooser" hidden><fieldset><legend>What the log or the run shows</legend>{"".join(groups)}'
        '</fieldset><div id="chosen" role="status" aria-live="polite"></div></form>\n\n'
        f'<script type="application/json" id="chooser-data">{make_chooser_data(library)}</script>\n'
    )


def _plain_html(sign: Sign) -> str:
    return sign.sentence.replace("&", "&amp;").replace("<", "&lt;").rstrip(".")


def make_chooser_data(library: Library) -> str:
    """What the chooser ranks with: the share of buggy runs that show each sign, by case."""
    cases = [
        {"id": case.id, "title": case.title, "summary": case.summary, "signs": dict(_list_shares(case, library))}
        for case in library.cases
    ]
    text = json.dumps({"cases": cases}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # it stands in the page


def _list_shares(case: Case, library: Library) -> Iterable[tuple[str, float]]:
    evidence = library.evidence[case.id]
    signs: Mapping[str, Counts] = evidence.signs[Side.BUGGY]
    for name, counts in signs.items():
        if counts.seen:
            yield name, round(counts.seen / evidence.runs, 2)

"""The grammar of one log line: which numbers stand in it, behind which keys.

Loggers print `key: value`, `key=value`, `'key': value`, `key value`, counters such as `Epoch 3/10` or `[20/60]`, and
things that only look like values: times, paths, versions, sizes. One grammar reads them all; what it has found out
about a line is kept as a pattern, so that further lines of the same form cost one regular expression.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from kb.read.names import Name, Role, Split, find_split, is_hyperparameter, understand_key
from kb.read.numbers import NUMBER, is_whole, parse_number

VALUE_MARK = "\0"
"""Stands for a value in the form of a line."""
MAX_FIELDS = 200
"""Numbers read of one line; a line with more is a dump of data."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number of a line and what it is."""

    name: Name
    number: float
    total: float = math.nan
    """Of a counter printed as `3/10`; nan where none is printed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says."""

    values: tuple[Value, ...]
    form: str
    """The line without its numbers: lines printed by one statement share it."""
    bare: bool = False
    """Whether no key of a metric has an operator, as in prose."""
    tabular: bool = False
    """Whether the line is a row of a table, where every value is one of the run."""
    hyper: bool = False
    """Whether the line prints settings."""
    split: Split = Split.NONE
    """The split that the line as a whole is about."""

    def counters(self) -> Iterator[Value]:
        return (value for value in self.values if value.name.role in (Role.EPOCH, Role.STEP))

    def metrics(self) -> Iterator[Value]:
        return (value for value in self.values if value.name.role in (Role.METRIC, Role.OTHER))


# ---- what only looks like a value ------------------------------------------------------------

_MASKED = re.compile(
    r"https?://\S+"
    r"|\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T_ ]+\d{1,2}[:\-]\d{2}(?:[:\-]\d{2})?(?:[.,:]\d+)?)?(?:Z|"
    r"[+-]\d{2}:?\d{2}\b)?:?"
    r"|\b\d{1,2}/\d{1,2} \d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w* +\w{3} +\d+ \d+:\d+:\d+(?: \w+)? \d{4}"
    r"|(?<![\w.])-?(?:\d+ days?, *)?\d{1,4}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?![\w:])"
    r"|^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.]+:\d+\]"
    r"|\"[^\"]{0,300}\.[a-z]{1,5}\", line \d+"
    r"|[\w.\\/-]+\.(?:py|cc|cpp|cu|h|c|rs|go|java|ipynb)\b(?::\d+\]?|\W{1,4}line:? ?\d+)?"
    r"|\[?\bline:? *\d+\]?"
    r"|(?<=\s)[\w.]+:\d+(?=\])"
    r"|\b\d+\.\d+\.\d+(?:\.\d+)?\S*"
    r"|\b0x[0-9a-fA-F]+"
    r"|\[?\b[rR]ank ?:?\d+\]?:?"
    r"|\b(?:torch\.)?Size\(\[[^\]]{0,80}\]\)"
    r"|(?<![\w=])(?:[A-Za-z]:\\|\.{0,2}/|~/)[^\s,;'\"]{2,}"
    r"|(?<![\w])[\w.\-]+/[^\s,;'\"|]*\.[a-zA-Z]{2,6}\b"
    r"|'/[^']{0,300}'|\"/[^\"]{0,300}\""
    r"|\|\|[^|\s]{0,12}\|\|[_\u2082]?(?:2|\u2082)?"
    r"|(?<![|\w])\|[A-Za-z]\w{0,5}-[A-Za-z]\w{0,5}\|"
    r"|\bcuda:\d+|\bgpu:\d+|\bcpu:\d+"
    r"|\([-+]?(?:inf|nan|\d[\d.e+-]*) ?-+> ?[-+]?\d[\d.e+-]*\)"  # the best so far, and the new one
)
_BAR = re.compile(
    r"\d{1,3}(?:\.\d+)?%\s?\|[^|\n]{0,400}\|"  # tqdm
    r"|\|[#=\u2588>.\-]{3,}\|\s*[\d.]+%(?: \[[^\]]*\])?"  # fastprogress
    r"|\d{1,3}%\s[\u2501\u2500\u2578\u257a ]{3,}"  # ultralytics, rich
    r"|[\u2501\u2500\u2578\u257a]{3,}"  # Keras 3, rich
    r"|\[[=>.#]{4,}\]"  # Keras 2
)
_BAR_TIMES = re.compile(
    r"(?P<done>\d+)/(?P<total>\d+|\?) ?\[[\d:?]+<[\d:?]+(?:, *[\d.?]{1,12} {0,3}(?:[A-Za-z]{1,12}/s|"
    r"s/[A-Za-z]{1,12}))?,? ?\]?"
    r"|\d+/\d+ \[[\d:]*(?:<[\d:]*)?(?:, *[\d.]*)?$"  # cut off at the edge of the terminal
    r"|\d+it \[[\d:?]+, *[\d.?]+ *(?:it/s|s/it),? ?"
    r"|\d+/\d+ [\d.]+(?:it/s|s/it) [\d.:]+s?(?:<[\d.:]+s?)?"
    r"|(?<![\d.?])[\d.?]{1,12} {0,3}(?:[A-Za-z]{0,8}it/s|s/it)"
)
_UNIT = re.compile(
    r"[GMKW](?!\w)| ?(?:%|(?:ms|us|secs?|seconds?|s|min|mins|h|hours?|[GMK]i?B|[GMK]b|kB|GB/s|it/s|"
    r"s/it|imgs?/s|/s|tok/s|th"
    r"|st|nd|rd|ms/step|s/step|us/step|s/epoch|samples/s|tokens/s|words/s)(?![\w]))"
)
_NUMBER = re.compile(rf"(?<![\w.@$#])(?<!\w-){NUMBER}")
_GLUED_COUNTER = re.compile(r"(?<![\w.])(e|ep|epoch|it|iter|step|s|b|batch)_?(?=\d+(?![\w.]))", re.I)
"""`ep0 b03`, `epoch12`: a counter with its key stuck to it."""
_PERCENT_BEHIND = re.compile(rf"\s*\(\s*({NUMBER})\s*%\s*\)")
_MEAN_BEHIND = re.compile(rf"\s*\(\s*({NUMBER})\s*\)")
_RUNNING = re.compile(r"\d\s*/\s*\d+\s*\]")
_WORD_BEHIND = re.compile(r" +[A-Za-z]{3,}")
_BRACKET_BEHIND = re.compile(r"\s*\[")
_CLOSED_BEHIND = re.compile(r"\s*[\]/]")
_PAIR_BEHIND = re.compile(r", *\d+[\])]")
_END_BEHIND = re.compile(r"[\])]")
_PIPED_BEHIND = re.compile(r"\|\d+\|")
_LABEL_BEHIND = re.compile(r"\s*[:|]\s*[A-Za-z\d]")
_PROGRESS = re.compile(r" */ *(\d+)")
_SUMMARY = re.compile(
    r"TrainOutput\(|train_runtime|\bimproved (?:from|by)\b|\bdid not improve\b|\bis not finite\b|"
    r"Namespace\(|<class |DeprecationWarning"
)
_OPERATOR = re.compile(r"(?:[:=\uff1a]|->|=>|\u2192)\s*$")
_OPENING = re.compile(r"[\s'\"\[(\u300a]+$")
_CUT = re.compile(
    r"[,;|{}\t\"\u3001\uff0c\uff1b\u3010\u3011<>]| - | -- | \u2014 |\s{2,}|\]|\\n|: |\uff1a|(?<=\s)/ |^[.)!]"
)
_LAST_COLON = re.compile(r"(?<=[A-Za-z0-9]):(?=[A-Za-z])")
_CHINESE_ORDINAL = re.compile(r"\s*(轮|步|个 ?epoch|次迭代)")


def mask_line(text: str) -> str:
    """The line with everything that only looks like a value blanked; its length stays."""
    return _MASKED.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    inner = found[0].strip("|_2\u2082") if found[0].startswith("||") else ""
    if inner.isalnum():  # `||g||₂` is the name of a norm
        return f"norm{inner}".ljust(len(found[0]))[: len(found[0])]
    if found[0][0] == "|" and "-" in found[0]:  # `|w-w0|` is how far the weights have moved
        return "delta".ljust(len(found[0]))[: len(found[0])]
    return " " * len(found[0])


# ---- bars ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar: its text without the drawing, and how far it is."""

    text: str
    key: str
    """What names the bar: its text without numbers."""
    identity: str
    """Tells a redrawing from the bar of the next epoch."""
    done: bool
    started: bool
    count: float = math.nan
    total: float = math.nan


_BAR_MARKS = ("%|", "% |", "| ", "it/s", "s/it", "it [", "\u2501", "\u2500", "[=", "[>", "[.", "[#", "<", "|-")

_EPOCH_NUMBER = re.compile(r"(?i)(?:epochs?|ep|轮)\W{0,4}(\d+)|^\s*(\d+)/\d+(?= +\d+(?:\.\d+)?G\b)")
_LEADING_COUNT = re.compile(r"^\s*(\d+)/(\d+)(?= )")
_STEP_IN_BAR = re.compile(r"(?i)\b(?:step|iter|iteration|global_step|batch)s?\b\W{0,3}\d+")


def find_bar(text: str) -> Bar | None:
    """The progress bar that a line draws, if it draws one."""
    if not any(mark in text for mark in _BAR_MARKS):
        return None
    drawn = _BAR.search(text) or _BAR_TIMES.search(text)
    if not drawn or ("%" not in text and "/" not in text and "it [" not in text):
        return None
    percent = re.search(r"(\d{1,3})(?:\.\d+)?%", text)
    counted = re.search(r"(\d+)/(\d+)", _BAR.sub(" ", text))
    done, started = True, True
    if counted and not percent:
        done, started = counted[1] == counted[2], counted[1] != "0"
    elif percent:
        done, started = percent[1] == "100", percent[1] != "0" or bool(counted and counted[1] != "0")
    plain = _BAR_TIMES.sub(" ", _BAR.sub(" ", text))
    if not percent or _LEADING_COUNT.match(plain):
        leading = _LEADING_COUNT.match(plain)
        if leading and not _EPOCH_NUMBER.search(plain):
            plain = plain[leading.end() :]
    epoch = _EPOCH_NUMBER.search(plain)
    own_step = _STEP_IN_BAR.search(plain)
    key = " ".join(_NUMBER.sub("0", plain.split("[")[0].split("=")[0])[:40].split())
    identity = (epoch[1] or epoch[2] if epoch else "") + (own_step[0] if own_step else "")
    count, total = (float(counted[1]), float(counted[2])) if counted else (math.nan, math.nan)
    return Bar(plain, key, identity, done or bool(own_step), started, count, total)


# ---- a line ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """A number while the line is being read."""

    start: int
    end: int
    name: Name | None = None
    total: tuple[int, int] | None = None
    average: bool = False
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled form of line: the same words, other numbers."""

    pattern: re.Pattern[str]
    names: tuple[Name | None, ...]
    """For each group the name of its value; None for the total of the counter before."""
    form: str
    bare: bool
    hyper: bool
    split: Split

    def read(self, text: str) -> Reading | None:
        found = self.pattern.fullmatch(text)
        if not found:
            return None
        values: list[Value] = []
        for name, group in zip(self.names, found.groups(), strict=True):
            if name is None:
                values[-1] = Value(values[-1].name, values[-1].number, parse_number(group))
            else:
                values.append(Value(name, parse_number(group)))
        return Reading(tuple(values), self.form, self.bare, hyper=self.hyper, split=self.split)


@dataclass
class LineReader:
    """Reads lines, and remembers the forms that it has met."""

    recent: list[Template] = field(default_factory=list)
    capacity: int = 12

    def read(self, text: str) -> Reading | None:
        """What a line says, or None when no value stands in it."""
        for place, template in enumerate(self.recent):
            reading = template.read(text)
            if reading is not None:
                if place:
                    self.recent.insert(0, self.recent.pop(place))
                return reading
        made = make_template(text)
        if made is None:
            return None
        self.recent.insert(0, made)
        del self.recent[self.capacity :]
        return made.read(text)


def make_template(text: str) -> Template | None:
    """Work out the form of a line; None when no value stands in it."""
    if not any(map(str.isdigit, text)) and not re.search(r"(?i)nan|inf", text):
        return None
    if _SUMMARY.search(text):
        return None
    found = _find_numbers(text)
    kept = [one for one in found if one.name is not None]
    if not kept:
        return None
    pieces: list[str] = []
    names: list[Name | None] = []
    place = 0
    for one in kept:
        assert one.name is not None
        pieces += [_loosen(text[place : one.start]), f"({NUMBER})"]
        names.append(one.name)
        place = one.end
        if one.total:
            pieces += [_loosen(text[place : one.total[0]]), f"({NUMBER})"]
            names.append(None)
            place = one.total[1]
    pieces.append(_loosen(text[place:]))
    metrics = [one for one in kept if one.name and one.name.role in (Role.METRIC, Role.OTHER)]
    return Template(
        re.compile("".join(pieces)),
        tuple(names),
        _write_form(text, kept),
        bare=bool(metrics) and not any(one.operator for one in metrics) and not _TAG.match(text),
        hyper=any(is_hyperparameter(key) for key in re.findall(r"([A-Za-z_]\w+)['\"]?\s*[:=]", text)),
        split=_find_leading_split(mask_line(text)),
    )


def _write_form(text: str, kept: list[_Found]) -> str:
    parts: list[str] = []
    place = 0
    for one in kept:
        parts.append(text[place : one.start])
        place = one.end
    parts.append(text[place:])
    return " ".join(VALUE_MARK.join(re.sub(r"\d+", "#", part) for part in parts).split())


_LOOSE = re.compile(rf"(?P<number>(?<![\w.]){NUMBER}|\d+)|(?P<blank>\s+)|(?P<text>[^\d\s]+|.)")


def _loosen(text: str) -> str:
    """A pattern for the words between two values: blanks and numbers that carry nothing may differ."""
    return "".join(
        r"(?:" + NUMBER + r"|\d+)" if piece["number"] else r"\s*" if piece["blank"] else re.escape(piece["text"])
        for piece in _LOOSE.finditer(text)
    )


def _find_numbers(text: str) -> list[_Found]:
    masked = mask_line(text)
    masked = masked.replace("\u7b2c", " ")  # `第3轮`: the sign before an ordinal
    glued = {match.end(): _name_glued(match[1]) for match in _GLUED_COUNTER.finditer(masked)}
    masked = _GLUED_COUNTER.sub(lambda match: " " * len(match[0]), masked)
    found: list[_Found] = []
    split, place = Split.NONE, 0
    previous: _Found | None = None
    line_split = _find_leading_split(masked)
    running = bool(_RUNNING.search(masked))
    for match in _NUMBER.finditer(masked):
        if match.start() < place or len(found) >= MAX_FIELDS:
            continue
        start, end = match.span()
        after = masked[end : end + 1]
        unit = _UNIT.match(masked, end)
        if match[0][-1:].isalpha() and _is_word_here(masked, start, end):
            continue
        ordinal = _CHINESE_ORDINAL.match(masked, end)
        if after and (after.isalpha() or after == "_") and not unit and not ordinal:
            continue
        gap = masked[place:start]
        one = _Found(start, end)
        progress = _PROGRESS.match(masked, end)
        if progress and not is_whole(match[0]):
            progress = None
        found.append(one)
        place = end
        if unit:
            place = unit.end()
        if progress:
            one.total = progress.span(1)
            place = progress.end()
        one.name = glued.get(start) or _name_number(gap, match[0], one, previous, masked, ordinal)
        if unit and unit[0].strip() != "%" and one.name and one.name.role is not Role.EPOCH:
            one.name = None
        if unit and unit[0].strip() == "%" and one.name and one.name.role in (Role.EPOCH, Role.STEP):
            one.name = None
        if one.name and one.name.role in (Role.METRIC, Role.OTHER):
            one.name, split = _carry_split(one.name, split, line_split)
            if one.total:  # Accuracy: 930/1000 (93%) is the percentage behind it
                share = _PERCENT_BEHIND.match(masked, place)
                if share:
                    one.start, one.end = share.span(1)
                    place = share.end()
                one.total = None if share else one.total
            elif line_split in (Split.VAL, Split.TEST) and running:
                average = _MEAN_BEHIND.match(masked, place)
                if average:  # of a running validation the mean so far is the result, in `now (mean)`
                    one.start, one.end = average.span(1)
                    place = average.end()
        previous = one
    return _apply_tag(text, [one for one in found if one.name is not None and one.name.role is not Role.IGNORED])


def _name_glued(key: str) -> Name:
    return (
        Name(Role.EPOCH, "epoch", own="epoch") if key.lower().startswith("e") else Name(Role.STEP, "step", own="step")
    )


def _is_word_here(masked: str, start: int, end: int) -> bool:
    """Whether NaN or inf is a word of a sentence: `number of nan iterations`, `NaN detected in`."""
    return bool(_WORD_BEHIND.match(masked, end)) and not _OPERATOR.search(
        masked[max(start - 40, 0) : start].rstrip(" '\"")
    )


_TAG = re.compile(r"\[([A-Za-z_]{2,12})\]")


def _apply_tag(text: str, found: list[_Found]) -> list[_Found]:
    """`[LR] backbone 1e-3 head 4e-3`: a tag that names a metric says what its line's unknown keys are of."""
    tags = [(tag.end(), understand_key(tag[1])) for tag in _TAG.finditer(text)]
    for one in found:
        tag = next((name for end, name in reversed(tags) if end <= one.start), None)
        if tag and tag.role is Role.METRIC and one.name and one.name.role is Role.OTHER:
            key = f"{tag.base}_{one.name.own}"
            one.name = Name(Role.METRIC, key, one.name.split, key)
    return found


_LEADING = re.compile(r"^[^A-Za-z\u4e00-\u9fff]*([A-Za-z]+|\u9a8c\u8bc1|\u8bad\u7ec3|\u6d4b\u8bd5)(?: set| epoch)?\b")
_FIELD_SPLIT = re.compile(
    r"\|\s*(train|training|valid|validation|val|dev|test|eval)\s*\||\[\s*(train|training|valid|validation|val|test|eval)\s*\]|\((train|val|valid|test|eval)\)|:(train|valid|val|test):",
    re.I,
)


def _find_leading_split(masked: str) -> Split:
    """A split that the first word of the line, or a field of its own, names for all keys of the line."""
    leading = _LEADING.match(masked)
    if leading and find_split(leading[1]):
        return find_split(leading[1])
    if "Saving dict for" in masked:  # TensorFlow's estimators say so of an evaluation
        return Split.VAL
    named = _FIELD_SPLIT.search(masked)
    return find_split(next(word for word in named.groups() if word)) if named else Split.NONE


def _carry_split(name: Name, carried: Split, line_split: Split) -> tuple[Name, Split]:
    """A key without a split belongs to the one named before it on the line."""
    if name.split:
        return name, name.split
    split = carried or line_split
    if split and name.base not in ("lr", "grad_norm", "loss_scale"):
        return Name(name.role, name.base, split, name.own), carried
    return name, carried


def _name_number(
    gap: str, number: str, one: _Found, previous: _Found | None, masked: str, ordinal: re.Match[str] | None
) -> Name | None:
    if ordinal:
        return Name(
            Role.EPOCH if ordinal[1] == "轮" or "epoch" in ordinal[1] else Role.STEP,
            "epoch" if ordinal[1] == "轮" else "step",
            own="epoch",
        )
    text = gap.rstrip()
    opening = _OPENING.search(text)
    bracketed = bool(opening and ("[" in opening[0] or "(" in opening[0]))
    if opening:
        text = text[: opening.start()]
    operator = _OPERATOR.search(text)
    if operator:
        text = text[: operator.start()]
    text = (
        text.rstrip(" '\")") if not text.endswith("))") and text.count("(") < text.count(")") else text.rstrip(" '\"")
    )
    key = _last_piece(text)
    tag = None if key or not operator else _TAG_BEFORE.search(text)
    if tag:
        key = tag[1]
    after_epoch = previous is not None and previous.name is not None and previous.name.role is Role.EPOCH
    if not key:
        behind = _KEY_BEHIND.match(masked, one.end)
        if behind and not is_whole(number) and understand_key(behind[1]).role is Role.METRIC:
            return understand_key(behind[1])
        return _name_keyless(gap, number, one, previous, after_epoch, masked, bracketed)
    one.operator = bool(operator)
    name = understand_key(key)
    if name.role in (Role.EPOCH, Role.STEP):
        return name if is_whole(number) or (name.role is Role.EPOCH and operator) else None
    if bracketed and find_split(key) and one.total:
        return Name(Role.STEP, "step", find_split(key), "step")  # `Test: [3/20]`
    if bracketed and not operator and is_whole(number):
        return _name_keyless(gap, number, one, previous, after_epoch, masked, bracketed)
    if find_split(key) and one.total is None and is_whole(number) and _BRACKET_BEHIND.match(masked, one.end):
        return Name(Role.EPOCH, "epoch", name.split, "epoch")  # `Train: 0 [ 10/50]`
    if name.role in (Role.OTHER, Role.IGNORED) and _is_ordinal(masked, one, number, operator is not None):
        return Name(Role.STEP, "step", own="step")  # `gen3 01: loss=0.50`
    if not operator and not number[-1].isdigit() and (name.role is not Role.METRIC or len(key.split()) > 3):
        return None  # NaN in a sentence
    if not operator and not _is_bare_key(key, name, number):
        return None
    return name


_TAG_BEFORE = re.compile(r"\[([A-Za-z_]{2,12})\]?\s*$")
_KEY_BEHIND = re.compile(r" ([A-Za-z]+(?: [A-Za-z]+)?)(?=,|;|$)")
"""Darknet prints `1200.5 avg loss, `: the value first."""


def _is_ordinal(masked: str, one: _Found, number: str, operator: bool) -> bool:
    """Whether a number near the start of a line, with a colon behind it, counts what follows."""
    return (
        not operator and is_whole(number) and one.start < 30 and bool(re.compile(r": +[A-Za-z]").match(masked, one.end))
    )


def _name_keyless(
    gap: str, number: str, one: _Found, previous: _Found | None, after_epoch: bool, masked: str, bracketed: bool
) -> Name | None:
    """A number that no key stands before: a counter in brackets, `20/60`, or one more value of the key before."""
    if not is_whole(number) or number[0] in "+-":
        return None
    step = Name(Role.STEP, "step", own="step")
    if one.total:
        if previous is not None and previous.name is not None and previous.name.role is Role.STEP:
            return None
        small = float(masked[one.total[0] : one.total[1]]) <= 300
        if previous is None and small and not masked[: one.start].strip("[( "):
            return Name(Role.EPOCH, "epoch", own="epoch") if masked[: one.start].strip() else step
        return step
    counted = previous is not None and previous.name is not None and previous.name.role is not Role.IGNORED
    if bracketed and "[" in gap and _CLOSED_BEHIND.match(masked, one.end):
        return step if not counted or after_epoch else None
    if not masked[: one.start].strip(" [(") and _PAIR_BEHIND.match(masked, one.end):
        return Name(Role.EPOCH, "epoch", own="epoch")  # `[2,  4000] loss: 1.3`
    if after_epoch and re.fullmatch(r", *", gap) and _END_BEHIND.match(masked, one.end):
        return step
    if not masked[: one.start].strip() and _PIPED_BEHIND.match(masked, one.end):
        return Name(Role.EPOCH, "epoch", own="epoch")  # `1|20|Loss: 1.5`
    if after_epoch and gap == "|":
        return step
    if not masked[: one.start].strip() and _LABEL_BEHIND.match(masked, one.end):
        return step  # `20: learn: 0.49`
    return None


def _last_piece(text: str) -> str:
    """The words of a gap that belong to the value behind it."""
    end = 0
    for cut in _CUT.finditer(text):
        end = cut.end()
    piece = text[end:].strip(" '\"*#>~.!?:-=&\u2502\u2014_/\\")
    if piece.startswith(("(", "[")) or piece.count("(") > piece.count(")"):
        piece = piece.rpartition("(")[2] if piece.count("(") > piece.count(")") else piece.strip("([")
    piece = piece.rpartition("[")[2].strip()
    piece = _LAST_COLON.split(piece)[-1]
    return piece if re.search(r"[^\W\d_]", piece) else ""


_LONG = 5


@lru_cache(maxsize=4096)
def _is_bare_key(key: str, name: Name, number: str) -> bool:
    """Whether words before a number, with no sign between, can be the key of a value and not prose."""
    words = key.split()
    if len(words) > _LONG:
        return False
    if name.role is Role.METRIC:
        return True
    return len(words) <= 2 and (not is_whole(number)) and bool(re.fullmatch(r"[\w@()./|\-]+(?: [\w@()./|\-]+)?", key))

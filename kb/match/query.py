"""A paste, taken apart: what a person wrote, what a program printed, and the error."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from kb.code import FoundMistake, find_mistakes, read_snippet
from kb.errors import LogError
from kb.read import TrainingLog, read_text
from kb.signs import Answer, Family, Finding, list_signs, measure_signs

MAX_TEXT = 200_000
"""Characters whose words are matched; of a longer paste the beginning and the end. The log is read whole."""
MAX_LINES = 2_000
"""Lines at each end of a log in which a person's own words are looked for."""
MAX_PROSE = 4_000
"""Characters of what a person wrote that are looked at."""
END_OF_WHOLE = 500
"""Characters of each end of a paste that are compared as one text: about what the encoder reads."""

_FRAME = re.compile(r'^\s*(?:File "|\^|~|at 0x)|^\s{4,}\S|^Traceback|site-packages|dist-packages')
_STACK = re.compile(
    r'^\s*(?:File ".*", line \d+|[\^~][\^~ ]*$|\S*(?:site|dist)-packages\S*:\d+|Traceback \(most recent)'
)
_PREFIX = re.compile(
    r"^\W{0,2}(?:\d{4}-\d\d-\d\d[T ]|\d\d/\d\d/\d{4} )?\d\d:\d\d:\d\d\S{0,12}[\s|:\-\]]+"
    r"(?:\W?(?:INFO|DEBUG)\b[\s|:\-\]]*)?"
    r"|^\W?(?:INFO|DEBUG)\b[\s|:\-\]]*"
)
"""What a logger puts before each line."""
_PRINTED = re.compile(
    r"^\s*[\[({<|#>$\-=*+/\\]|[=|]{2,}|\d+%\||^\s*\d|: \d|=\s*-?\d"
    r"|^\s*(?:import|from|def|class|return|for|if|with)\b|\)$|;$"
)
_TOLD = re.compile(r"[^\W\d_]\w|\w[^\W\d_]|[^\x00-\x7f]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ANY_NUMBER = re.compile(r"[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?", re.I)
_BAR = re.compile(r"[=>.#█▏▎▍▌▋▊▉ \-]{6,}|\s{2,}")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", re.I)


@dataclass(frozen=True)
class Query:
    """What is matched."""

    text: str
    log: TrainingLog
    findings: Mapping[str, Finding]
    prose: str
    """What a person wrote, as far as that can be told."""
    error: str
    """The exception or, without a traceback, the lines that speak of an error or a warning."""
    mistakes: Sequence[FoundMistake] = ()
    """What can be seen in the code of the paste."""
    told: Mapping[str, bool] = field(default_factory=dict)
    """Signs that a person was asked about, with the answer; they stand in `findings` too."""
    recognised: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """Symptoms and causes that a person was asked about, by case and text, with the answer."""

    @property
    def seen(self) -> list[str]:
        """Signs that the log shows, without those of health."""
        return [sign for sign, finding in self.telling() if finding.answer is Answer.SEEN]

    def telling(self) -> Iterator[tuple[str, Finding]]:
        """Signs that the log answers, seen or not, without those of health."""
        signs = list_signs()
        for sign, finding in self.findings.items():
            if finding.answer is not Answer.UNKNOWN and signs[sign].family is not Family.HEALTH:
                yield sign, finding

    @cached_property
    def whole(self) -> str:
        """The paste as one text: without the frames of a traceback and the middle of a log.

        Of lines that differ in their numbers only the first and the last stay; of a long text, both ends.
        """
        lines: list[str] = []
        source_follows = False
        for line in self.text.splitlines():
            if _STACK.search(line):
                source_follows = "File" in line
                continue
            if not (source_follows and line.startswith("    ")):
                lines.append(_PREFIX.sub("", line))
            source_follows = False
        text = "\n".join(_thin_out(lines)).strip() or self.text
        return text if len(text) <= 2 * END_OF_WHOLE else f"{text[:END_OF_WHOLE]}\n...\n{text[-END_OF_WHOLE:]}"

    def parts(self) -> list[str]:
        """The parts of the paste that each say one thing: a person's words, the error, and what the log shows."""
        signs = list_signs()
        told = " ".join(
            f"{signs[sign].sentence} {self.findings[sign].detail}."
            for sign in self.seen
            if signs[sign].family is not Family.MESSAGE
        )
        parts = [self.prose[:1500], self.error[:400], told[:600]]
        return [part for part in parts if len(_WORD.findall(part)) >= 2] or [self.text[:1500]]


def make_query(text: str, log: TrainingLog | None = None) -> Query:
    """Take a paste apart; `log` is what was read of it already, where it came from a file of another form.

    Raises:
        LogError: there is nothing to match.

    """
    if not _TOLD.search(text):
        raise LogError("there is nothing to match: give a log, an error message, or say what you see")
    log = log or read_text(text)
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT // 2] + "\n...\n" + text[-MAX_TEXT // 2 :]
    findings = measure_signs(log)
    used = {line for one in log.series.values() for line in one.lines}
    prose: list[str] = []
    for line in (*log.lines[:MAX_LINES], *log.lines[MAX_LINES:][-MAX_LINES:]):
        words = _WORD.findall(line.text)
        if line.number in used or not words or _FRAME.search(line.text):
            continue
        if len(words) >= 6 or (len(words) >= 3 and not _PRINTED.search(line.text)):
            prose.append(line.text.strip())
    code = read_snippet(line for line in log.lines if line.number not in used or "(" in line.text)
    return Query(text, log, findings, "\n".join(prose)[:MAX_PROSE], _find_error(log), find_mistakes(code))


def join_queries(queries: Sequence[Query]) -> Query:
    """What was said bit by bit, as one: a sign that one text shows is seen, else the latest text that tells counts."""
    first, *rest = queries
    for later in rest:
        findings = dict(first.findings)
        for sign, finding in later.findings.items():
            if finding.answer is Answer.SEEN or (
                finding.answer is Answer.NOT_SEEN and findings[sign].answer is not Answer.SEEN
            ):
                findings[sign] = finding
        first = replace(
            first,
            text=f"{first.text}\n\n{later.text}",
            log=later.log if later.log.count or later.log.error or not first.log.count else first.log,
            findings=findings,
            prose="\n".join(part for part in (first.prose, later.prose) if part)[-MAX_PROSE:],
            error=later.error or first.error,
            mistakes=tuple({one.mistake.id: one for one in (*first.mistakes, *later.mistakes)}.values()),
        )
    return first


def tell_sign(query: Query, sign: str, seen: bool) -> Query:
    """The query with a person's answer about a sign; it counts more than what the log tells."""
    finding = Finding(Answer.SEEN if seen else Answer.NOT_SEEN)
    return replace(query, findings={**query.findings, sign: finding}, told={**query.told, sign: seen})


def tell_text(query: Query, case_id: str, text: str, fits: bool) -> Query:
    """The query with a person's answer whether a symptom or the cause of a case is theirs."""
    return replace(query, recognised={**query.recognised, (case_id, text): fits})


def _thin_out(lines: Sequence[str]) -> list[str]:
    """The lines without those that stand between the first and the last one of their kind, and without drawn bars."""
    bare = [_BAR.sub(" ", line) for line in lines]
    places: dict[str, list[int]] = {}
    for place, line in enumerate(bare):
        places.setdefault(_ANY_NUMBER.sub("0", line).strip(), []).append(place)
    kept = {place for of_kind in places.values() for place in (of_kind[0], of_kind[-1])}
    return [line for place, line in enumerate(bare) if place in kept]


def _find_error(log: TrainingLog) -> str:
    if log.error is not None:
        return " ".join((str(log.error), *log.error.details[:3]))
    told = [event.line.text for event in log.events if event.kind.value in ("warning", "error", "killed", "skipped")]
    return " ".join(told[:3])


def normalise_message(message: str) -> list[str]:
    """The words of an error message without its numbers, paths and names."""
    message = re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S+", " ", message)
    return [word.lower() for word in _WORD.findall(_NUMBER.sub(" ", message))]

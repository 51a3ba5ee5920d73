"""A paste, taken apart: what a person wrote, what a program printed, and the error."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kb.read import TrainingLog, read_text
from kb.signs import Answer, Family, Finding, list_signs, measure_signs

MAX_PROSE = 4_000
"""Characters of what a person wrote that are looked at."""

_FRAME = re.compile(r'^\s*(?:File "|\^|~|at 0x)|^\s{4,}\S|^Traceback|site-packages|dist-packages')
_PRINTED = re.compile(
    r"^\s*[\[({<|#>$\-=*+/\\]|[=|]{2,}|\d+%\||^\s*\d|: \d|=\s*-?\d"
    r"|^\s*(?:import|from|def|class|return|for|if|with)\b|\)$|;$"
)
_WORD = re.compile(r"[^\W\d_]{2,}")
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

    def texts(self) -> list[str]:
        """The texts to compare with passages: each says one thing."""
        signs = list_signs()
        told = " ".join(
            f"{signs[sign].sentence} {self.findings[sign].detail}."
            for sign in self.seen
            if signs[sign].family is not Family.MESSAGE
        )
        parts = [self.prose[:1500], self.error[:400], told[:600]]
        return [part for part in parts if len(_WORD.findall(part)) >= 2] or [self.text[:1500]]


def make_query(text: str) -> Query:
    """Take a paste apart."""
    log = read_text(text)
    findings = measure_signs(log)
    used = {line for one in log.series.values() for line in one.lines}
    prose: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = _WORD.findall(line)
        if number in used or not words or _FRAME.search(line):
            continue
        if len(words) >= 6 or (len(words) >= 3 and not _PRINTED.search(line)):
            prose.append(line.strip())
    return Query(text, log, findings, "\n".join(prose)[:MAX_PROSE], _find_error(log))


def _find_error(log: TrainingLog) -> str:
    if log.error is not None:
        return " ".join((str(log.error), *log.error.details[:3]))
    told = [event.line.text for event in log.events if event.kind.value in ("warning", "error", "killed", "skipped")]
    return " ".join(told[:3])


def normalise_message(message: str) -> list[str]:
    """The words of an error message without its numbers, paths and names."""
    message = re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S+", " ", message)
    return [word.lower() for word in _WORD.findall(_NUMBER.sub(" ", message))]

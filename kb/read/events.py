"""Things that a log reports beside its numbers: warnings, skipped steps, resumes, early stops, kills."""

import re

from kb.read.log import Event, EventKind, LogLine

_EVENTS: tuple[tuple[EventKind, re.Pattern[str]], ...] = (
    (EventKind.KILLED, re.compile(
        r"\bKilled\b|oom[-_ ]kill|SIGKILL|SIGTERM|signal 9|exit code:? -?(?:9|137)\b|Segmentation fault|"
        r"core dumped", re.I)),
    (EventKind.EARLY_STOP, re.compile(
        r"early[ -]?stopp?(?:ing|ed)?\b(?!.*(?:disabled|=|:\s*(?:None|False|\d)))(?! conditioned on)|"
        r"stopp?(?:ed|ing) early|"
        r"stopping training|signaled to stop", re.I)),
    (EventKind.SKIPPED, re.compile(
        r"\bskip(?:ped|ping|s)?\b|gradient overflow|OVERFLOW!|loss scale.{0,20}(?:reduc|to)", re.I)),
    (EventKind.RESUMED, re.compile(
        r"\bresum(?:e|ed|ing)\b|loading checkpoint|loaded checkpoint|restor(?:ed|ing) (?:from|checkpoint)|"
        r"=> loading", re.I)),
    (EventKind.WARNING, re.compile(r"\bWARN(?:ING)?\b|\w+Warning\b|\bwarning:", re.I)),
    (EventKind.SAVED, re.compile(
        r"\bsav(?:ed|ing) (?:the |best |latest |new |model|checkpoint|state)|checkpoint saved|new best", re.I)),
    (EventKind.ERROR, re.compile(r"^\W*(?:error|fatal|critical)\b|(?-i:\bERROR\b)|Assertion .{1,200} failed", re.I)),
)  # fmt: skip


_NEEDLES = (
    "kill", "sigterm", "signal 9", "exit code", "fault", "core dumped", "stop", "skip", "overflow", "loss scale",
    "resum", "load", "restor", "warn", "sav", "new best", "error", "fatal", "critical", "assertion",
)  # fmt: skip
"""One of these stands in every line that reports something: cheaper to look for than all of the patterns."""


def find_event(line: LogLine) -> Event | None:
    """What a line reports, or None."""
    text = line.text[:2000]
    lowered = text.lower()
    if not any(needle in lowered for needle in _NEEDLES):
        return None
    for kind, pattern in _EVENTS:
        if pattern.search(text):
            return Event(kind, line)
    return None

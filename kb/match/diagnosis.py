"""What matching answers: values that the command line, the app and programs all show."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kb.normal import NormalAnswer
from kb.read.log import LogLine

LEAST_SHOWN = 0.01
"""Probability of a case below which people are not shown it; programs get all that they ask for."""
SCHEMA = 1
"""Version of the JSON form; it changes when a key changes its meaning or goes away."""


class Verdict(StrEnum):
    """The answer in a word."""

    MATCH = "match"
    UNSURE = "unsure"
    HEALTHY = "healthy"
    NONE = "none"


_SENTENCES = {
    Verdict.MATCH: "This is most likely {case}.",
    Verdict.UNSURE: "Not sure yet. These are the closest:",
    Verdict.HEALTHY: "Nothing in it looks wrong: the curves fall and settle.",
    Verdict.NONE: "None of the cases fits.",
}
_ADVICE = {
    Verdict.HEALTHY: "If something is, say what you expected instead. The nearest cases:",
    Verdict.NONE: "What helps next: the whole log from its first line, the full traceback, or what you expected to "
    "see. The nearest cases, for what they are worth:",
}


class EvidenceKind(StrEnum):
    """Where a piece of evidence comes from."""

    SIGN = "sign"
    SYMPTOM = "symptom"
    AGAINST = "against"
    ERROR = "error"
    CODE = "code"
    MEANING = "meaning"


@dataclass(frozen=True)
class Evidence:
    """One reason for or against a case."""

    kind: EvidenceKind
    id: str
    """The sign, the mistake in the code, or the kind of passage."""
    text: str
    lines: Sequence[LogLine] = ()
    """The user's own lines that it rests on."""


@dataclass(frozen=True)
class Match:
    """One case and how well it fits."""

    case_id: str
    title: str
    cause: str
    """The case's summary."""
    fix: str
    """The first sentence of its fix."""
    probability: float
    evidence: Sequence[Evidence] = ()


class QuestionKind(StrEnum):
    """What a question is about."""

    SIGN = "sign"
    SYMPTOM = "symptom"
    CAUSE = "cause"


_ASKED = {
    QuestionKind.SIGN: "",
    QuestionKind.SYMPTOM: "Do you see this? ",
    QuestionKind.CAUSE: "Look at your program: could it be this? ",
}


@dataclass(frozen=True)
class Question:
    """What would tell the best cases apart; answered by yes, no, or don't know."""

    kind: QuestionKind
    id: str
    """The sign, or the case whose symptom or cause it is."""
    text: str
    """A sign's question; a case's symptom, or its title and summary, as it stands there."""

    @property
    def asked(self) -> str:
        """As a person is asked."""
        return _ASKED[self.kind] + self.text


@dataclass(frozen=True)
class Diagnosis:
    """The whole answer."""

    verdict: Verdict
    none: float
    """Probability that it is none of the cases."""
    matches: Sequence[Match]
    """Best first."""
    question: Question | None = None
    normal: NormalAnswer | None = None
    """Why what was shown is as it should be, where that is the answer."""

    @property
    def shown(self) -> Sequence[Match]:
        """The matches that people are shown: the first, and those that are not as good as ruled out."""
        return [one for place, one in enumerate(self.matches) if not place or one.probability >= LEAST_SHOWN]

    @property
    def sentence(self) -> str:
        """The verdict as a person is told."""
        if self.normal:
            return f"This is normal: {self.normal.title}."
        return _SENTENCES[self.verdict].format(case=self.matches[0].case_id)

    @property
    def advice(self) -> str:
        """Why it is so, or what to do next; empty where the cases say it."""
        if self.normal:
            return f"{self.normal.reason} Not if {self.normal.not_if}"
        return _ADVICE.get(self.verdict, "")

    def to_json(self) -> dict[str, Any]:
        """The form that `docs/json.md` documents."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "none": round(self.none, 4),
            "matches": [
                {
                    "case": match.case_id,
                    "title": match.title,
                    "cause": match.cause,
                    "fix": match.fix,
                    "probability": round(match.probability, 4),
                    "evidence": [
                        {
                            "kind": one.kind.value,
                            "id": one.id,
                            "text": one.text,
                            "lines": [{"number": line.number, "text": line.text} for line in one.lines],
                        }
                        for one in match.evidence
                    ],
                }
                for match in self.matches
            ],
            "question": {"kind": self.question.kind.value, "id": self.question.id, "text": self.question.text}
            if self.question
            else None,
            "normal": {key: getattr(self.normal, key) for key in ("id", "title", "reason", "not_if")}
            if self.normal
            else None,
        }

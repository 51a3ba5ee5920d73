"""What matching answers: values that the command line, the app and programs all show."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kb.read.log import LogLine

SCHEMA = 1
"""Version of the JSON form; it changes when a key changes its meaning or goes away."""


class Verdict(StrEnum):
    """The answer in a word."""

    MATCH = "match"
    UNSURE = "unsure"
    HEALTHY = "healthy"
    NONE = "none"


class EvidenceKind(StrEnum):
    """Where a piece of evidence comes from."""

    SIGN = "sign"
    AGAINST = "against"
    ERROR = "error"
    MEANING = "meaning"


@dataclass(frozen=True)
class Evidence:
    """One reason for or against a case."""

    kind: EvidenceKind
    id: str
    """The sign, or the kind of passage."""
    text: str
    lines: Sequence[LogLine] = ()
    """The user's own lines that it rests on."""


@dataclass(frozen=True)
class Match:
    """One case and how well it fits."""

    case_id: str
    title: str
    fix: str
    """The first sentence of its fix."""
    probability: float
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True)
class Question:
    """What would tell the best cases apart."""

    sign: str
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """The whole answer."""

    verdict: Verdict
    none: float
    """Probability that it is none of the cases."""
    matches: Sequence[Match]
    """Best first."""
    question: Question | None = None

    def to_json(self) -> dict[str, Any]:
        """The documented form, `schema` 1."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "none": round(self.none, 4),
            "matches": [
                {
                    "case": match.case_id,
                    "title": match.title,
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
            "question": {"sign": self.question.sign, "text": self.question.text} if self.question else None,
        }

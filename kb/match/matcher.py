"""The matcher: cases in, diagnosis out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kb.encoder import Encoder, load_encoder
from kb.errors import LogError
from kb.evidence import Counts
from kb.match.diagnosis import Diagnosis, Evidence, EvidenceKind, Match, Question, Verdict
from kb.match.features import Library, Scores, make_library, measure_features, weigh_sign
from kb.match.fusion import describe_fit, fuse, load_weights, share_cases, weigh_none
from kb.match.query import Query, make_query
from kb.passages import PassageKind, cut_prose
from kb.signs import Answer, Family, list_signs
from repro.case import Case, Side
from repro.form import SECTIONS, split_sections

SURE, NONE_OF_THESE = 0.5, 0.5
TELLING = 0.8
"""Nats that a sign must say for or against a case to be given as a reason."""
MAX_REASONS = 4
MAX_TEXT = 200_000
"""Characters of a paste that are matched; of a longer one the beginning and the end."""


@dataclass(frozen=True)
class Matcher:
    """Matches pastes to cases. It holds no state of a conversation and can be shared."""

    cases: Sequence[Case]
    encoder: Encoder

    @classmethod
    def load(cls, cases: Sequence[Case], encoder: str | None = None) -> "Matcher":
        """A matcher for these cases, with the encoder of this name."""
        return cls(cases, load_encoder(encoder))

    @cached_property
    def library(self) -> Library:
        return make_library(self.cases, self.encoder)

    def diagnose(self, text: str, top: int = 3) -> Diagnosis:
        """What a paste is most likely to be.

        Raises:
            LogError: there is nothing to match.

        """
        if not re.search(r"\w{2,}", text):
            raise LogError("there is nothing to match: give a log, an error message, or say what you see")
        if len(text) > MAX_TEXT:
            text = text[: MAX_TEXT // 2] + "\n...\n" + text[-MAX_TEXT // 2 :]
        query = make_query(text)
        library, weights = self.library, load_weights()
        features = measure_features(library, query)
        fused = fuse(features, library.inside, weights)
        none = weigh_none(describe_fit(query, features, fused, library.inside, weights), weights)
        probabilities = share_cases(fused, library.inside, none, weights)
        order = np.argsort(-np.asarray(probabilities), kind="stable")
        chosen = [int(place) for place in order[:top]]
        matches = [self._explain(query, place, probabilities[place], features) for place in chosen]
        verdict = _judge(query, none, probabilities[chosen[0]])
        question = (
            self._find_question(query, [int(place) for place in order[:5]], probabilities)
            if verdict is Verdict.UNSURE
            else None
        )
        return Diagnosis(verdict, none, matches, question)

    def _explain(self, query: Query, place: int, probability: float, features: dict[str, Scores]) -> Match:
        case = self.cases[place]
        reasons: list[tuple[float, Evidence]] = []
        signs = list_signs()
        for sign, finding in query.telling():
            seen = finding.answer is Answer.SEEN
            gain = weigh_sign(self.library, case.id, sign, seen)
            if seen and gain > TELLING:
                text = f"{signs[sign].sentence} {finding.detail}".strip()
                reasons.append((gain, Evidence(EvidenceKind.SIGN, sign, text, tuple(finding.lines[:2]))))
            elif seen and gain < -TELLING:
                text = f"{signs[sign].sentence} Runs of this case do not show that."
                reasons.append((-gain / 2, Evidence(EvidenceKind.AGAINST, sign, text, tuple(finding.lines[:1]))))
            elif not seen and gain < -TELLING:
                text = f"Not in this log, though runs of this case show it: {signs[sign].sentence}"
                reasons.append((-gain / 2, Evidence(EvidenceKind.AGAINST, sign, text)))
        if features["error"][place] > 0:
            line = query.log.error and next(
                (one for one in query.log.lines if one.number == query.log.error.line), None
            )
            reasons.append((3.0, Evidence(EvidenceKind.ERROR, "error", query.error[:200], (line,) if line else ())))
        reasons.sort(key=lambda reason: -reason[0])
        nearest = self._find_nearest(query, place)
        evidence = [evidence for _, evidence in reasons[:MAX_REASONS]] + nearest
        return Match(case.id, case.title, _first_sentence(case), probability, tuple(evidence))

    def _find_nearest(self, query: Query, place: int) -> list[Evidence]:
        """The passage of the case that is nearest to what was written."""
        told = np.array([passage.kind is not PassageKind.LOG for passage in self.library.passages])
        mine = np.flatnonzero((self.library.owners == place) & told)
        vectors = self.encoder.encode(query.texts()[:1])
        nearest = self.library.passages[int(mine[int(np.argmax(self.library.vectors[mine] @ vectors[0]))])]
        return [Evidence(EvidenceKind.MEANING, nearest.kind.value, nearest.text)]

    def _find_question(self, query: Query, order: Sequence[int], probabilities: Sequence[float]) -> Question | None:
        """The unknown sign whose answer would tell most about which of the best cases it is."""
        signs = list_signs()
        share = np.array([probabilities[place] for place in order])
        share = share / share.sum()
        best, gain = None, 0.02
        for sign, finding in query.findings.items():
            if finding.answer is not Answer.UNKNOWN or signs[sign].family in (Family.HEALTH, Family.MESSAGE):
                continue
            seen = np.array([self._seen_share(self.cases[place].id, sign) for place in order])
            expected = _entropy(share) - sum(
                float((share * chance).sum()) * _entropy(share * chance / max(float((share * chance).sum()), 1e-9))
                for chance in (seen, 1 - seen)
            )
            if expected > gain:
                best, gain = sign, expected
        return Question(best, signs[best].question) if best else None

    def _seen_share(self, case_id: str, sign: str) -> float:
        evidence = self.library.evidence.get(case_id)
        counts = evidence.signs[Side.BUGGY].get(sign) if evidence else None
        if counts is None or not counts.seen + counts.not_seen:
            return 0.3  # not printed by our runs: a person may see it or not
        return _share(counts, True)


def _share(counts: Counts, seen: bool) -> float:
    told = counts.seen if seen else counts.not_seen
    return (told + 0.35) / (counts.seen + counts.not_seen + 0.7)


def _entropy(share: Scores) -> float:
    known = share[share > 0]
    return float(-(known * np.log(known)).sum())


def _judge(query: Query, none: float, best: float) -> Verdict:
    healthy = query.findings["healthy-curves"].answer is Answer.SEEN
    if healthy and not query.error and best < SURE and len(query.seen) <= 3:
        return Verdict.HEALTHY
    if none > NONE_OF_THESE and none > best:
        return Verdict.NONE
    return Verdict.MATCH if best >= SURE else Verdict.UNSURE


def _first_sentence(case: Case) -> str:
    section = split_sections(case.readme.read_text(encoding="utf-8"))[SECTIONS[2]]
    text = next(iter(cut_prose(section)), case.summary)
    return re.split(r"(?<=[.!?]) ", text)[0]

"""The matcher: cases in, diagnosis out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kb.encoder import Encoder, load_encoder
from kb.match.diagnosis import Diagnosis, Question, Verdict
from kb.match.explain import explain_match
from kb.match.features import Library, Scores, make_library, measure_features
from kb.match.fusion import describe_fit, fuse, load_weights, share_cases, weigh_none
from kb.match.query import Query, make_query
from kb.match.question import find_question
from kb.normal import PREFIX, NormalAnswer, load_answers
from kb.signs import Answer
from repro.case import Case

SURE, NONE_OF_THESE = 0.5, 0.4
DOUBTFUL = 0.35
"""Probability of the best case below which a log that looks healthy is called so."""
COMPLAINT = 12
"""Words beside a log from which on somebody says that something is wrong, or asks."""
NORMAL_BEHIND = 1.0
"""Nats by which what is normal may lie behind the best case, where the log shows what it says."""


@dataclass(frozen=True, eq=False)
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
        return self.diagnose_query(make_query(text), top)

    def diagnose_query(
        self, query: Query, top: int = 3, asked: Collection[Question] = (), *, always_ask: bool = False
    ) -> Diagnosis:
        """What a query is most likely to be.

        A question comes with it where that is not sure, or, with `always_ask`, wherever an answer would tell
        anything; none of those that were `asked` before.
        """
        library, weights = self.library, load_weights()
        features = measure_features(library, query)
        fused = fuse(query, features, library.inside, weights)
        none = weigh_none(describe_fit(query, features, fused, library.inside), weights)
        probabilities = share_cases(fused, library.inside, none)
        order = np.argsort(-np.asarray(probabilities), kind="stable")[:top]
        matches = [
            explain_match(library, self.cases[int(place)], int(place), query, probabilities[place], features["error"])
            for place in order
        ]
        normal = _find_normal(library, query, fused)
        verdict = _judge(library, query, none, matches[0].probability, normal)
        wanted = always_ask or verdict is Verdict.UNSURE
        question = find_question(library, query, probabilities, asked) if wanted else None
        return Diagnosis(verdict, none, matches, question, normal if verdict is Verdict.HEALTHY else None)


def _find_normal(library: Library, query: Query, fused: Scores) -> NormalAnswer | None:
    """What is normal and about as near as anything else, unless the log shows a sign that must be absent.

    With a log it must be one that the answer speaks of.
    """
    answers = load_answers()
    places = [place for place, name in enumerate(library.case_ids) if name.startswith(PREFIX)]
    best = max(places, key=lambda place: fused[place], default=None)
    if best is None:
        return None
    answer = answers[library.case_ids[best].removeprefix(PREFIX)]
    seen = set(query.seen)
    shown = bool(seen & set(answer.shows))
    if seen & set(answer.absent) or (query.log.count > 1 and not shown):
        return None
    return answer if fused[best] >= fused.max() - (NORMAL_BEHIND if shown else 0.0) else None


def _judge(library: Library, query: Query, none: float, best: float, normal: NormalAnswer | None) -> Verdict:
    if normal and best < SURE:
        return Verdict.HEALTHY
    curves = query.findings["healthy-curves"].answer is Answer.SEEN and library.benign.issuperset(query.seen)
    complains = bool(query.error) or len(query.prose.split()) >= COMPLAINT
    if curves and not complains and best < DOUBTFUL:
        return Verdict.HEALTHY
    if best >= SURE:
        return Verdict.MATCH
    return Verdict.NONE if none > NONE_OF_THESE else Verdict.UNSURE

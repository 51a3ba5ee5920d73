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
LEAST_ASKED = 4
"""Words that ask whether something is normal."""
COMPLAINT = 12
"""Words beside a log from which on somebody says that something is wrong, or asks."""
SURE_OF_HEALTHY = 0.75
"""Probability from which a case is meant though nothing stands out in the curves and nobody complains."""
NORMAL_BEHIND, EXPLAINED_BEHIND = 1.0, 2.5
"""Nats by which what is normal may lie behind the best case: where the log shows what it says, and nothing else."""


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

    With a log it must show a sign that the answer speaks of. Where the answer explains all that stands out in the log,
    it may lie further behind.
    """
    answers, seen = load_answers(), set(query.seen)
    places = [place for place, name in enumerate(library.case_ids) if name.startswith(PREFIX)]
    for place in sorted(places, key=lambda place: -fused[place]):
        answer = answers[library.case_ids[place].removeprefix(PREFIX)]
        if seen & set(answer.absent):
            continue
        if explains(library, answer, query):
            behind = EXPLAINED_BEHIND
        elif seen & set(answer.shows):
            behind = NORMAL_BEHIND
        elif query.log.count > 1 or len(query.text.split()) < LEAST_ASKED:
            continue
        else:
            behind = 0.0
        return answer if fused[place] >= fused.max() - behind else None
    return None


def explains(library: Library, answer: NormalAnswer, query: Query) -> bool:
    """Whether a log shows what an answer speaks of, and nothing else that stands out."""
    telling = set(query.seen) - library.benign
    return query.log.count > 1 and bool(telling) and telling <= set(answer.shows)


def _judge(library: Library, query: Query, none: float, best: float, normal: NormalAnswer | None) -> Verdict:
    if normal and (best < SURE or explains(library, normal, query)):
        return Verdict.HEALTHY
    curves = query.findings["healthy-curves"].answer is Answer.SEEN and library.benign.issuperset(query.seen)
    complains = bool(query.log.error or query.mistakes) or len(query.prose.split()) >= COMPLAINT
    if curves and not complains:
        if best < DOUBTFUL or (none > NONE_OF_THESE and best < SURE_OF_HEALTHY):
            return Verdict.HEALTHY
        return Verdict.MATCH if best >= SURE_OF_HEALTHY else Verdict.UNSURE
    if best >= SURE:
        return Verdict.MATCH
    return Verdict.NONE if none > NONE_OF_THESE else Verdict.UNSURE

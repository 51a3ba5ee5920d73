"""The question whose answer would tell most about which case it is."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from kb.match.diagnosis import Question, QuestionKind
from kb.match.features import Library, Scores, share_answering, share_recognising, share_telling
from kb.match.query import Query
from kb.passages import PassageKind
from kb.signs import Answer, Family, list_signs

CANDIDATES = 12
"""Best cases among which a question is to decide."""
ASKED_OF = 5
"""Best cases whose symptoms and causes may be asked about."""
LEAST_GAIN = 0.02
"""Nats that an answer must be expected to tell."""
TRUST = {QuestionKind.SIGN: 1.0, QuestionKind.SYMPTOM: 0.5, QuestionKind.CAUSE: 0.9}
"""A symptom in another's words is answered less surely than what a log shows; one's own program can be looked at."""
MAX_SYMPTOM = 140


def find_question(
    library: Library, query: Query, probabilities: Sequence[float], asked: Collection[Question] = ()
) -> Question | None:
    """The unknown sign, or the symptom of one of the best cases, with the highest expected information gain.

    None when no answer would tell anything. What was asked before is not asked again.
    """
    order = np.argsort(-np.asarray(probabilities), kind="stable")[:CANDIDATES]
    share = np.asarray(probabilities)[order]
    share = share / share.sum()
    best, most = None, LEAST_GAIN
    for question, yes, told in _list_questions(library, query, [int(place) for place in order[:ASKED_OF]]):
        if question in asked:
            continue
        gain = TRUST[question.kind] * float(share @ told[order]) * measure_gain(share, yes[order])
        if gain > most:
            best, most = question, gain
    return best


def _list_questions(library: Library, query: Query, best: Sequence[int]) -> Iterator[tuple[Question, Scores, Scores]]:
    """Each with the share of each case's people who say yes, and of those who can tell."""
    signs = list_signs()
    all_can = np.ones(len(library.case_ids))
    for sign, finding in query.findings.items():
        if finding.answer is Answer.UNKNOWN and signs[sign].family not in (Family.HEALTH, Family.MESSAGE):
            question = Question(QuestionKind.SIGN, sign, signs[sign].question)
            yield question, share_answering(library, sign, True), share_telling(library, sign)
    for place in best:
        for number in np.flatnonzero(library.owners == place):
            passage = library.passages[int(number)]
            if passage.kind is PassageKind.SYMPTOM and len(passage.text) <= MAX_SYMPTOM and "?" not in passage.text:
                question = Question(QuestionKind.SYMPTOM, passage.case_id, passage.text)
                yield question, share_recognising(library, passage.case_id, passage.text), all_can
            elif passage.kind is PassageKind.TITLE:
                question = Question(QuestionKind.CAUSE, passage.case_id, passage.text)
                yield question, share_recognising(library, passage.case_id, passage.text), all_can


def measure_gain(share: Scores, yes: Scores) -> float:
    """Expected information gain, in nats, of a question that a share `yes` of each case's people answer with yes."""
    expected = 0.0
    for chance in (yes, 1 - yes):
        joint = share * chance
        total = float(joint.sum())
        if total > 0:
            expected += total * measure_entropy(joint / total)
    return measure_entropy(share) - expected


def measure_entropy(share: Scores) -> float:
    """Entropy in nats."""
    known = share[share > 0]
    return float(-(known * np.log(known)).sum())

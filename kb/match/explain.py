"""Why a case fits, and what speaks against it, each with the user's own lines."""

import re

import numpy as np

from kb.match.diagnosis import Evidence, EvidenceKind, Match
from kb.match.features import LEAST_RECORDS, Library, Scores, weigh_sign
from kb.match.query import Query
from kb.passages import PassageKind, cut_prose
from kb.signs import Answer, list_signs
from repro.case import Case
from repro.form import SECTIONS, split_sections

TELLING = 0.8
"""Nats that a sign must say for or against a case to be given as a reason."""
ERROR_GAIN, CODE_GAIN, TOLD_GAIN = 3.0, 3.5, 4.0
"""Nats by which a known error, a certain mistake, and what a person answered are put in order among the signs."""
MAX_REASONS = 4


def explain_match(
    library: Library, case: Case, place: int, query: Query, probability: float, errors: Scores
) -> Match:  # fmt: skip
    """The case as an answer, with at most `MAX_REASONS` reasons, strongest first, and the passage that is nearest."""
    reasons = [*_weigh_signs(library, place, query), *_name_mistakes(case, query), *_recall_answers(case, query)]
    if errors[place] > 0:
        at = query.log.error.line if query.log.error else None
        lines = tuple(line for line in query.log.lines if line.number == at)[:1]
        reasons.append((ERROR_GAIN, Evidence(EvidenceKind.ERROR, "error", query.error[:200], lines)))
    reasons.sort(key=lambda reason: -reason[0])
    evidence = [evidence for _, evidence in reasons[:MAX_REASONS]]
    evidence.append(_find_nearest(library, place, query))
    return Match(case.id, case.title, case.summary, find_fix(case), probability, tuple(evidence))


def find_fix(case: Case) -> str:
    """The first sentence of a case's fix; a colon in front of what the page shows next becomes its end."""
    section = split_sections(case.readme.read_text(encoding="utf-8"))[SECTIONS[2]]
    return re.sub(r":$", ".", re.split(r"(?<=[.!?]) ", next(iter(cut_prose(section)), ""))[0])


def _weigh_signs(library: Library, place: int, query: Query) -> list[tuple[float, Evidence]]:
    signs = list_signs()
    reasons: list[tuple[float, Evidence]] = []
    for sign, finding in query.telling():
        seen = finding.answer is Answer.SEEN
        gain = weigh_sign(library, place, sign, seen)
        sentence = signs[sign].sentence
        told = TOLD_GAIN if sign in query.told else 0.0
        if seen and gain > TELLING:
            text = f"{sentence} {finding.detail}".strip()
            reasons.append((gain + told, Evidence(EvidenceKind.SIGN, sign, text, tuple(finding.lines[:2]))))
        elif seen and gain < -TELLING:
            text = f"{sentence} Runs of this case do not show that."
            reasons.append((told - gain / 2, Evidence(EvidenceKind.AGAINST, sign, text, tuple(finding.lines[:1]))))
        elif not seen and gain < -TELLING and (told or query.log.count >= LEAST_RECORDS):
            where = "You say no to this" if told else "Not in this log"
            text = f"{where}, though runs of this case show it: {sentence}"
            reasons.append((told - gain / 2, Evidence(EvidenceKind.AGAINST, sign, text)))
    return reasons


def _name_mistakes(case: Case, query: Query) -> list[tuple[float, Evidence]]:
    return [
        (
            CODE_GAIN * found.mistake.certainty.value,
            Evidence(
                EvidenceKind.CODE, found.mistake.id, f"In your code: {found.mistake.sentence}", tuple(found.lines[:2])
            ),
        )
        for found in query.mistakes
        if case.id in found.mistake.cases
    ]


def _recall_answers(case: Case, query: Query) -> list[tuple[float, Evidence]]:
    return [
        (TOLD_GAIN + 1, Evidence(EvidenceKind.SYMPTOM if fits else EvidenceKind.AGAINST, "symptom", said + text))
        for (case_id, text), fits in query.recognised.items()
        if case_id == case.id
        for said in ["You say that this is so: " if fits else "You say that this is not so: "]
    ]


def _find_nearest(library: Library, place: int, query: Query) -> Evidence:
    """The passage of the case that is nearest to what was written."""
    first, after = np.searchsorted(library.owners, (place, place + 1))
    others = (PassageKind.LOG, PassageKind.VOICE)
    mine = [number for number in range(first, after) if library.passages[number].kind not in others]
    vectors = library.encode(query.parts()[0])
    nearest = library.passages[int(mine[int(np.argmax(library.index.vectors[mine] @ vectors))])]
    return Evidence(EvidenceKind.MEANING, nearest.kind.value, nearest.text)

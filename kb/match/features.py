"""Evidence: for each case one number of each kind, before they are weighed against each other."""

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.encoder import Encoder, Vectors
from kb.evidence import CaseEvidence, Counts, load_evidence
from kb.index import Index, load_index
from kb.match.query import Query, normalise_message
from kb.normal import PREFIX, load_answers
from kb.passages import Passage, PassageKind, make_passages
from kb.search import PassageSearch, make_search
from kb.signs import Answer
from kb.words import tokenise
from repro.case import Case, Side

Scores = NDArray[np.float64]

OUTSIDE = Path(__file__).parents[1] / "data" / "outside.toml"
POOLED, POOLED_VOICES = 4, 3
"""Best passages of a case whose mean counts: one alone is luck, all of them drown the one that fits."""
SIGN_FLOOR, SIGN_CEILING = -1.2, 3.0
"""Limits of what one sign may say for or against a case, in nats: logs vary in more ways than our runs."""
LEAST_RECORDS = 2
"""Of a log whose signs count."""
MISSING = 0.35
"""Weight of a sign that is not seen, against one that is: an excerpt does not show everything."""
LEAST_BENIGN, NO_COMPLAINT = 0.03, 0.9
"""Share of mended runs that show a benign sign, and that share against the one of broken runs."""
SECOND_CASE = 0.6
"""How much less a mistake says for the second of its cases than for the first."""
ERROR_KNOWN = 0.55
"""Share of a case's message that must stand in an error for it to be known."""
PRIOR = 0.7
"""Added to each count: a sign that none of five runs showed is rare, not impossible."""

SELDOM_TOLD = 0.3
"""Chance that a person can tell a sign that the runs of a case do not print."""
UNTOLD = 0.3
"""Chance that a person sees a sign of which the runs of a case tell nothing."""
LEAST_YES, MOST_YES, FAR = 0.1, 0.9, 0.45
"""Chance of a yes to a symptom that is nothing like the case, and to the case's own; cosine of nothing like it."""


@dataclass(frozen=True, eq=False)
class Library:
    """The cases as they are searched."""

    passages: Sequence[Passage]
    index: Index
    evidence: Mapping[str, CaseEvidence]
    encoder: Encoder
    case_ids: Sequence[str] = field(default=())
    """Ids of the cases, then those of what lies outside of the library."""
    inside: int = 0
    """How many of them are cases."""

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """For each passage the place of its case, in ascending order."""
        place = {case_id: n for n, case_id in enumerate(self.case_ids)}
        return np.array([place[passage.case_id] for passage in self.passages])

    @cached_property
    def voiced(self) -> NDArray[np.bool_]:
        """For each passage whether it is what others say, not the case."""
        return np.array([passage.kind is PassageKind.VOICE for passage in self.passages])

    @lru_cache(maxsize=256)  # noqa: B019  a library lives as long as its process
    def encode(self, text: str) -> Vectors:
        """The vector of a text; the last ones are remembered, since one answer looks at a text several times."""
        vector: Vectors = self.encoder.encode([text])[0]
        return vector

    @cached_property
    def search(self) -> PassageSearch:
        """The search by meaning."""
        return make_search(self.index.vectors)

    @cached_property
    def messages(self) -> list[tuple[int, frozenset[str]]]:
        """Error messages that the cases know, as words, with the place of their case."""
        found = []
        for place, passage in zip(self.owners, self.passages, strict=True):
            if passage.kind is PassageKind.ERROR or (
                passage.kind is PassageKind.SYMPTOM and re.search(r"Error|Warning", passage.text)
            ):
                found.append((int(place), frozenset(normalise_message(passage.text))))
        return found

    @cached_property
    def gains(self) -> dict[str, tuple[Scores, Scores]]:
        """For each sign what "not seen" and "seen" say for each case, in nats."""
        known = [self.evidence.get(case_id) for case_id in self.case_ids[: self.inside]]
        buggy = [one.signs[Side.BUGGY] if one else {} for one in known]
        return {
            sign: (
                np.array([_measure_gain(signs.get(sign), background, False) for signs in buggy]),
                np.array([_measure_gain(signs.get(sign), background, True) for signs in buggy]),
            )
            for sign, background in self._count_background().items()
        }

    @cached_property
    def benign(self) -> frozenset[str]:
        """Signs that mended runs show nearly as often as broken ones: they are no complaint."""
        shares = {side: self._share_runs(side) for side in Side}
        return frozenset(
            sign
            for sign, mended in shares[Side.FIXED].items()
            if mended >= LEAST_BENIGN and mended >= NO_COMPLAINT * shares[Side.BUGGY].get(sign, 0.0)
        )

    def _share_runs(self, side: Side) -> dict[str, float]:
        """For each sign the share of runs of one side that show it, of those that tell."""
        total: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.evidence.values():
            for sign, counts in one.signs[side].items():
                total[sign][0] += counts.seen
                total[sign][1] += counts.seen + counts.not_seen
        return {sign: seen / told for sign, (seen, told) in total.items() if told}

    def _count_background(self) -> dict[str, Counts]:
        """How often each sign is seen over all runs of all cases, broken and mended."""
        total: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.evidence.values():
            for side in Side:
                for sign, counts in one.signs[side].items():
                    total[sign][0] += counts.seen
                    total[sign][1] += counts.not_seen
        return {sign: Counts(seen, no, 0) for sign, (seen, no) in total.items()}


def make_library(cases: Sequence[Case], encoder: Encoder) -> Library:
    """The cases and what lies outside of them, ready to be searched."""
    passages = gather_passages(cases)
    case_ids = list(dict.fromkeys(passage.case_id for passage in passages))
    return Library(passages, load_index(passages, encoder), load_evidence(), encoder, case_ids, len(cases))


def gather_passages(cases: Sequence[Case]) -> list[Passage]:
    """All passages that are searched: those of the cases, then those of what the library does not hold."""
    inside = [passage for case in cases for passage in make_passages(case)]
    return inside + load_outside()


def load_outside() -> list[Passage]:
    """What is none of the library's business, and what is normal."""
    passages: list[Passage] = []
    for answer in load_answers().values():
        passages += [Passage(PREFIX + answer.id, PassageKind.SYMPTOM, text) for text in answer.asked]
        passages.append(Passage(PREFIX + answer.id, PassageKind.CAUSE, answer.reason))
    for topic, row in tomllib.loads(OUTSIDE.read_text(encoding="utf-8")).items():
        passages += [Passage(topic, PassageKind.SYMPTOM, text) for text in row["texts"]]
        passages += [Passage(topic, PassageKind.ERROR, text) for text in row.get("errors", ())]
    return passages


def pool(scores: Scores, owners: NDArray[np.int64], count: int, best_of: int = POOLED) -> Scores:
    """Per case the mean of its best passages; a case without any has the mean of the others."""
    order = np.lexsort((-scores, owners))
    owners, scores = owners[order], scores[order]
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)
    best = places < best_of
    counts = np.bincount(owners[best], minlength=count)
    pooled = np.bincount(owners[best], scores[best], count) / np.maximum(counts, 1)
    return np.where(counts > 0, pooled, pooled[counts > 0].mean())


def score_meaning(library: Library, query: Query) -> Scores:
    """Cosine of the parts of a paste to the passages, pooled; of several parts the mean."""
    vectors = np.stack([library.encode(text) for text in query.parts()])
    scores = library.search.score(vectors).astype(float)
    pooled = [pool(scores[:, n], library.owners, len(library.case_ids)) for n in range(scores.shape[1])]
    return np.asarray(np.mean(pooled, axis=0) * 0.5 + np.max(pooled, axis=0) * 0.5)


def score_whole(library: Library, query: Query) -> Scores:
    """Cosine of the paste as one text to what a case says of itself, pooled."""
    return _score_whole(library, query, ~library.voiced, POOLED)


def score_voices(library: Library, query: Query) -> Scores:
    """Cosine of the paste as one text to what others say who see the case, pooled."""
    return _score_whole(library, query, library.voiced | (library.owners >= library.inside), POOLED_VOICES)


def _score_whole(library: Library, query: Query, among: NDArray[np.bool_], best_of: int) -> Scores:
    scores = library.search.score(library.encode(query.whole)[None])[:, 0].astype(float)
    return pool(scores[among], library.owners[among], len(library.case_ids), best_of)


def score_words(library: Library, query: Query) -> Scores:
    """BM25 of the parts of a paste, pooled."""
    tokens = tokenise(" ".join(query.parts()))
    if not tokens:
        return np.zeros(len(library.case_ids))
    return pool(library.index.words.score(tokens), library.owners, len(library.case_ids)) / math.sqrt(
        len(set(tokens)) + 1
    )


def score_error(library: Library, query: Query) -> Scores:
    """How much of a case's error message stands in the query, from 0 to 1; the best of its messages."""
    best = np.zeros(len(library.case_ids))
    words = frozenset(normalise_message(query.error or query.text[:1500]))
    if not words:
        return best
    for place, message in library.messages:
        if len(message) >= 3:
            best[place] = max(best[place], len(message & words) / len(message))
    return np.where(best > ERROR_KNOWN, best, 0.0)


def score_signs(library: Library, query: Query) -> Scores:
    """Log likelihood of the signs' answers under each case against the background; what cannot be told is left out.

    Without a log of a few records they are words of the paste, which the other kinds read better.
    """
    scores = np.zeros(len(library.case_ids))
    if query.log.count < LEAST_RECORDS:
        return scores
    for sign, finding in query.telling():
        if sign not in query.told and sign in library.gains:
            seen = finding.answer is Answer.SEEN
            scores[: library.inside] += library.gains[sign][int(seen)] * (1.0 if seen else MISSING)
    return scores


def score_code(library: Library, query: Query) -> Scores:
    """How surely a mistake in the code of the paste is the bug of a case, from 0 to 1."""
    scores = np.zeros(len(library.case_ids))
    places = {case_id: place for place, case_id in enumerate(library.case_ids)}
    for found in query.mistakes:
        for rank, case_id in enumerate(found.mistake.cases):
            if case_id in places:
                sure = found.mistake.certainty.value * SECOND_CASE**rank
                scores[places[case_id]] = max(scores[places[case_id]], sure)
    return scores


def score_told(library: Library, query: Query) -> Scores:
    """Log likelihood of a person's answers, in nats: each was asked for, so it counts in full."""
    scores = np.zeros(len(library.case_ids))
    for sign, seen in query.told.items():
        scores += np.log(share_answering(library, sign, seen))
    for (case_id, text), fits in query.recognised.items():
        share = share_recognising(library, case_id, text)
        scores += np.log(share if fits else 1 - share)
    return scores


@lru_cache(maxsize=4096)
def share_answering(library: Library, sign: str, seen: bool) -> Scores:
    """For each case the share of people who answer so when asked about a sign."""
    shares = np.full(len(library.case_ids), UNTOLD if seen else 1 - UNTOLD)
    for place, case_id in enumerate(library.case_ids[: library.inside]):
        evidence = library.evidence.get(case_id)
        counts = evidence.signs[Side.BUGGY].get(sign) if evidence else None
        if counts is not None and counts.seen + counts.not_seen:
            shares[place] = (counts.seen + 0.5) / (counts.seen + counts.not_seen + 1)
            if not seen:
                shares[place] = 1 - shares[place]
    return shares


@lru_cache(maxsize=4096)
def share_telling(library: Library, sign: str) -> Scores:
    """For each case the share of its runs that tell whether a sign is there; what no run tells, few people can."""
    shares = np.full(len(library.case_ids), SELDOM_TOLD)
    for place, case_id in enumerate(library.case_ids[: library.inside]):
        evidence = library.evidence.get(case_id)
        counts = evidence.signs[Side.BUGGY].get(sign) if evidence else None
        if evidence is not None and counts is not None:
            shares[place] = max(SELDOM_TOLD, (counts.seen + counts.not_seen) / max(evidence.runs, 1))
    return shares


@lru_cache(maxsize=4096)
def share_recognising(library: Library, case_id: str, text: str) -> Scores:
    """For each case the share of people who say yes to a text of a case: those of near cases may do so too."""
    owner = library.case_ids.index(case_id)
    place = next(n for n in np.flatnonzero(library.owners == owner) if library.passages[int(n)].text == text)
    scores = library.search.score(library.index.vectors[place : place + 1])[:, 0]
    near = np.maximum.reduceat(scores, np.searchsorted(library.owners, np.arange(len(library.case_ids))))
    shares = LEAST_YES + (MOST_YES - LEAST_YES) * np.clip((near - FAR) / (1 - FAR), 0.0, 1.0)
    return np.asarray(shares)


def weigh_sign(library: Library, place: int, sign: str, seen: bool) -> float:
    """What one answer says for a case (or, below 0, against it), in nats; 0 where its runs do not tell."""
    return float(library.gains[sign][int(seen)][place]) if sign in library.gains else 0.0


def _measure_gain(counts: Counts | None, background: Counts, seen: bool) -> float:
    if counts is None or not counts.seen + counts.not_seen:
        return 0.0
    gain = math.log(_rate(counts, seen, PRIOR) / _rate(background, seen, 2.0))
    return min(max(gain, SIGN_FLOOR), SIGN_CEILING)


def _rate(counts: Counts, seen: bool, prior: float) -> float:
    told = counts.seen if seen else counts.not_seen
    return (told + prior * (0.15 if seen else 0.85)) / (counts.seen + counts.not_seen + prior)


def measure_features(library: Library, query: Query) -> dict[str, Scores]:
    """All kinds of evidence, per case."""
    return {
        "meaning": score_meaning(library, query),
        "whole": score_whole(library, query),
        "voices": score_voices(library, query),
        "words": score_words(library, query),
        "error": score_error(library, query),
        "signs": score_signs(library, query),
        "code": score_code(library, query),
        "told": score_told(library, query),
    }

"""How often the right case comes first, on queries whose answer is known, beside simpler ways of searching.

A file of queries is JSON Lines: `query` is a paste, `labels` the ids of the cases that are right, best first. A query
whose labels are none of the cases at hand counts as "none of these". `kind` (such as log, symptom or error) and
`healthy` (nothing was wrong with the run) are optional.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kb.errors import LogError

if TYPE_CHECKING:
    from kb.encoder import Encoder
    from kb.match.diagnosis import Verdict
    from kb.match.fusion import Weights
    from kb.match.matcher import Matcher
    from kb.match.query import Query

Scores = NDArray[np.float64]

RESAMPLES = 1_000
"""Bootstrap samples behind an interval."""
BINS = 10
"""Bins of equal width in which said and true shares are compared."""
RANK_OFFSET = 60
"""Of reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009."""
OWN = "this project"


@dataclass(frozen=True)
class Question:
    """A query and its right answers."""

    query: str
    labels: Sequence[str]
    kind: str = ""
    healthy: bool = False


@dataclass(frozen=True)
class Answer:
    """What one way of searching made of one question."""

    rank: int
    """Of the best right case, from 1; 0 where none of the right cases exists."""
    confidence: float
    """That some case fits; of any scale."""
    first: float = 0.0
    """Said probability that the first case is right."""


@dataclass(frozen=True)
class MatchScore:
    """How one way of searching did."""

    name: str
    in_scope: int
    """Queries whose case exists."""
    top1: float
    top3: float
    top5: float
    mrr: float
    auroc: float
    """Of telling queries whose case exists from those that no case fits, by the best score."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """95 % bootstrap intervals."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class MatchReport:
    """All that is measured on a set of questions."""

    ways: Sequence[MatchScore]
    """This project first, then its peers."""
    without: Sequence[MatchScore]
    """This project, each time without one kind of evidence."""
    by_kind: Sequence[MatchScore]
    by_family: Sequence[MatchScore]
    calibration: float
    """Expected calibration error of the probability that the first case is right."""
    calibration_by_chance: float
    """The error that would be expected on so many questions if every probability were exactly right."""
    left_out: float
    """AUROC of telling a question from the same question with its cases taken out of the library."""
    left_out_none: float
    """Share of questions that are answered with "none" when their cases are taken out."""
    verdicts: Mapping[str, Mapping[str, int]]
    """How often each verdict was given: to questions in scope, to those of no case, and to healthy runs."""

    def to_json(self) -> dict[str, Any]:
        tables = ("ways", "without", "by_kind", "by_family")
        return {name: [score.to_json() for score in getattr(self, name)] for name in tables} | {
            "calibration": self.calibration,
            "calibration_by_chance": self.calibration_by_chance,
            "left_out": self.left_out,
            "left_out_none": self.left_out_none,
            "verdicts": self.verdicts,
        }


def load_questions(path: Path) -> list[Question]:
    """The queries of a file.

    Raises:
        LogError: the file cannot be read, or a line of it has not the form.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"{path}: cannot be read: {error}") from None
    questions: list[Question] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            labels = tuple(map(str, row["labels"]))
            healthy = bool(row.get("healthy", False))
            questions.append(Question(str(row["query"]), labels, str(row.get("kind", "")), healthy))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogError(f"{path}, line {number}: wants a JSON object with query and labels: {error}") from None
    return questions


# ---- measure ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measured:
    """One question with its evidence, from which every variant is worked out."""

    question: Question
    places: Sequence[int]
    """Of the right cases."""
    family: str
    """Of the first of them; empty where there is none."""
    query: "Query"
    features: Mapping[str, Scores]
    verdict: "Verdict"
    peers: Mapping[str, Answer]


def score_questions(
    matcher: "Matcher",
    questions: Sequence[Question],
    advance: Callable[[str], None] = lambda _: None,
    peer: "Encoder | None" = None,
) -> MatchReport:
    """The matcher, its parts, and its peers on the same texts: BM25, a dense encoder, and the rank fusion of both.

    Args:
        matcher: What is measured.
        questions: With their right answers.
        advance: Called after each question.
        peer: The dense encoder beside BM25; without one the matcher's own.

    """
    from kb.match.fusion import load_weights
    from kb.match.matcher import NONE_OF_THESE, SURE

    weights = load_weights()
    measured = _measure(matcher, questions, advance, peer)
    inside = matcher.library.inside
    own = [_answer(one, inside, weights) for one in measured]
    names = list(measured[0].peers) if measured else []
    ways = [(OWN, own), *((name, [one.peers[name] for one in measured]) for name in names)]
    parts = {kind: replace(weights, kinds={**weights.kinds, kind: 0.0}) for kind in weights.kinds}
    without = [(f"without {kind}", [_answer(one, inside, less) for one in measured]) for kind, less in parts.items()]
    removed = [_answer(_take_out(one), inside - len(one.places), weights) for one in measured if one.places]
    present = np.array([answer.confidence for answer in own if answer.rank])
    absent = np.array([answer.confidence for answer in removed])
    return MatchReport(
        [_summarise(name, answers) for name, answers in ways],
        [_summarise(name, answers) for name, answers in without],
        _group(measured, own, lambda one: one.question.kind or "any"),
        _group(measured, own, lambda one: one.family),
        measure_calibration([answer.first for answer in own], [answer.rank == 1 for answer in own]),
        expect_calibration([answer.first for answer in own]),
        measure_auroc(present, absent),
        float(np.mean([1 - each.confidence > NONE_OF_THESE and each.first < SURE for each in removed]))
        if removed
        else float("nan"),
        _count_verdicts(measured),
    )


def _measure(
    matcher: "Matcher", questions: Sequence[Question], advance: Callable[[str], None], peer: "Encoder | None"
) -> list[_Measured]:
    from kb.match.features import measure_features
    from kb.match.query import make_query

    library = matcher.library
    known = [case.id for case in matcher.cases]
    dense = _DensePeer(matcher, peer)
    measured: list[_Measured] = []
    for question in questions:
        places = [known.index(label) for label in question.labels if label in known]
        query = make_query(question.query)
        features = measure_features(library, query)
        peers = {
            name: Answer(_rank(scores, places), float(scores.max()))
            for name, scores in dense.search(question.query).items()
        }
        verdict = matcher.diagnose_query(query, 1).verdict
        family = known[places[0]].partition("-")[0] if places else ""
        measured.append(_Measured(question, places, family, query, features, verdict, peers))
        advance("queries")
    return measured


class _DensePeer:
    """Plain searches of the same passages: the best passage of a case is the case's score."""

    def __init__(self, matcher: "Matcher", encoder: "Encoder | None") -> None:
        library = matcher.library
        self._library = library
        self._encoder = encoder or library.encoder
        self._inside = library.owners < library.inside
        self._owners = library.owners[self._inside]
        texts = [passage.text for passage, inside in zip(library.passages, self._inside, strict=True) if inside]
        self._vectors = self._encoder.encode(texts) if encoder else library.index.vectors[self._inside]

    def search(self, text: str) -> dict[str, Scores]:
        from kb.words import tokenise

        words = self._library.index.words.score(tokenise(text))
        dense = np.asarray(self._vectors @ self._encoder.encode([text])[0], dtype=np.float64)
        both = [self._best(words[self._inside]), self._best(dense)]
        fused = np.sum([1 / (RANK_OFFSET + np.argsort(np.argsort(-scores))) for scores in both], axis=0)
        return {"BM25": both[0], self._encoder.name: both[1], f"BM25 and {self._encoder.name}, by rank": fused}

    def _best(self, scores: Scores) -> Scores:
        best = np.full(self._library.inside, -np.inf)
        np.maximum.at(best, self._owners, scores)
        return best


def _answer(one: _Measured, inside: int, weights: "Weights") -> Answer:
    from kb.match.fusion import describe_fit, fuse, share_cases, weigh_none

    fused = fuse(one.query, one.features, inside, weights)
    none = weigh_none(describe_fit(one.query, one.features, fused, inside), weights)
    shares = np.asarray(share_cases(fused, inside, none))
    return Answer(_rank(fused[:inside], one.places), 1 - none, float(shares.max()))


def _take_out(one: _Measured) -> _Measured:
    """The same question in a library that lacks its cases."""
    return replace(
        one, places=(), features={name: np.delete(scores, one.places) for name, scores in one.features.items()}
    )


def _rank(scores: Scores, places: Sequence[int]) -> int:
    order = np.argsort(-scores, kind="stable").tolist()
    return min((order.index(place) + 1 for place in places), default=0)


# ---- sum up ----------------------------------------------------------------------------------


def _group(
    measured: Sequence[_Measured], answers: Sequence[Answer], key: Callable[[_Measured], str]
) -> list[MatchScore]:
    groups: dict[str, list[Answer]] = {}
    for one, answer in zip(measured, answers, strict=True):
        if key(one):
            groups.setdefault(key(one), []).append(answer)
    return [_summarise(name, groups[name]) for name in sorted(groups) if any(answer.rank for answer in groups[name])]


def _count_verdicts(measured: Iterable[_Measured]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {"in scope": {}, "none of these": {}, "healthy": {}}
    for one in measured:
        group = counts["in scope" if one.places else "healthy" if one.question.healthy else "none of these"]
        group[one.verdict.value] = group.get(one.verdict.value, 0) + 1
    return counts


def _summarise(name: str, answers: Sequence[Answer]) -> MatchScore:
    ranks = np.array([answer.rank for answer in answers])
    confidence = np.array([answer.confidence for answer in answers])
    values = _count(ranks, confidence)
    rng = np.random.default_rng(0)
    samples = [_count(ranks[draw], confidence[draw]) for draw in rng.integers(0, len(ranks), (RESAMPLES, len(ranks)))]
    intervals = {}
    for key in values:
        drawn = np.array([sample[key] for sample in samples])
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn):
            low, high = np.quantile(drawn, [0.025, 0.975])
            intervals[key] = (float(low), float(high))
    return MatchScore(name, int(np.sum(ranks > 0)), **values, intervals=intervals)


def _count(ranks: NDArray[np.int64], confidence: Scores) -> dict[str, float]:
    found = ranks[ranks > 0]
    top = {f"top{limit}": float(np.mean(found <= limit)) if len(found) else float("nan") for limit in (1, 3, 5)}
    mrr = float(np.mean(1 / found)) if len(found) else float("nan")
    return top | {"mrr": mrr, "auroc": measure_auroc(confidence[ranks > 0], confidence[ranks == 0])}


def measure_auroc(positive: Scores, negative: Scores) -> float:
    """Share of pairs in which the positive scores higher; ties count half, nan without a pair."""
    if not len(positive) or not len(negative):
        return float("nan")
    ranks = np.searchsorted(np.sort(negative), positive, "left") + np.searchsorted(np.sort(negative), positive, "right")
    return float(ranks.mean() / 2 / len(negative))


def measure_calibration(said: Sequence[float], true: Sequence[bool]) -> float:
    """Expected calibration error: how far what was said lies from what came true, in bins of equal width.

    Guo et al., On Calibration of Modern Neural Networks, 2017; nan without an answer.
    """
    if not said:
        return float("nan")
    shares, right = np.asarray(said), np.asarray(true, dtype=float)
    bins = np.minimum((shares * BINS).astype(int), BINS - 1)
    gaps = [abs(shares[bins == number].sum() - right[bins == number].sum()) for number in range(BINS)]
    return float(np.sum(gaps) / len(shares))


def expect_calibration(said: Sequence[float], seed: int = 0) -> float:
    """Mean calibration error if what is said comes true exactly as often: bins of a few questions differ by chance."""
    shares, rng = np.asarray(said), np.random.default_rng(seed)
    drawn = (rng.random((RESAMPLES, len(shares))) < shares).tolist()
    return float(np.mean([measure_calibration(said, true) for true in drawn])) if said else float("nan")

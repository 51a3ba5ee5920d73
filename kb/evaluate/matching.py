"""How often the right case comes first, on queries whose answer is known, beside simpler ways of searching.

A file of queries is JSON Lines: `query` is a paste, `labels` the ids of the cases that are right, best first. A query
whose labels are none of the cases at hand counts as "none of these".
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kb.errors import LogError

if TYPE_CHECKING:
    from kb.match.matcher import Matcher


@dataclass(frozen=True)
class Question:
    """A query and its right answers."""

    query: str
    labels: Sequence[str]


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

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
            questions.append(Question(str(row["query"]), tuple(map(str, row["labels"]))))
        except (ValueError, KeyError, TypeError) as error:
            raise LogError(f"{path}, line {number}: wants a JSON object with query and labels: {error}") from None
    return questions


def score_questions(
    matcher: "Matcher", questions: Sequence[Question], advance: Callable[[str], None] = lambda _: None
) -> list[MatchScore]:
    """The matcher, and on the same texts BM25, the encoder alone, and the rank fusion of both."""
    ways = ("this project", "BM25", "encoder", "BM25 and encoder, by rank")
    ranks: dict[str, list[int]] = {way: [] for way in ways}
    best: dict[str, list[float]] = {way: [] for way in ways}
    known = [case.id for case in matcher.cases]
    exists: list[bool] = []
    for question in questions:
        labels = [known.index(label) for label in question.labels if label in known]
        exists.append(bool(labels))
        for way, (scores, confidence) in _search(matcher, question.query).items():
            best[way].append(confidence)
            if labels:
                order = np.argsort(-scores, kind="stable").tolist()
                ranks[way].append(min(order.index(label) for label in labels) + 1)
        advance("queries")
    return [_summarise(way, np.array(ranks[way]), np.array(best[way]), np.array(exists)) for way in ways]


def _search(matcher: "Matcher", text: str) -> dict[str, tuple["np.ndarray[Any, Any]", float]]:
    library = matcher.library
    diagnosis = matcher.diagnose(text, len(matcher.cases))
    place = {case.id: n for n, case in enumerate(matcher.cases)}
    own = np.zeros(len(matcher.cases))
    for match in diagnosis.matches:
        own[place[match.case_id]] = match.probability
    inside = library.owners < library.inside
    owners = library.owners[inside]
    from kb.match.features import tokenise

    words = np.asarray(library.words.get_scores(tokenise(text) or ["nothing"]), dtype=np.float64)[inside]
    dense = np.asarray(library.vectors @ library.encoder.encode([text])[0], dtype=np.float64)[inside]
    bm25, encoder = (
        np.array([scores[owners == case].max() for case in range(library.inside)]) for scores in (words, dense)
    )
    fused = sum(1 / (60 + np.argsort(np.argsort(-scores))) for scores in (bm25, encoder))
    return {
        "this project": (own, 1 - diagnosis.none),
        "BM25": (bm25, float(bm25.max())),
        "encoder": (encoder, float(encoder.max())),
        "BM25 and encoder, by rank": (np.asarray(fused), float(np.max(fused))),
    }


def _summarise(
    name: str, ranks: "np.ndarray[Any, Any]", best: "np.ndarray[Any, Any]", exists: "np.ndarray[Any, Any]"
) -> MatchScore:
    top1, top3, top5 = (float(np.mean(ranks <= limit)) if len(ranks) else float("nan") for limit in (1, 3, 5))
    mrr = float(np.mean(1 / ranks)) if len(ranks) else float("nan")
    return MatchScore(name, len(ranks), top1, top3, top5, mrr, measure_auroc(best[exists], best[~exists]))


def measure_auroc(positive: "np.ndarray[Any, Any]", negative: "np.ndarray[Any, Any]") -> float:
    """Share of pairs in which the positive scores higher; ties count half, nan without a pair."""
    if not len(positive) or not len(negative):
        return float("nan")
    above = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    return float(above)

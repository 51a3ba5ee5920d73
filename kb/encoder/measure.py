"""How often an encoder alone brings the right case first: the case of the nearest passage wins."""

import json
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb.encoder.encode import Vectors
from kb.encoder.pairs import CaseTexts, restyle_log, wrap_error
from kb.errors import EncoderError

Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Query:
    """A text with its right answers."""

    text: str
    labels: Collection[str]
    hidden: str = ""
    """The passage that the query was made from, which does not count."""


@dataclass(frozen=True)
class Hits:
    """How many queries found a right case first, and among the first three."""

    count: int = 0
    first: int = 0
    among_three: int = 0

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(self.count + other.count, self.first + other.first, self.among_three + other.among_three)

    @property
    def at_1(self) -> float:
        return self.first / max(self.count, 1)

    @property
    def at_3(self) -> float:
        return self.among_three / max(self.count, 1)

    def __str__(self) -> str:
        return f"hit@1 {self.at_1:.3f}  hit@3 {self.at_3:.3f}  of {self.count}"


def measure_hits(encode: Encode, library: Sequence[CaseTexts], queries: Sequence[Query]) -> Hits:
    """Rank the cases for each query by the greatest inner product over a case's passages."""
    if not queries:
        return Hits()
    passages = [passage for texts in library for passage in texts.passages]
    starts = np.cumsum([0, *(len(texts.passages) for texts in library)])[:-1]
    ids = [texts.case_id for texts in library]
    scores = encode([query.text for query in queries]) @ encode(passages).T
    for row, query in enumerate(queries):
        if query.hidden:
            scores[row, [place for place, passage in enumerate(passages) if passage == query.hidden]] = -1.0
    order = np.argsort(-np.maximum.reduceat(scores, starts, axis=1), axis=1, kind="stable")
    hits = Hits()
    for query, ranked in zip(queries, order, strict=True):
        place = next(place for place, column in enumerate(ranked) if ids[column] in query.labels)
        hits += Hits(1, int(place < 1), int(place < 3))
    return hits


def make_queries(texts: CaseTexts, seed: int = 0) -> list[Query]:
    """Queries of one case: each symptom against the case's other passages, its log and its error printed otherwise."""
    rng = random.Random(f"{seed} {texts.case_id}")
    queries = [Query(symptom, [texts.case_id], hidden=symptom) for symptom in texts.symptoms]
    if texts.log.series:
        queries.append(Query(restyle_log(texts.log, rng), [texts.case_id]))
    if texts.error:
        queries.append(Query(wrap_error(texts.error, rng), [texts.case_id]))
    return queries


def load_posts(path: Path, known: Iterable[str]) -> list[Query]:
    """The posts of a JSON Lines file (`query`, `labels`) whose right answer is one of the cases that exist.

    Raises:
        EncoderError: the file cannot be read, or has not the form.

    """
    ids = set(known)
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        posts = [Query(str(row["query"]), ids & set(row["labels"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: is no file of posts, JSON Lines with query and labels: {error!r}") from None
    return [post for post in posts if post.labels]

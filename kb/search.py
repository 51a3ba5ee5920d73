"""Which passages are near in meaning: inner products of unit vectors, exact or approximate by their number.

Up to `EXACT` passages it is one matrix product, which gives what FAISS's flat index gives in a third of its time
(`tests/bench/bench_search.py`) and needs nothing loaded. Past it, cells of near vectors with a byte a component
(FAISS's inverted file with scalar quantisation), as its guide to choosing an index has it: a quarter of the memory, and
only the nearest cells are looked at. An index is always made from the vectors in memory: FAISS's own files are never
read, since they are not safe to take from others.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.encoder import Vectors

EXACT = 100_000
"""Largest number of passages that is searched exactly."""
NEAREST = 512
"""Passages that FAISS is asked for; the others count as far as the last of them."""
SAMPLE_PER_CELL = 40
"""Vectors a cell on which the cells are trained; FAISS warns below 39."""
SHARE_OF_CELLS = 16
"""One cell in so many is looked at."""


class PassageSearch(ABC):
    """Scores of all passages against some texts."""

    @abstractmethod
    def score(self, queries: Vectors) -> NDArray[np.float32]:
        """Inner products, (passages, queries); `queries` is (queries, dimension) of unit length."""


class ProductSearch(PassageSearch):
    """Exact, by one matrix product."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def score(self, queries: Vectors) -> NDArray[np.float32]:
        return self._vectors @ queries.T


class CellSearch(PassageSearch):
    """By FAISS's cells, for the `NEAREST` passages of each query."""

    def __init__(self, vectors: Vectors) -> None:
        self._index = make_cells(vectors)

    def score(self, queries: Vectors) -> NDArray[np.float32]:
        count = self._index.ntotal
        scores, places = self._index.search(np.ascontiguousarray(queries), min(NEAREST, count))
        table = np.empty((count, len(queries)), dtype=np.float32)
        for column, (found, at) in enumerate(zip(scores, places, strict=True)):
            hit = at >= 0
            table[:, column] = found[hit].min() if hit.any() else 0.0
            table[at[hit], column] = found[hit]
        return table


def make_search(vectors: Vectors) -> PassageSearch:
    """The search that suits the number of vectors, (passages, dimension) of unit length."""
    return ProductSearch(vectors) if len(vectors) <= EXACT else CellSearch(vectors)


def make_cells(vectors: Vectors, seed: int = 0) -> Any:
    """FAISS's inverted file with one byte a component; trained on a sample."""
    import faiss

    count, dimension = vectors.shape
    cells = max(1, round(4 * math.sqrt(count)))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    sample = np.random.default_rng(seed).permutation(count)[: cells * SAMPLE_PER_CELL]
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    index.add(vectors)
    index.nprobe = max(8, cells // SHARE_OF_CELLS)
    return index

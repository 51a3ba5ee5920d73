"""Measure search by meaning at many passages: time to build, time a query, memory, and what the cells miss.

    python tests/bench/bench_search.py [--passages N] [--queries N]

The vectors lie around topics, as those of texts do. All ways search the same vectors in the same run.
"""

import argparse
import resource
import time
from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

from kb.encoder import Vectors
from kb.search import CellSearch, PassageSearch, ProductSearch

DIMENSION, TOPICS = 384, 2_000


class FlatSearch(PassageSearch):
    """FAISS's exact index."""

    def __init__(self, vectors: Vectors) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def score(self, queries: Vectors) -> NDArray[np.float32]:
        scores, places = self._index.search(queries, 512)
        table = np.zeros((self._index.ntotal, len(queries)), dtype=np.float32)
        np.put_along_axis(table, places.T, scores.T, axis=0)
        return table


def make_vectors(count: int, seed: int) -> Vectors:
    """Unit vectors, (count, dimension), made in portions so that nothing of double precision lies around."""
    centres = np.random.default_rng(0).normal(size=(TOPICS, DIMENSION)).astype(np.float32)
    rng = np.random.default_rng(seed)
    vectors = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, 10_000):
        part = vectors[start : start + 10_000]
        part[:] = centres[rng.integers(TOPICS, size=len(part))]
        part += 0.6 * rng.normal(size=part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def main() -> None:
    """Build each way, search with each, and compare what they find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    vectors, queries = make_vectors(options.passages, 1), make_vectors(options.queries, 2)
    best: dict[str, list[set[int]]] = {}
    ways: dict[str, Callable[[], PassageSearch]] = {
        "product": lambda: ProductSearch(vectors),
        "flat": lambda: FlatSearch(vectors),
        "cells": lambda: CellSearch(vectors),
    }
    print(f"{options.passages:,} passages of {DIMENSION} numbers, {options.queries} queries")
    for name, make in ways.items():
        start = time.perf_counter()
        found = make()
        built = time.perf_counter() - start
        times, best[name] = [], []
        for query in queries:
            start = time.perf_counter()
            scores = found.score(query[None])[:, 0]
            times.append(time.perf_counter() - start)
            best[name].append(set(np.argpartition(-scores, 4)[:4].tolist()))
        same = np.mean([len(one & other) / 4 for one, other in zip(best[name], best["product"], strict=True)])
        print(
            f"{name:8} built in {built:6.2f} s   a query: median {1e3 * float(np.median(times)):6.2f} ms, "
            f"worst {1e3 * max(times):6.2f} ms   best four shared with the exact search: {same:.3f}"
        )
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()

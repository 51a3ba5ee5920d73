"""Search by meaning: the three ways agree where they must, and the number of passages chooses between them."""

import faiss
import numpy as np
import pytest

from kb import search
from kb.encoder import Vectors
from kb.search import CellSearch, ProductSearch, make_search

DIMENSION = 32


def make_vectors(count: int, topics: int = 40, seed: int = 0) -> Vectors:
    """Unit vectors around topics, as those of texts are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(topics, DIMENSION))
    vectors = centres[rng.integers(topics, size=count)] + 0.5 * rng.normal(size=(count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_product_gives_what_the_flat_index_of_faiss_gives() -> None:
    vectors, queries = make_vectors(3_000), make_vectors(5, seed=1)
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(vectors)
    scores, places = index.search(queries, 20)
    found = ProductSearch(vectors).score(queries)
    for column in range(len(queries)):
        assert np.argsort(-found[:, column])[:20].tolist() == places[column].tolist()
        assert found[places[column], column] == pytest.approx(scores[column], abs=1e-5)


def test_cells_find_nearly_all_of_the_nearest() -> None:
    vectors, queries = make_vectors(8_000), make_vectors(20, seed=1)
    exact = ProductSearch(vectors).score(queries)
    found = CellSearch(vectors).score(queries)
    hits = [
        len(set(np.argsort(-exact[:, column])[:4]) & set(np.argsort(-found[:, column])[:8]))
        for column in range(len(queries))
    ]
    assert np.mean(hits) >= 3.6
    assert np.abs(found.max(0) - exact.max(0)).max() < 0.03


@pytest.mark.parametrize(("count", "kind"), [(2_000, ProductSearch), (2_001, CellSearch)])
def test_number_of_passages_chooses(monkeypatch: pytest.MonkeyPatch, count: int, kind: type) -> None:
    monkeypatch.setattr(search, "EXACT", 2_000)
    made = make_search(make_vectors(count))
    assert type(made) is kind
    assert made.score(make_vectors(2, seed=3)).shape == (count, 2)

"""Training pairs: whole texts, of the case that they say, the same for the same seed."""

import random
import re

import pytest

from kb.encoder.measure import Query, make_queries, measure_hits
from kb.encoder.pairs import CaseTexts, gather_texts, make_pair, restyle_log, shorten, wrap_error
from kb.read import read_text
from repro.collection import find_collection

LIBRARY = [gather_texts(case) for case in find_collection().load_all()]
EACH = pytest.mark.parametrize("texts", [pytest.param(texts, id=texts.case_id) for texts in LIBRARY])


@EACH
def test_every_case_gives_pairs(texts: CaseTexts) -> None:
    rng = random.Random(0)
    pairs = [make_pair(texts, rng) for _ in range(20)]
    assert all(pair.query.strip() and pair.passage.strip() for pair in pairs)
    assert all(pair.query != pair.passage for pair in pairs)
    assert len({pair.query for pair in pairs}) > 8
    again = random.Random(0)
    assert pairs == [make_pair(texts, again) for _ in range(20)]


@EACH
def test_prose_has_no_markup(texts: CaseTexts) -> None:
    for prose in (texts.seen, texts.wrong, texts.fix):
        assert prose
        assert "```" not in prose
        assert "](" not in prose


def test_a_log_in_another_style_tells_the_same() -> None:
    log = read_text("".join(f"epoch {n} train_loss {1 / n:.3f} val_loss 0.700\n" for n in range(1, 8)))
    for seed in range(20):
        rows = [line for line in restyle_log(log, random.Random(seed)).splitlines() if "0." in line]
        assert len(rows) == 7
        numbers = [set(re.findall(r"0\.\d+", line)) for line in rows]
        assert set.intersection(*numbers), "what stands still must go on standing still"


def test_an_error_keeps_its_class() -> None:
    for seed in range(10):
        last = wrap_error("RuntimeError: got 448 and 224", random.Random(seed)).splitlines()[-1]
        assert last.startswith("RuntimeError: got ")


def test_a_title_is_short() -> None:
    title = shorten("why does my network learn nothing at all when I switch mixed precision on?", random.Random(0))
    assert 2 <= len(title.split()) <= 6


def test_hits_count_the_nearest_case_and_leave_the_hidden_passage_out() -> None:
    words = {"a": 0, "b": 1, "c": 2}

    def encode(texts: object) -> object:
        import numpy as np

        return np.eye(4, dtype=np.float32)[[words.get(text, 3) for text in texts]]  # type: ignore[attr-defined]

    library = [CaseTexts(f"x-{name}", (name, "z"), "h", "", "", "", "", "") for name in "abc"]
    queries = [Query("a", ["x-a"]), Query("b", ["x-c"]), Query("c", ["x-c"], hidden="c")]
    hits = measure_hits(encode, library, queries)  # type: ignore[arg-type]
    assert (hits.count, hits.first, hits.among_three) == (3, 1, 3)


def test_queries_of_a_case_are_labelled_with_it() -> None:
    for texts in LIBRARY:
        queries = make_queries(texts)
        assert len(queries) >= len(texts.symptoms)
        assert {label for query in queries for label in query.labels} == {texts.case_id}

"""Fit the probability of "none of these" on queries whose answer is known, and write `kb/data/fusion.toml`.

    python -m kb.match.fit queries.jsonl [...]

A line of a file is a JSON object with `query` and `labels`: ids of the cases that are right; none of the cases at hand
means none of these. The weights of the kinds of evidence are kept as they are.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.encoder import load_encoder
from kb.match.features import make_library, measure_features
from kb.match.fusion import WEIGHTS, Weights, describe_fit, fuse, load_weights
from kb.match.query import make_query
from repro.collection import find_collection
from repro.files import write_whole

RIDGE = 5.0
"""Keeps the weights small: there are few queries."""


def fit_none(paths: Iterable[Path], weights: Weights) -> Weights:
    """The same weights with those of `none` fitted by ridge-regularised logistic regression."""
    cases = find_collection().load_all()
    library = make_library(cases, load_encoder("shipped"))
    known = set(library.case_ids[: library.inside])
    rows: list[dict[str, float]] = []
    answers: list[float] = []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            asked = json.loads(line)
            query = make_query(asked["query"])
            features = measure_features(library, query)
            fused = fuse(features, library.inside, weights)
            rows.append(describe_fit(query, features, fused, library.inside, weights))
            answers.append(float(known.isdisjoint(asked["labels"])))
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    centre, scale = table.mean(0), table.std(0) + 1e-9
    fitted = _regress((table - centre) / scale, np.array(answers))
    return Weights(
        weights.meaning, weights.words, weights.error, weights.signs, weights.temperature,
        none=dict(zip([*names, "bias"], fitted.tolist(), strict=True)),
        centre=dict(zip(names, centre.tolist(), strict=True)),
        scale=dict(zip(names, scale.tolist(), strict=True)),
    )  # fmt: skip


def _regress(table: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newton's method; the bias, which comes last, is not kept small."""
    table = np.c_[table, np.ones(len(table))]
    weights = np.zeros(table.shape[1])
    penalty = RIDGE * np.r_[np.ones(len(weights) - 1), 0.0]
    for _ in range(50):
        chance = 1 / (1 + np.exp(-table @ weights))
        gradient = table.T @ (chance - answers) + penalty * weights
        curvature = (table * (chance * (1 - chance))[:, None]).T @ table + np.diag(penalty + 1e-6)
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def write_weights(weights: Weights, path: Path = WEIGHTS) -> None:
    """Write the numbers so that a person can read them."""
    kinds = {name: getattr(weights, name) for name in ("meaning", "words", "error", "signs", "temperature")}
    tables = {"kinds": kinds, "none": weights.none, "centre": weights.centre, "scale": weights.scale}
    text = "# How kinds of evidence are weighed. `none` is fitted by kb.match.fit; `kinds` was chosen by hand.\n"
    for name, table in tables.items():
        text += f"\n[{name}]\n" + "".join(f"{key} = {value:.4g}\n" for key, value in table.items())
    write_whole(path, text)


if __name__ == "__main__":
    write_weights(fit_none([Path(name) for name in sys.argv[1:]], load_weights()))

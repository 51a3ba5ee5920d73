"""Fit the numbers of the fusion on queries whose answer is known, and write `kb/data/fusion.toml`.

    python -m kb.match.fit queries.jsonl [...]

A line of a file is a JSON object with `query` and `labels`: ids of the cases that are right; none of the cases at hand
means none of these. Each query whose case exists is taken a second time with its cases left out of the library: then
none is right. What is printed and written beside the numbers was measured by cross-validation in which the cases of a
fold are unknown to the fit.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from kb.encoder import load_encoder
from kb.evaluate.matching import load_questions, measure_auroc, measure_calibration
from kb.match.features import Library, Scores, make_library, measure_features
from kb.match.fusion import (
    KINDS,
    WEIGHTS,
    Weights,
    describe_fit,
    fuse,
    share_cases,
    stack_evidence,
    trust_words,
    weigh_none,
)
from kb.match.query import Query, make_query
from repro.collection import find_collection
from repro.files import write_whole

START = (0.5, 1.2, 1.0, 0.5, 0.2, 2.0, 0.3)
"""Of the search for the weights of the kinds, and of `vague`."""
NEAR_START = 0.002
RIDGE = 3.0
"""Keeps the weights of none small: there are few queries."""
LEFT_OUT = 0.35
"""Weight of a query whose cases were left out, against one as it is."""
FOLDS = 5
NONE_SHARE = 0.2
"""Share of what people paste that no case fits, about as on posts from outside; the bias is set to it."""
ANSWERED_BEFORE = 0.6
"""Weight of `told`, which no file of queries has: what a person answers speaks for a case being there."""


@dataclass(frozen=True)
class Example:
    """A query with its evidence; without `places` none of the cases is right."""

    query: Query
    features: Mapping[str, Scores]
    places: Sequence[int]
    inside: int
    weight: float
    group: str
    """The first label: no fold shares it with another."""

    def without_cases(self) -> "Example":
        """The same in a library that lacks its cases."""
        features = {name: np.delete(scores, self.places) for name, scores in self.features.items()}
        inside = self.inside - len(self.places)
        return replace(self, features=features, places=(), inside=inside, weight=LEFT_OUT)


def gather_examples(library: Library, paths: Iterable[Path]) -> list[Example]:
    """The queries of the files, and those that have cases once more without them."""
    known = list(library.case_ids[: library.inside])
    examples: list[Example] = []
    for path in paths:
        for asked in load_questions(path):
            query = make_query(asked.query)
            places = [known.index(label) for label in asked.labels if label in known]
            group = asked.labels[0] if asked.labels else asked.query[:40]
            one = Example(query, measure_features(library, query), places, library.inside, 1.0, group)
            examples += [one, one.without_cases()] if places else [one]
    return examples


def fit_weights(examples: Sequence[Example]) -> Weights:
    """First the kinds, by the likelihood of the right case; then none, given the kinds."""
    *kinds, vague = fit_kinds([one for one in examples if one.places])
    start = Weights(dict(zip(KINDS, kinds, strict=True)), vague, none={}, centre={}, scale={})
    return fit_none(examples, start)


def fit_kinds(examples: Sequence[Example]) -> list[float]:
    """The weights of the kinds and of vagueness, by maximum likelihood near `START`."""
    tables = [
        np.stack([stack_evidence(one.features, one.inside)[kind][: one.inside] for kind in KINDS], 1)
        for one in examples
    ]
    words = [len(one.query.text.split()) for one in examples]

    def lose(weights: NDArray[np.float64]) -> float:
        total = 0.0
        for one, table, count in zip(examples, tables, words, strict=True):
            scores = trust_words(count, float(weights[-1])) * (table @ weights[:-1])
            share = np.exp(scores - scores.max())
            total -= float(np.log(share[list(one.places)].sum() / share.sum() + 1e-9))
        return total / len(examples) + NEAR_START * float(np.sum((weights - np.array(START)) ** 2))

    found = minimize(lose, np.array(START), method="L-BFGS-B", bounds=[(0.0, None)] * len(START))
    return [float(value) for value in found.x]


def fit_none(examples: Sequence[Example], weights: Weights) -> Weights:
    """The same weights with those of none fitted by ridge-regularised logistic regression."""
    rows = [_describe(one, weights) for one in examples]
    names = [name for name in rows[0] if name != "told"]
    table = np.array([[row[name] for name in names] for row in rows])
    centre, scale = table.mean(0), table.std(0) + 1e-9
    answers = np.array([float(not one.places) for one in examples])
    fitted = _regress((table - centre) / scale, answers, np.array([one.weight for one in examples]))
    fitted[-1] = _set_bias((table - centre) / scale @ fitted[:-1], answers, np.array([one.weight for one in examples]))
    return replace(
        weights,
        none=dict(zip([*names, "bias"], fitted.tolist(), strict=True)) | {"told": -ANSWERED_BEFORE},
        centre=dict(zip(names, centre.tolist(), strict=True)) | {"told": 0.0},
        scale=dict(zip(names, scale.tolist(), strict=True)) | {"told": 1.0},
    )


def _describe(one: Example, weights: Weights) -> dict[str, float]:
    return describe_fit(one.query, one.features, fuse(one.query, one.features, one.inside, weights), one.inside)


def _regress(
    table: NDArray[np.float64], answers: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton's method; the bias, which comes last, is not kept small."""
    table = np.c_[table, np.ones(len(table))]
    weights = np.zeros(table.shape[1])
    penalty = RIDGE * np.r_[np.ones(len(weights) - 1), 0.0]
    for _ in range(50):
        chance = 1 / (1 + np.exp(-table @ weights))
        gradient = table.T @ (counts * (chance - answers)) + penalty * weights
        curvature = (table * (counts * chance * (1 - chance))[:, None]).T @ table + np.diag(penalty + 1e-6)
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def _set_bias(totals: Scores, answers: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The bias at which, among queries as they are, `NONE_SHARE` of the probability goes to none."""
    natural = counts == 1.0
    share = answers[natural].mean()
    weights = np.where(answers[natural] > 0, NONE_SHARE / share, (1 - NONE_SHARE) / (1 - share))
    low, high = -20.0, 20.0
    for _ in range(60):
        bias = (low + high) / 2
        told = float(np.average(1 / (1 + np.exp(-totals[natural] - bias)), weights=weights))
        low, high = (low, bias) if told > NONE_SHARE else (bias, high)
    return low


def cross_validate(examples: Sequence[Example]) -> dict[str, float]:
    """What the fit gives on cases that it has not seen."""
    groups = sorted({one.group for one in examples})
    fold_of = {group: number % FOLDS for number, group in enumerate(np.random.default_rng(0).permutation(groups))}
    firsts: list[float] = []
    right: list[bool] = []
    present: list[float] = []
    absent: list[float] = []
    left_out: list[float] = []
    for fold in range(FOLDS):
        weights = fit_weights([one for one in examples if fold_of[one.group] != fold])
        for one in (one for one in examples if fold_of[one.group] == fold):
            fused = fuse(one.query, one.features, one.inside, weights)
            none = weigh_none(describe_fit(one.query, one.features, fused, one.inside), weights)
            if one.weight == LEFT_OUT:
                left_out.append(1 - none)
                continue
            shares = np.asarray(share_cases(fused, one.inside, none))
            firsts.append(float(shares.max()))
            right.append(int(shares.argmax()) in one.places)
            (present if one.places else absent).append(1 - none)
    return {
        "top1": float(np.sum(right)) / max(len(present), 1),
        "auroc_none": measure_auroc(np.array(present), np.array(absent)),
        "auroc_left_out": measure_auroc(np.array(present), np.array(left_out)),
        "calibration": measure_calibration(firsts, right),
    }


def write_weights(weights: Weights, crossed: Mapping[str, float], path: Path = WEIGHTS) -> None:
    """Write the numbers so that a person can read them, and what cross-validation gave."""
    tables = {"kinds": weights.kinds, "none": weights.none, "centre": weights.centre, "scale": weights.scale}
    tables["cross_validation"] = crossed
    text = f"# How kinds of evidence are weighed, fitted by kb.match.fit.\n\nvague = {weights.vague:.4g}\n"
    for name, table in tables.items():
        text += f"\n[{name}]\n" + "".join(f"{key} = {value:.4g}\n" for key, value in table.items())
    write_whole(path, text)


def main() -> None:
    """Fit on the files that are named, print what cross-validation gives, and write."""
    library = make_library(find_collection().load_all(), load_encoder("shipped"))
    examples = gather_examples(library, [Path(name) for name in sys.argv[1:]])
    crossed = cross_validate(examples)
    print(json.dumps(crossed))
    write_weights(fit_weights(examples), crossed)


if __name__ == "__main__":
    main()

"""How the kinds of evidence are weighed: a few readable numbers, and the probability of none of the cases.

The weights of the kinds were chosen by hand on queries from outside; those of `none` are fitted by `kb.match.fit`,
which writes `kb/data/fusion.toml`.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from kb.match.features import ERROR_KNOWN, Scores
from kb.match.query import Query
from kb.signs import Answer

WEIGHTS = Path(__file__).parents[1] / "data" / "fusion.toml"


@dataclass(frozen=True)
class Weights:
    """The numbers of the fusion."""

    meaning: float
    words: float
    error: float
    signs: float
    temperature: float
    none: Mapping[str, float]
    """By name of the feature, and `bias`; each feature is centred and scaled first."""
    centre: Mapping[str, float]
    scale: Mapping[str, float]


@cache
def load_weights(path: Path = WEIGHTS) -> Weights:
    """The numbers as they are kept."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Weights(**data["kinds"], none=data["none"], centre=data["centre"], scale=data["scale"])


def fuse(features: Mapping[str, Scores], inside: int, weights: Weights) -> Scores:
    """One score for each case and each thing outside, in nats times the temperature."""
    signs = features["signs"].copy()
    signs[inside:] = 0.0
    return (
        weights.meaning * _standardise(features["meaning"])
        + weights.words * _standardise(features["words"])
        + weights.error * features["error"]
        + weights.signs * signs
        + weights.temperature * features["told"]
    )


def _standardise(scores: Scores) -> Scores:
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)


def describe_fit(
    query: Query, features: Mapping[str, Scores], fused: Scores, inside: int, weights: Weights
) -> dict[str, float]:
    """What tells whether any case fits at all."""
    share = np.exp((fused - fused.max()) / weights.temperature)
    within = float(share[:inside].sum() / share.sum())
    top = int(np.argmax(fused[:inside]))
    known = float(features["error"][:inside].max())
    healthy = query.findings["healthy-curves"].answer is Answer.SEEN and len(query.seen) < 4
    return {
        "within": math.log((within + 1e-3) / (1 - within + 1e-3)),
        "meaning": float(features["meaning"][top]),
        "words": float(features["words"][top]),
        "error": known,
        "unknown_error": float(bool(query.error) and known < ERROR_KNOWN),
        "healthy": float(healthy),
        "signs": float(features["signs"][top]),
    }


def weigh_none(fit: Mapping[str, float], weights: Weights) -> float:
    """Probability that it is none of the cases."""
    total = weights.none["bias"]
    for name, value in fit.items():
        total += weights.none[name] * (value - weights.centre[name]) / weights.scale[name]
    return 1 / (1 + math.exp(min(max(-total, -50), 50)))


def share_cases(fused: Scores, inside: int, none: float, weights: Weights) -> Sequence[float]:
    """Probability of each case; with `none` they add up to 1."""
    share = np.exp((fused[:inside] - fused[:inside].max()) / weights.temperature)
    return [float(value) for value in (1 - none) * share / share.sum()]

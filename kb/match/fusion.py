"""How the kinds of evidence are weighed: a few readable numbers, and the probability of none of the cases.

All numbers are fitted by `kb.match.fit`, which writes `kb/data/fusion.toml`.
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

COMPARED = ("meaning", "whole", "voices", "words")
"""Kinds whose numbers say something only beside those of the other cases."""
KINDS = (*COMPARED, "signs", "code")
"""Evidence that is added up for a case. A known error message is not among them: its words and its meaning say as much
already; it tells whether any case fits at all."""
WEIGHTS = Path(__file__).parents[1] / "data" / "fusion.toml"
FEW_WORDS = 12.0
"""Words at which a paste has said about as much as it takes to trust its ranking in full."""


@dataclass(frozen=True)
class Weights:
    """The numbers of the fusion."""

    kinds: Mapping[str, float]
    """By kind of evidence."""
    vague: float
    """How much less the evidence counts in a paste of a few words."""
    none: Mapping[str, float]
    """By name of the feature, and `bias`; each feature is centred and scaled first."""
    centre: Mapping[str, float]
    scale: Mapping[str, float]


@cache
def load_weights(path: Path = WEIGHTS) -> Weights:
    """The numbers as they are kept."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Weights(**{name: data[name] for name in Weights.__dataclass_fields__})


def stack_evidence(features: Mapping[str, Scores], inside: int) -> dict[str, Scores]:
    """The evidence in the units in which it is weighed, for each case and each thing outside."""
    signs = features["signs"].copy()
    signs[inside:] = 0.0
    compared = {kind: _standardise(features[kind]) for kind in COMPARED}
    return compared | {"signs": signs, "code": features["code"]}


def _standardise(scores: Scores) -> Scores:
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)


def trust_words(count: int, vague: float) -> float:
    """How far the evidence of a paste of so many words is trusted, from 0 to 1."""
    return 1 / (1 + max(vague, 0.0) * math.exp(-count / FEW_WORDS))


def fuse(query: Query, features: Mapping[str, Scores], inside: int, weights: Weights) -> Scores:
    """One score for each case and each thing outside, in nats."""
    stacked = stack_evidence(features, inside)
    total = np.sum([weights.kinds[kind] * stacked[kind] for kind in stacked], axis=0)
    return np.asarray(trust_words(len(query.text.split()), weights.vague) * total + features["told"])


def describe_fit(query: Query, features: Mapping[str, Scores], fused: Scores, inside: int) -> dict[str, float]:
    """What tells whether any case fits at all."""
    share = np.exp(fused - fused.max())
    within = float(share[:inside].sum() / share.sum())
    cases = np.sort(share[:inside] / share[:inside].sum())[::-1]
    top = int(np.argmax(fused[:inside]))
    known = float(features["error"][:inside].max())
    healthy = query.findings["healthy-curves"].answer is Answer.SEEN and len(query.seen) < 4
    return {
        "within": math.log((within + 1e-3) / (1 - within + 1e-3)),
        "first": float(cases[0]),
        "margin": float(cases[0] - cases[1]) if len(cases) > 1 else 1.0,
        "meaning": float(features["meaning"][top]),
        "whole": float(features["whole"][top]),
        "voices": float(features["voices"][top]),
        "words": float(features["words"][top]),
        **{f"{kind}_deviation": float(_standardise(features[kind])[top]) for kind in COMPARED},
        "error": known,
        "unknown_error": float(bool(query.error) and known < ERROR_KNOWN),
        "healthy": float(healthy),
        "signs": float(features["signs"][top]),
        "code": float(features["code"][top]),
        "told": float(features["told"][top] - np.median(features["told"])),
    }


def weigh_none(fit: Mapping[str, float], weights: Weights) -> float:
    """Probability that it is none of the cases."""
    total = weights.none["bias"]
    for name, value in fit.items():
        total += weights.none[name] * (value - weights.centre[name]) / weights.scale[name]
    return 1 / (1 + math.exp(min(max(-total, -50), 50)))


def share_cases(fused: Scores, inside: int, none: float) -> Sequence[float]:
    """Probability of each case; with `none` they add up to 1."""
    share = np.exp(fused[:inside] - fused[:inside].max())
    return [float(value) for value in (1 - none) * share / share.sum()]

"""Two cases that look alike can be told apart: by a sign of their logs, or by the probe that both pages name."""

import pytest

from kb.evidence import CaseEvidence, load_evidence
from repro.case import Side
from repro.collection import find_collection
from repro.form import SECTIONS, split_sections

COLLECTION = find_collection()
TABLE = load_evidence()
APART = 0.8
"""Difference of the shares of runs that show a sign."""
PROBED = {
    ("ckpt-prefix-mismatch", "gait-dead-eval-import"),
    ("loop-no-step", "model-all-frozen"),
    ("model-rnn-batch-first", "model-softmax-dim"),
    ("sign-over-regularized", "sign-overcomplex-baseline"),
}
"""Pairs whose logs show the same: what tells them apart has to be asked of the program."""
PAIRS = sorted({tuple(sorted((case.id, other))) for case in COLLECTION.load_valid()[0] for other in case.lookalikes})


def share(evidence: CaseEvidence, sign: str) -> float:
    return evidence.count(Side.BUGGY, sign).seen / evidence.runs


def find_telling(first: str, second: str) -> list[str]:
    """Signs that nearly all runs of one show and hardly any of the other."""
    one, other = TABLE[first], TABLE[second]
    signs = {*one.signs[Side.BUGGY], *other.signs[Side.BUGGY]}
    return [sign for sign in signs if abs(share(one, sign) - share(other, sign)) >= APART]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["+".join(pair) for pair in PAIRS])
def test_pair_is_told_apart(first: str, second: str) -> None:
    telling = find_telling(first, second)
    assert bool(telling) is ((first, second) not in PROBED)
    for one, other in ((first, second), (second, first)):
        readme = COLLECTION.load(one).readme.read_text(encoding="utf-8")
        assert f"../{other}/README.md" in split_sections(readme)[SECTIONS[3]]

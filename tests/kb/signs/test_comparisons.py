"""Signs that compare two quantities: seen where the gap is, not where it is not, unknown without one of them."""

import pytest

from kb.read import read_text
from kb.signs import Answer, measure_signs

FALLING = [1.2, 0.8, 0.5, 0.4, 0.3, 0.25]


def log(style: str, *columns: list[float], tail: str = "") -> str:
    rows = zip(*columns, strict=True)
    return "\n".join(style.format(*row, n=n) for n, row in enumerate(rows, 1)) + "\n" + tail


VAL = log("epoch {n} loss {0} val_acc {1}", FALLING, [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
TWO_RUNS = (
    log("epoch {n} | loss {0:.4f}", FALLING)
    + "second run of the same command\n"
    + log("epoch {n} | loss {0:.4f}", [v * 1.3 for v in FALLING])
)
SCORES = [
    ("test-far-below-val", VAL + "test_acc 0.41", VAL + "test_acc 0.93"),
    (
        "averaged-weights-far-below",
        log("epoch {n} loss {0} acc1 {1} ema_acc1 {2}", FALLING, [60.0, 65, 70, 72, 75, 76], [10.0, 11, 11, 12, 12, 13]),
        log("epoch {n} loss {0} acc1 {1} ema_acc1 {2}", FALLING, [60.0, 65, 70, 72, 75, 76], [50.0, 60, 66, 70, 75, 77]),
    ),
    (
        "score-high-while-loss-high",
        log("ep {n} loss {0} val_loss {1} val_acc {2}", [1.6] * 6, [1.9, 1.6, 1.5, 1.47, 1.47, 1.47], [0.8, 0.9, 0.97, 0.98, 0.98, 0.99]),
        log("ep {n} loss {0} val_loss {1} val_acc {2}", FALLING, [0.9, 0.6, 0.3, 0.1, 0.07, 0.05], [0.8, 0.9, 0.97, 0.98, 0.98, 0.99]),
    ),
    (
        "probabilities-half-to-731",
        log("ep={n} bce={0} prob_min={1} prob_max={2}", FALLING, [0.5] * 6, [0.731] * 6),
        log("ep={n} bce={0} prob_min={1} prob_max={2}", FALLING, [0.01] * 6, [0.99] * 6),
    ),
    (
        "units-dead",
        log("{n} loss {0} zeros_h1 {1}", [2.3] * 6, [0.2, 0.99, 1.0, 1.0, 1.0, 1.0]),
        log("{n} loss {0} zeros_h1 {1}", FALLING, [0.5, 0.52, 0.5, 0.51, 0.5, 0.5]),
    ),
    (
        "kl-vanishes",
        log("Epoch: {n} recon: {0} kl: {1}", [0.9, 0.8, 0.7, 0.7, 0.7, 0.7], [0.02, 0.01, 0.005, 0.002, 0.001, 0.001]),
        log("Epoch: {n} recon: {0} kl: {1}", [0.9, 0.8, 0.7, 0.7, 0.7, 0.7], [0.02, 0.1, 0.2, 0.3, 0.3, 0.3]),
    ),
    (
        "one-class-at-zero",
        log("[{n}/6] loss {0} | pole {1} road {2} car {3}", FALLING, [0.0] * 6, [0.1, 0.3, 0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.5, 0.6, 0.6, 0.7]),
        log("[{n}/6] loss {0} | pole {1} road {2} car {3}", FALLING, [0.1, 0.2, 0.3, 0.4, 0.4, 0.5], [0.1, 0.3, 0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.5, 0.6, 0.6, 0.7]),
    ),
    (
        "evaluation-not-repeatable",
        log("epoch {n}: loss {0} dev_acc_first {1} dev_acc_second {2}", FALLING, [0.7, 0.72, 0.8, 0.81, 0.8, 0.85], [0.71, 0.75, 0.77, 0.83, 0.79, 0.8]),
        log("epoch {n}: loss {0} dev_acc_first {1} dev_acc_second {1}", FALLING, [0.7, 0.72, 0.8, 0.81, 0.8, 0.85]),
    ),
    ("same-run-differs", TWO_RUNS, log("epoch {n} | loss {0:.4f}", FALLING)),
]  # fmt: skip


@pytest.mark.parametrize(("sign", "text", "other"), SCORES, ids=[row[0] for row in SCORES])
def test_seen_and_not_seen(sign: str, text: str, other: str) -> None:
    finding = measure_signs(read_text(text))[sign]
    assert finding.answer is Answer.SEEN
    assert finding.lines
    assert measure_signs(read_text(other))[sign].answer is Answer.NOT_SEEN


@pytest.mark.parametrize("sign", [row[0] for row in SCORES if row[0] != "same-run-differs"])
def test_unknown_without_the_quantities(sign: str) -> None:
    assert measure_signs(read_text(log("step {n} loss {0}", FALLING)))[sign].answer is Answer.UNKNOWN

"""Signs: each is seen on a log that has it, in a print style of its own, and not on healthy ones."""

import math
import random
from collections.abc import Sequence

import pytest

from kb.read import read_text
from kb.signs import Answer, list_signs, measure_signs


def epochs(style: str, **columns: Sequence[float]) -> str:
    """A log with a line an epoch; `style` has a place for each column and for `n`."""
    rows = zip(*columns.values(), strict=True)
    return "\n".join(style.format(n=n, **dict(zip(columns, row, strict=True))) for n, row in enumerate(rows, 1))


FALLING = [2.3 * math.exp(-n / 6) + 0.1 for n in range(20)]
NOISE = random.Random(0)
JITTER = [0.217 + NOISE.uniform(-0.002, 0.002) for _ in range(20)]
RISING_ACC = [0.9 - 0.8 * math.exp(-n / 5) for n in range(20)]
PLAIN = "epoch {n} loss {a:.4f}"
BOTH = "Epoch {n}/20 - loss: {a:.6f} - val_loss: {b:.6f}"
ACC = "{n:02d}: train_loss={a:.4f}, val_acc={b:.4f}"
DICT = "{{'loss': {a:.4f}, 'learning_rate': {b}, 'epoch': {n}}}"
GRAD = "step {n} | loss {a:.4f} | grad_norm {b:.3e}"

SEEN = [
    ("train-loss-identical", epochs(PLAIN, a=[1.0986] * 6)),
    ("train-loss-flat", epochs(PLAIN, a=JITTER)),
    ("train-loss-falls", epochs(PLAIN, a=FALLING)),
    ("train-loss-slow", epochs("epoch {n} loss {a:.6f}", a=[2.3 - 0.001 * n for n in range(15)])),
    ("train-loss-plateau", epochs(PLAIN, a=[4.0, 3.0, 2.5, 2.2] + [2.1] * 12)),
    ("train-loss-rises", epochs(PLAIN, a=[0.5 + 0.1 * n for n in range(10)])),
    ("train-loss-falls-then-rises", epochs(PLAIN, a=[1.0, 0.8, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1])),
    ("train-loss-diverges", epochs(PLAIN, a=[1.0, 2.0, 8.0, 90.0, 5000.0])),
    ("train-loss-spike", epochs(PLAIN, a=[1.0, 0.9, 0.85, 0.8, 6.5, 0.8, 0.78, 0.75])),
    ("train-loss-noisy", epochs(PLAIN, a=[1.0, 0.4, 1.2, 0.3, 1.1, 0.4, 0.9, 0.2, 1.0, 0.3])),
    ("train-loss-negative", epochs(PLAIN, a=[0.3, 0.1, -0.2, -0.4])),
    ("train-loss-ever-more-negative", epochs(PLAIN, a=[-1.0, -4.0, -20.0, -80.0, -300.0])),
    ("train-loss-zero", epochs(PLAIN, a=[0.0] * 5)),
    ("train-loss-huge-at-start", epochs(PLAIN, a=[812.4, 40.1, 3.2, 0.71, 0.70, 0.69, 0.69, 0.69])),
    ("train-loss-collapses-early", epochs(PLAIN, a=[2.5, 0.02, 0.003, 0.002, 0.001, 0.001])),
    ("loss-at-ln2", epochs("[{n}/12] bce {a:.4f}", a=[0.6935, 0.6931, 0.6930, 0.6932, 0.6931, 0.6930, 0.6931])),
    ("loss-at-ln-classes", "num_classes: 7\n" + epochs(PLAIN, a=[1.95, 1.946, 1.945, 1.946, 1.946, 1.946])),
    ("loss-at-margin", "triplet loss, margin 0.3\n" + epochs(PLAIN, a=[0.31, 0.301, 0.3, 0.3, 0.3, 0.3])),
    ("loss-at-double-softmax-floor", epochs(ACC, a=[1.9, 1.6, 1.5, 1.47, 1.465, 1.463, 1.462, 1.462], b=[0.9] * 8)),
    ("val-loss-identical", epochs(BOTH, a=JITTER, b=[1.921642] * 20)),
    ("val-loss-flat", epochs(BOTH, a=FALLING, b=[x + 1 for x in JITTER])),
    ("val-loss-falls", epochs(BOTH, a=FALLING, b=FALLING)),
    ("val-loss-rises-while-train-falls", epochs(BOTH, a=FALLING, b=[1.0, 0.9, 0.8] + [0.8 + 0.05 * n for n in range(17)])),
    ("val-loss-rises", epochs(BOTH, a=FALLING, b=[1.0 + 0.1 * n for n in range(20)])),
    ("val-train-ratio-constant", epochs(BOTH, a=[x / 9 for x in FALLING], b=FALLING)),
    ("val-loss-far-above-train", epochs(BOTH, a=FALLING, b=[40.0] * 20)),
    ("val-loss-above-train", epochs(BOTH, a=FALLING, b=[0.9] * 20)),
    ("val-loss-below-train", epochs(BOTH, a=[x + 0.5 for x in FALLING], b=FALLING)),
    ("val-loss-noisy", epochs(BOTH, a=FALLING, b=[0.5, 1.5] * 10)),
    ("acc-at-chance", "10 classes\n" + epochs(ACC, a=FALLING[:8], b=[0.1, 0.098, 0.103, 0.1, 0.099, 0.1, 0.101, 0.1])),
    ("val-acc-identical", epochs(ACC, a=FALLING[:6], b=[0.4531] * 6)),
    ("acc-stuck-high", epochs(ACC, a=FALLING[:6], b=[0.95] * 6)),
    ("acc-zero", epochs(ACC, a=FALLING[:6], b=[0.0] * 6)),
    ("acc-gap", epochs("e{n} acc: {a:.3f} val_acc: {b:.3f}", a=RISING_ACC, b=[0.4] * 20)),
    ("acc-perfect-early", epochs(ACC, a=FALLING[:9], b=[0.999] * 9)),
    ("acc-low-while-loss-falls", epochs(ACC, a=FALLING, b=[0.31] * 10 + [0.32] * 10)),
    ("acc-falls", epochs(ACC, a=FALLING[:8], b=[0.7, 0.8, 0.81, 0.7, 0.5, 0.4, 0.3, 0.3])),
    ("minority-metric-zero", epochs("epoch {n} acc {a:.3f} recall_rare {b:.3f}", a=[0.97] * 5, b=[0.0] * 5)),
    ("wer-stuck-100", epochs("Epoch {n} loss {a:.3f} WER {b:.1f}%", a=FALLING[:6], b=[100.0] * 6)),
    ("metric-identical", epochs("epoch {n} loss {a:.3f} bleu {b:.2f}", a=FALLING[:6], b=[3.21] * 6)),
    ("embedding-distance-collapsed", epochs("ep {n} loss {a:.3f} pairwise_dist {b:.4f}", a=[0.5] * 5, b=[0.0003] * 5)),
    ("discriminator-wins", epochs("[{n}] D loss: {a:.4f} G loss: {b:.3f}", a=[0.6, 0.1, 0.01, 0.001, 0.0], b=[1, 3, 7, 9, 14])),
    ("loss-nan-from-start", epochs(PLAIN, a=[math.nan] * 4)),
    ("loss-nan-later", epochs(PLAIN, a=[0.7, 0.6, 0.5, math.nan, math.nan])),
    ("nan-for-good", epochs(PLAIN, a=[0.7, 0.6, 0.5, math.nan, math.nan])),
    ("nan-passes", epochs(PLAIN, a=[0.7, 0.6, math.nan, 0.5, 0.4])),
    ("nan-after-spike", epochs(PLAIN, a=[0.7, 0.9, 4.0, 90.0, math.nan, math.nan])),
    ("nan-out-of-calm", epochs(PLAIN, a=[0.7, 0.6, 0.5, 0.45, math.nan, math.nan])),
    ("loss-inf", epochs(PLAIN, a=[5.0, math.inf, math.nan])),
    ("val-nan-only", epochs(BOTH, a=FALLING[:5], b=[math.nan] * 5)),
    ("metric-finite-while-loss-nan", epochs(ACC, a=[math.nan] * 4, b=[0.33] * 4)),
    ("grad-norm-nan", epochs(GRAD, a=FALLING[:4], b=[1.0, 2.0, math.nan, math.nan])),
    ("lr-zero", epochs(DICT, a=FALLING[:5], b=[0.0] * 5)),
    ("lr-constant", epochs(DICT, a=FALLING[:6], b=[0.001] * 6)),
    ("lr-floor-early", epochs(DICT, a=FALLING[:12], b=[1e-3, 1e-3] + [1e-6] * 10)),
    ("lr-only-rises", epochs(DICT, a=FALLING[:6], b=[1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5])),
    ("lr-warms-up", epochs(DICT, a=FALLING[:6], b=[1e-5, 2e-5, 6e-5, 4e-5, 2e-5, 1e-5])),
    ("lr-high", epochs(DICT, a=FALLING[:4], b=[30.0] * 4)),
    ("lr-tiny", epochs(DICT, a=FALLING[:4], b=[1e-9] * 4)),
    ("lr-not-as-asked", "requested lr 0.01, optimizer lr 0.0001\n" + epochs(PLAIN, a=FALLING[:4])),
    ("grad-zero", epochs(GRAD, a=[1.0] * 5, b=[0.0] * 5)),
    ("grad-none", "fc1.weight grad: None\nfc2.weight grad: None\n" + epochs(PLAIN, a=FALLING[:4])),
    ("nothing-trainable", "trainable params: 0 || all params: 27,909 || trainable%: 0.0000\n" + epochs(PLAIN, a=FALLING[:4])),
    ("grad-tiny", epochs(GRAD, a=[1.0] * 5, b=[3e-8] * 5)),
    ("grad-exploding", epochs(GRAD, a=[1.0] * 6, b=[1.0, 1.2, 0.9, 4e4, 2.0, 1.0])),
    ("grad-grows", epochs(GRAD, a=[1.0] * 6, b=[2.6, 5.2, 7.9, 10.4, 13.1, 15.5])),
    ("grad-healthy", epochs(GRAD, a=FALLING[:6], b=[1.0, 1.1, 0.9, 1.2, 1.0, 0.8])),
    ("param-delta-zero", epochs("[STEP] Δparam ||·||₂ = {a:.3e}\nEpoch {n}: train {b:.4f}", a=[0.0] * 4, b=JITTER[:4])),
    ("param-delta-positive", epochs("[STEP] Δparam ||·||₂ = {a:.3e}\nEpoch {n}: train {b:.4f}", a=[0.3] * 4, b=FALLING[:4])),
    ("steps-skipped", "Gradient overflow.  Skipping step, loss scaler 0 reducing loss scale to 32768.0\n" * 2),
    ("loss-scale-falling", epochs("iter {n} loss {a:.3f} scale {b}", a=FALLING[:5], b=[65536, 32768, 16384, 4096, 1024])),
    ("loss-scale-stuck-high", epochs("iter {n} loss {a:.3f} scale {b}", a=FALLING[:5], b=[65536] * 5)),
    ("memory-grows", epochs("step {n} loss {a:.2f} mem: {b:.0f}MB", a=FALLING[:8], b=[500 + 200 * n for n in range(8)])),
    ("output-blank", epochs(PLAIN, a=FALLING[:4]) + "\nref: hello world | pred: \nref: good day | pred: <blank> <blank>\n"),
    ("output-blank", epochs(PLAIN, a=FALLING[:4]) + "\nPrediction: <blank><blank>  Reference: w2 w3\n"),
    ("output-constant", epochs(PLAIN, a=FALLING[:4]) + "\npred: the\npred: the\npred: the\npred: the\n"),
    ("early-stopped", epochs(PLAIN, a=FALLING[:4]) + "\nEarly stopping triggered at epoch 4\n"),
    ("killed", epochs(PLAIN, a=FALLING[:4]) + "\n./run.sh: line 3: 4711 Killed  python train.py\n"),
    ("starts-over", "\n".join([epochs(PLAIN, a=FALLING[:3]), epochs(PLAIN, a=FALLING[:3])])),
    ("no-steps", "Epoch 1: 0it [00:00, ?it/s]\nEpoch 2: 0it [00:00, ?it/s]\n"),
    ("samples-skipped", "skipping corrupt image cat_0012.jpg\nskipping corrupt image dog_0101.jpg\n"),
    ("best-never-updates", "Epoch 2: val_loss did not improve from nan\n" + epochs(PLAIN, a=FALLING[:4])),
    ("layers-not-loaded", "Some weights were newly initialized: ['classifier.weight']\n" + epochs(PLAIN, a=FALLING[:4])),
    ("healthy-curves", epochs(BOTH, a=FALLING, b=[x + 0.05 for x in FALLING])),
    ("acc-rises", epochs(ACC, a=FALLING, b=RISING_ACC)),
]  # fmt: skip


@pytest.mark.parametrize(("sign", "text"), [pytest.param(sign, text, id=sign) for sign, text in SEEN])
def test_seen(sign: str, text: str) -> None:
    finding = measure_signs(read_text(text))[sign]
    assert finding.answer is Answer.SEEN
    assert finding.detail
    assert all(line.text in text for line in finding.lines)


HEALTHY = [
    pytest.param(epochs(BOTH, a=FALLING, b=[x + 0.05 for x in FALLING]), id="keras"),
    pytest.param(
        epochs(
            "epoch {n} | train loss {a:.4f} | val loss {b:.4f} | val acc {c:.4f} | lr {d:.2e} | grad norm {e:.3f}",
            a=[x + NOISE.uniform(-0.02, 0.02) for x in FALLING],
            b=[x + 0.06 + NOISE.uniform(-0.02, 0.02) for x in FALLING],
            c=RISING_ACC,
            d=[1e-3 * 0.9**n for n in range(20)],
            e=[1.0 + NOISE.uniform(-0.3, 0.3) for _ in range(20)],
        ),
        id="hand-made",
    ),
    pytest.param(epochs(DICT, a=FALLING, b=[5e-5 * (1 - n / 21) for n in range(20)]), id="hf"),
]
FINE = {
    "train-loss-falls", "val-loss-falls", "healthy-curves", "acc-rises", "no-error", "all-finite", "lr-decays",
    "grad-healthy",
}  # fmt: skip


@pytest.mark.parametrize("text", HEALTHY)
def test_healthy_runs_show_nothing_else(text: str) -> None:
    seen = {sign for sign, finding in measure_signs(read_text(text)).items() if finding.answer is Answer.SEEN}
    assert seen <= FINE
    assert "healthy-curves" in seen or "train-loss-falls" in seen


@pytest.mark.parametrize(
    ("sign", "message"),
    [
        ("error-shape", "RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x10 and 20x3)"),
        ("error-dtype", "RuntimeError: expected scalar type Long but found Float"),
        ("error-dtype", "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float"),
        ("error-device", "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"),
        ("error-out-of-memory", "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB"),
        ("error-index-range", "IndexError: Target 10 is out of bounds."),
        ("error-collate", "RuntimeError: stack expects each tensor to be equal size, but got [3, 2] at entry 0 and [3, 4] at entry 1"),
        ("error-backward-twice", "RuntimeError: Trying to backward through the graph a second time"),
        ("error-no-graph", "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn"),
        ("error-in-place", "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation"),
        ("error-batchnorm-single", "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 8])"),
        ("error-division-by-zero", "ZeroDivisionError: float division by zero"),
        ("error-numpy-abi", "RuntimeError: Numpy is not available"),
        ("error-input-size", "AssertionError: Input height (448) doesn't match model (224)."),
        ("error-checkpoint", "RuntimeError: Error(s) in loading state_dict for Net:"),
        ("error-scheduler-steps", "ValueError: Tried to step 19 times. The specified number of total steps is 18"),
        ("error-unused-parameters", "RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one."),
    ],
)  # fmt: skip
def test_errors(sign: str, message: str) -> None:
    text = f'Traceback (most recent call last):\n  File "train.py", line 9, in <module>\n    main()\n{message}\n'
    findings = measure_signs(read_text(text))
    assert findings[sign].answer is Answer.SEEN
    assert findings["ends-with-error"].answer is Answer.SEEN
    assert findings["no-error"].answer is Answer.NOT_SEEN


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
@pytest.mark.parametrize("count", [8, 40, 400])
def test_shapes_do_not_depend_on_scale_or_length(scale: float, count: int) -> None:
    flat = epochs("e {n} loss {a:.6e}", a=[scale * (1 + 0.004 * math.sin(9 * n)) for n in range(count)])
    falling = epochs("e {n} loss {a:.6e}", a=[scale * (0.1 + math.exp(-5 * n / count)) for n in range(count)])
    assert measure_signs(read_text(flat))["train-loss-flat"].answer is Answer.SEEN
    assert measure_signs(read_text(flat))["train-loss-falls"].answer is Answer.NOT_SEEN
    assert measure_signs(read_text(falling))["train-loss-flat"].answer is Answer.NOT_SEEN
    assert measure_signs(read_text(falling))["train-loss-falls"].answer is Answer.SEEN


def test_a_log_without_the_series_cannot_tell() -> None:
    findings = measure_signs(read_text(epochs(PLAIN, a=FALLING)))
    for sign in ("val-loss-identical", "lr-zero", "grad-zero", "wer-stuck-100", "param-delta-zero", "acc-at-chance"):
        assert findings[sign].answer is Answer.UNKNOWN, sign


def test_every_sign_can_be_asked() -> None:
    signs = list_signs()
    assert len(signs) >= 60
    for name, one in signs.items():
        assert one.id == name
        assert one.sentence.endswith(".")
        assert one.question.endswith("?")


FAIRSEQ = "epoch {n:03d} | loss {a:.3f} | num_updates {b} | lr 0.001"
JSON = '{{"epoch": {n}, "loss": {a:.3f}, "global_step": {b}}}'
CE_BOTH = "step {n}: train loss {a:.4f}, val loss {b:.4f}, val acc {c:.4f}"


@pytest.mark.parametrize(
    ("sign", "answer", "text"),
    [
        pytest.param("no-steps", Answer.SEEN, epochs(FAIRSEQ, a=[0.0] * 4, b=[0] * 4), id="updates stay 0"),
        pytest.param("no-steps", Answer.SEEN, epochs(JSON, a=[0.0] * 4, b=[0] * 4), id="global step stays 0"),
        pytest.param("no-steps", Answer.NOT_SEEN, epochs(FAIRSEQ, a=FALLING[:4], b=[0, 10, 20, 30]), id="updates count"),
        pytest.param(
            "no-steps", Answer.NOT_SEEN, "loaded checkpoint (epoch 1 @ 0 updates)\n" + epochs(PLAIN, a=FALLING), id="told once"
        ),
        pytest.param("no-steps", Answer.NOT_SEEN, epochs("epoch {n} iter 0 loss {a:.3f}", a=FALLING), id="first iterations"),
        pytest.param(
            "train-loss-huge-at-start",
            Answer.SEEN,
            epochs(CE_BOTH, a=[706 * 0.8**n for n in range(12)], b=[678 * 0.85**n for n in range(12)], c=RISING_ACC[:12]),
            id="falls and is still far above a guess",
        ),
        pytest.param(
            "train-loss-huge-at-start",
            Answer.NOT_SEEN,
            epochs(ACC, a=[2.3 * 0.6**n for n in range(16)], b=[1 - 0.9 * 0.7**n for n in range(16)]),
            id="a training that succeeds",
        ),
        pytest.param(
            "train-loss-huge-at-start",
            Answer.NOT_SEEN,
            epochs(CE_BOTH, a=[230 * 0.8**n for n in range(12)], b=[46 * 0.8**n for n in range(12)], c=RISING_ACC[:12]),
            id="sums over the batches",
        ),
        pytest.param(
            "train-loss-huge-at-start", Answer.NOT_SEEN, epochs(PLAIN, a=[1.2 * 0.5**n for n in range(12)]), id="small scale"
        ),
        pytest.param(
            "acc-at-chance",
            Answer.NOT_SEEN,
            epochs("{n},{a:.4f},{b:.4f}", a=[2.0, 1.82, 1.74, 1.70, 1.68], b=[0.30, 0.30, 0.355, 0.33, 0.335]).join(
                ("epoch,loss,val_accuracy\n", "")
            ),
            id="the loss speaks of more classes",
        ),
        pytest.param(
            "acc-at-chance", Answer.NOT_SEEN, epochs(ACC, a=[2.06, 1.77, 1.67, 1.65, 1.64, 1.64], b=[0.26, 0.27, 0.27, 0.28, 0.27, 0.28]),
            id="a plateau above that of four classes",
        ),
        pytest.param("acc-at-chance", Answer.SEEN, epochs(ACC, a=[1.1, 1.099, 1.098, 1.1], b=[0.335, 0.33, 0.34, 0.33]), id="three"),
        pytest.param(
            "acc-at-chance", Answer.SEEN, epochs(ACC, a=FALLING[:8], b=[0.125, 0.12, 0.13, 0.12, 0.12, 0.13, 0.12, 0.12]), id="8"
        ),
    ],
)  # fmt: skip
def test_what_decides(sign: str, answer: Answer, text: str) -> None:
    """Logs in which the first look at a number would deceive."""
    assert measure_signs(read_text(text))[sign].answer is answer


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer.SEEN, "Total trainable params: 0"),
        (Answer.SEEN, " Trainable params: 0 (0.00 B)"),
        (Answer.SEEN, "0         Trainable params"),
        (Answer.SEEN, "  Number of trainable parameters = 0"),
        (Answer.NOT_SEEN, "  Number of trainable parameters = 124,439,808"),
        (Answer.NOT_SEEN, "11.2 M    Trainable params"),
        (Answer.NOT_SEEN, "trainable params: 0.3M"),
        (Answer.NOT_SEEN, "trainable params: 294,912 || all params: 124,734,720 || trainable%: 0.2364"),
        (Answer.UNKNOWN, " Non-trainable params: 0 (0.00 B)"),
        (Answer.UNKNOWN, "0         Non-trainable params"),
    ],
)
def test_counts_of_trainable_parameters(answer: Answer, line: str) -> None:
    """As Keras, PEFT, fastai, Lightning and Hugging Face print them."""
    text = f"{line}\n" + epochs(PLAIN, a=FALLING)
    assert measure_signs(read_text(text))["nothing-trainable"].answer is answer

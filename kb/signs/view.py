"""What the signs look at: the curves of a log as arrays, and its words."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kb.code import calls_something
from kb.read.log import LogLine, Series, TrainingLog
from kb.signs import thresholds as at
from kb.signs.sign import Answer, Finding

MAX_SEARCHED = 1_000
"""Characters of a line in which words are looked for."""

Array = NDArray[np.float64]

_LOSS_BASES = re.compile(
    r"loss|.*_loss|loss_.*|cost|bce|ce|nll|xent|mse|mae|nmse|rmse|ctc\w*|.*loss|nt_xent|triplet\w*|elbo|objective|cross_entropy"
)
_NO_LOSS = re.compile(
    r"lr|rate|norm|grad|acc|score|rank|eer|wer|cer|f1|map|recall|precision|iou|dice|auc|reward|scale|skip|delta|\u03b4|dist|std"
    r"|psnr|ssim|bleu|perplexity|time|mem|d_|g_|loss|len|rew"
)
_OF_A_PLAYER = re.compile(r"(?:^|_)(?:d|g|disc|gen|discriminator|generator|errd|errg)(?:_|$)")
_DIGITS = re.compile(r"\d[\d.,]*(?:e[-+]?\d+)?", re.I)
_ACCURACY = re.compile(r"acc|accuracy.*|acc_?\d*|.*_acc|top_?1|rank_?1|acc_1|precision_1")


@dataclass(frozen=True)
class Curve:
    """One series, ready to be measured."""

    name: str
    values: Array
    lines: Sequence[int]
    x: Array

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def finite(self) -> Array:
        """The values that are finite, in order."""
        return self.values[np.isfinite(self.values)]

    @cached_property
    def level(self) -> float:
        """Mean size of the curve's second half, never 0."""
        tail = self.finite[len(self.finite) // 2 :]
        return max(float(np.mean(np.abs(tail))), 1e-12) if len(tail) else 1e-12

    @cached_property
    def start(self) -> float:
        """Mean of the first tenth, at least one value."""
        return float(np.mean(self.finite[: max(1, len(self.finite) // 10)]))

    @cached_property
    def end(self) -> float:
        """Mean of the last tenth, at least one value."""
        return float(np.mean(self.finite[-max(1, len(self.finite) // 10) :]))

    @cached_property
    def tail(self) -> Array:
        """The second half, where a plateau shows."""
        return self.finite[len(self.finite) // 2 :]

    @property
    def is_long(self) -> bool:
        return len(self.finite) >= at.MIN_TREND_POINTS

    @cached_property
    def is_identical(self) -> bool:
        """Whether every value is the same to the last digit that was printed."""
        return len(self.finite) >= at.MIN_POINTS and bool(np.all(self.finite == self.finite[0]))

    @cached_property
    def is_flat(self) -> bool:
        """Whether the whole curve stays at one level, noise allowed."""
        return len(self.finite) >= at.MIN_TREND_POINTS and _is_flat(self.finite)

    @cached_property
    def has_plateau(self) -> bool:
        """Whether the second half stays at one level."""
        return len(self.finite) >= 2 * at.MIN_POINTS and _is_flat(self.tail)

    @cached_property
    def falls(self) -> bool:
        """Whether the end is clearly under the start."""
        return self.is_long and self.start - self.end > at.FALL * max(abs(self.start), 1e-12)

    @cached_property
    def rises(self) -> bool:
        """Whether the end is clearly over the start."""
        return self.is_long and self.end - self.start > at.FALL * max(abs(self.start), 1e-12)

    @cached_property
    def noise(self) -> float:
        """Half the median absolute change from one step to the next past the first fifth, over the level.

        A curve that falls steadily has none, however steep it is.
        """
        settled = self.finite[len(self.finite) // 5 :]
        return float(np.median(np.abs(np.diff(settled, 2)))) / 2 / self.level if len(settled) > 2 else 0.0


def _is_flat(values: Array) -> bool:
    size = max(float(np.mean(np.abs(values))), 1e-12)
    half = max(1, len(values) // 2)
    spread = float(np.ptp(values)) / size
    drift = abs(float(np.mean(values[-half:])) - float(np.mean(values[:half]))) / size
    return spread <= at.FLAT_RANGE or (drift <= at.FLAT_DRIFT and spread <= at.NOISE_FLAT_RANGE)


@dataclass(frozen=True)
class LogView:
    """A log, as the signs look at it."""

    log: TrainingLog

    # ---- curves ------------------------------------------------------------------------------

    def curve(self, name: str) -> Curve | None:
        """A series by its name in the log."""
        one = self.log.series.get(name)
        return self._make_curve(one) if one is not None else None

    def _make_curve(self, one: Series) -> Curve:
        rows = np.asarray(one.rows, dtype=int)
        x = np.asarray(self.log.x, dtype=float)
        return Curve(
            one.name, np.asarray(one.values, dtype=float), one.lines, x[rows] if len(x) else rows.astype(float)
        )

    @cached_property
    def train_loss(self) -> Curve | None:
        """The training loss, or what stands for it where no key says `loss`."""
        return (
            self.curve("train_loss")
            or self._find(_LOSS_BASES, ("", "train"), ("val", "test"))
            or self._find_longest_unknown()
        )

    def _find_longest_unknown(self) -> Curve | None:
        """The series with most values that nothing is known of: hand-made logs name a loss after its formula."""
        unknown = [
            one
            for one in self.log.series.values()
            if one.split in ("", "train") and one.name == one.base and not _NO_LOSS.search(one.name)
        ]
        longest = max(unknown, key=len, default=None)
        return self._make_curve(longest) if longest is not None and len(longest) >= at.MIN_TREND_POINTS else None

    @cached_property
    def val_loss(self) -> Curve | None:
        """The validation loss, else the test loss."""
        return self.curve("val_loss") or self.curve("test_loss") or self._find(_LOSS_BASES, ("val", "test"), ())

    @cached_property
    def train_acc(self) -> Curve | None:
        return self._as_share(self.curve("train_acc") or self._find(_ACCURACY, ("", "train"), ("val", "test", "eval")))

    @cached_property
    def val_acc(self) -> Curve | None:
        return self._as_share(
            self.curve("val_acc") or self.curve("test_acc") or self._find(_ACCURACY, ("val", "test"), ())
        )

    def _find(self, pattern: re.Pattern[str], splits: Iterable[str], without: Sequence[str]) -> Curve | None:
        for one in self.log.series.values():
            if _OF_A_PLAYER.search(one.name):
                continue  # the loss of a discriminator or a generator says nothing by itself
            if one.split in splits and pattern.fullmatch(one.base) and not one.name.startswith(tuple(without) or "\0"):
                return self._make_curve(one)
        return None

    @staticmethod
    def _as_share(curve: Curve | None) -> Curve | None:
        """An accuracy as a share, whether it was printed as one or in percent."""
        if curve is None or not len(curve.finite) or np.max(curve.finite) <= 1.0001:
            return curve
        return Curve(curve.name, curve.values / 100, curve.lines, curve.x)

    def curves_like(self, pattern: str) -> list[Curve]:
        """Curves whose name matches."""
        search = re.compile(pattern)
        return [self._make_curve(one) for name, one in self.log.series.items() if search.search(name)]

    @cached_property
    def learning_rates(self) -> list[Curve]:
        return self.curves_like(r"^lr$|(^|_)lr(_|$|\d)|learning_rate")

    @cached_property
    def grad_norms(self) -> list[Curve]:
        return self.curves_like(r"grad|gnorm|^g_(?!loss)\w*|norm_?g")

    # ---- words -------------------------------------------------------------------------------

    @cached_property
    def lines(self) -> Sequence[LogLine]:
        """The lines in which words are looked for: all but a case's own last line, which sums it up."""
        return [line for line in self.log.lines if not line.text.startswith("metrics {")]

    @cached_property
    def text(self) -> str:
        return "\n".join(line.text[:MAX_SEARCHED] for line in self.lines)

    @cached_property
    def printed(self) -> Sequence[LogLine]:
        """The lines that a program may have printed: code that was pasted with a log is none."""
        return [line for line in self.lines if not calls_something(line.text[:MAX_SEARCHED])]

    @cached_property
    def kinds(self) -> Sequence[LogLine]:
        """The first of all lines that differ in their numbers only: what a message says stands there too."""
        first: dict[str, LogLine] = {}
        for line in self.printed:
            first.setdefault(_DIGITS.sub("0", line.text[:MAX_SEARCHED]), line)
        return list(first.values())

    def lines_with(self, pattern: str, limit: int = 3, flags: int = re.I) -> list[LogLine]:
        """The first lines that a pattern is found in."""
        search = re.compile(pattern, flags)
        found: list[LogLine] = []
        for line in self.printed:
            if search.search(line.text, 0, MAX_SEARCHED):
                found.append(line)
                if len(found) == limit:
                    break
        return found

    @cached_property
    def classes(self) -> int | None:
        """The number of classes, where the log says it."""
        found = re.search(
            r"(?:num[_ ]?classes|n_classes|classes|number of classes|类别数)\W{1,4}(\d{1,6})\b|"
            r"\b(\d{1,6}) (?:classes|labels|categories)\b",
            self.text,
            re.I,
        )
        return int(found[1] or found[2]) if found and int(found[1] or found[2]) > 1 else None

    def quote(self, curve: Curve, *places: int) -> list[LogLine]:
        """The lines in which values of a curve stand; all of first, middle and last without places."""
        if not len(curve):
            return []
        chosen = places or (0, len(curve) // 2, len(curve) - 1)
        numbers = sorted({int(curve.lines[place]) for place in chosen})
        return [line for number in numbers if (line := self.line(number)) is not None]

    @cached_property
    def _by_number(self) -> dict[int, LogLine]:
        return {line.number: line for line in self.lines}

    def line(self, number: int) -> LogLine | None:
        return self._by_number.get(number)

    def seen(self, detail: str, curve: Curve | None = None, *places: int, lines: Sequence[LogLine] = ()) -> Finding:
        """A sign that is seen, with its proof."""
        quoted = tuple(lines) or (tuple(self.quote(curve, *places)) if curve is not None else ())
        return Finding(Answer.SEEN, detail, quoted)


def show(value: float) -> str:
    """A number as people write it."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"

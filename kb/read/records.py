"""From the readings of single lines to records: one row a reported point, one column a metric."""

import itertools
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from kb.read.grammar import VALUE_MARK, Reading, Template, Value
from kb.read.log import Series
from kb.read.names import SPLIT_BASES, Role, Split, rank_step
from kb.read.numbers import parse_number

NOWHERE = math.nan
Column = tuple[Split, str, str]
"""A metric while the log is read: split, base, the log's own name."""


@dataclass(slots=True)
class _Cells:
    """Values of one column from one print statement."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    counted: bool = False
    """Whether the statement prints its epoch or step."""

    def put(self, row: int, value: float, line: int) -> None:
        if self.rows and self.rows[-1] >= row:
            if row in self.rows[-3:]:
                place = self.rows.index(row, max(len(self.rows) - 3, 0))
                self.values[place], self.lines[place] = value, line
        else:
            self.rows.append(row)
            self.values.append(value)
            self.lines.append(line)


@dataclass(slots=True)
class _Row:
    """The record that is being filled."""

    place: int
    columns: dict[Column, float]
    counters: tuple[tuple[str, float], ...]
    bar: str
    fresh: bool
    """Whether its x was printed for it, and not left over from the record before."""
    statement: str
    only_eval: bool
    epoch_own: bool = False
    """Whether its epoch was printed for it, and not only for a record before."""
    step_rank: int = 99
    """How well the step counter that stands behind the values counts the run; lower is better."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the groups of a template go, when each of its lines is a record."""

    template: Template
    epoch: int | None
    step: int | None
    counters: tuple[int, ...]
    cells: tuple[tuple[int, _Cells], ...]


@dataclass
class RecordBuilder:
    """Joins readings to records as they come."""

    epochs: "array[float]" = field(default_factory=lambda: array("d"))
    steps: "array[float]" = field(default_factory=lambda: array("d"))
    _cells: dict[tuple[Column, str], _Cells] = field(default_factory=dict)
    _row: _Row | None = None
    _epoch: float = NOWHERE
    _step: float = NOWHERE
    _step_fresh: bool = False
    _counted: bool = False
    """Whether a counter was seen since the current record began."""
    _split: Split = Split.NONE
    _plan: _Plan | None = None
    _bar_row: _Row | None = None
    """The record that the last bar filled: it may be drawn again after other lines."""
    _announced: bool = False
    """Whether a heading names the split of the very next values."""
    _unsplit: set[str] = field(default_factory=set)
    """Statements that were seen to print without a split: a heading above them has ended."""
    _held: list[tuple[Column, float, int, str]] = field(default_factory=list)

    # ---- what comes in -----------------------------------------------------------------------

    def announce_split(self, split: Split) -> None:
        """A line such as `Validation:` names the split of the values that follow without one."""
        self._split = Split.NONE if split is Split.TRAIN else split
        self._announced = True

    def end_record(self) -> None:
        """Lines were left out here: what follows belongs to no record before."""
        self._row = None

    def feed(self, reading: Reading, line: int, bar: str = "", bar_count: float = NOWHERE) -> bool:
        """Take a line's reading; whether it became part of a record.

        Args:
            reading: what the line says.
            line: its number.
            bar: names the progress bar and its epoch, so that a later drawing replaces this one.
            bar_count: how far the bar is, for lines that print no counter of their own.
        """
        counters = list(reading.counters())
        metrics = list(reading.metrics())
        if not metrics:
            if not reading.hyper:
                self._count(counters)
            return False
        if not self._is_record(reading, counters, metrics):
            return False
        if reading.form.startswith("*") and self._sum_up(metrics, line):
            return True
        statement = self._statement(reading, counters)
        if self._split and statement in self._unsplit and not self._announced:
            self._split = Split.NONE
        self._announced = False
        columns = self._name_columns(metrics)
        if not self._split:
            self._unsplit.add(statement)
        epoch, step = _pick(counters)
        if not counters and all(column[1] == "lr" for column in columns):
            return self._feed_lone_rate(columns, line, statement)
        if bar and self._bar_row is not None and self._bar_row.bar == bar:
            self._row = self._bar_row
        self._note_counters(epoch, step)
        if not self._joins(reading, columns, counters, epoch, step, bar, statement):
            self._begin(columns, counters, epoch, bar_count if math.isnan(step) else step, bar, statement)
        row = self._row
        assert row is not None
        if not math.isnan(epoch) and not row.epoch_own:
            self.epochs[row.place], row.epoch_own = epoch, True
        if not math.isnan(step) and math.isnan(self.steps[row.place]):
            self.steps[row.place] = step
        overwrite = bool(bar and bar == row.bar) or self._is_running_evaluation(reading, counters, row, statement)
        for column, value in columns.items():
            if column not in row.columns or overwrite:
                self._put(column, statement, row.place, value, line)
                row.columns[column] = value
        row.statement = statement
        if bar:
            row.bar = bar
            self._bar_row = row
        return True

    def _sum_up(self, metrics: list[Value], line: int) -> bool:
        """A line such as ` * Acc@1 71.2` after a running evaluation holds its result."""
        row = self._row
        if row is None:
            return False
        done = False
        for value in metrics:
            for column in row.columns:
                if column[1] == value.name.base and column[0] in (Split.VAL, Split.TEST):
                    self._put(column, row.statement, row.place, value.number, line)
                    done = True
        return done

    def _is_record(self, reading: Reading, counters: list[Value], metrics: list[Value]) -> bool:
        if counters:
            return not (reading.hyper and all(value.name.base == "lr" for value in metrics))
        if reading.tabular:
            return True
        if reading.hyper:
            return False
        known = [value for value in metrics if value.name.role is Role.METRIC]
        if not known:
            return False
        if reading.bare:
            return any(not float(value.number).is_integer() for value in known)
        return True

    def _count(self, counters: list[Value]) -> None:
        """A line of counters alone: the heading of what follows, or the tail of the block before."""
        epoch, step = _pick(counters)
        if math.isnan(epoch) and math.isnan(step):
            return
        row = self._row
        if row is not None and not row.fresh and math.isnan(epoch) and not self._counted:
            rank = min(rank_step(value.name.base) for value in counters)
            if rank <= row.step_rank:  # the counter stands at the end of its block
                self.steps[row.place], row.step_rank = step, rank
            return
        self._note_counters(epoch, step)
        if not math.isnan(epoch):
            self._split = Split.NONE
        self._counted = True

    def _note_counters(self, epoch: float, step: float) -> None:
        if not math.isnan(epoch):
            if epoch != self._epoch and math.isnan(step):
                self._step, self._step_fresh = NOWHERE, False
            self._epoch = epoch
        if not math.isnan(step):
            self._step, self._step_fresh = step, True

    def _name_columns(self, metrics: list[Value]) -> dict[Column, float]:
        """The columns of a line's values; of values behind one key, and of `loss` beside `total loss`, the first."""
        columns: dict[Column, float] = {}
        for value in metrics:
            split = value.name.split
            if not split and self._split and value.name.base not in ("lr", "grad_norm", "loss_scale"):
                split = self._split
            column = (split, value.name.base, value.name.own)
            if value.name.base in SPLIT_BASES and value.name.own != value.name.base:
                same = [other for other in columns if other[:2] == column[:2]]
                if same and value.name.own.endswith(value.name.base) and len(value.name.own) > len(same[0][2]):
                    continue
            if any(other[:2] == column[:2] for other in columns):
                continue
            columns[column] = value.number
        return columns

    @staticmethod
    def _statement(reading: Reading, counters: list[Value]) -> str:
        return reading.form.partition(VALUE_MARK)[0][:60] + "|" + ",".join(value.name.base for value in counters)

    def _feed_lone_rate(self, columns: dict[Column, float], line: int, statement: str) -> bool:
        """A learning rate on a line of its own belongs to the record before, or to the next one."""
        row = self._row
        for column, value in columns.items():
            if row is not None and not self._counted and not any(other[1] == "lr" for other in row.columns):
                self._put(column, statement, row.place, value, line)
                row.columns[column] = value
            else:
                self._held = [(column, value, line, statement)]
        return True

    # ---- records that repeat one statement ---------------------------------------------------

    def can_repeat(self, template: Template) -> bool:
        """Whether the record in hand is one line of this form, so that the next such line is a record by itself."""
        row = self._row
        if row is None or not row.counters or row.bar or self._split or self._held or template.hyper:
            return False
        groups = [(place, name) for place, name in enumerate(template.names) if name is not None]
        counters = [(place, name) for place, name in groups if name.role in (Role.EPOCH, Role.STEP)]
        metrics = [(place, name) for place, name in groups if name.role in (Role.METRIC, Role.OTHER)]
        columns = [(name.split, name.base, name.own) for _, name in metrics]
        if [name.base for _, name in counters] != [base for base, _ in row.counters] or list(row.columns) != columns:
            return False
        cells = [self._cells.get((column, row.statement)) for column in columns]
        if None in cells:
            return False
        steps = [(place, name) for place, name in counters if name.role is Role.STEP]
        self._plan = _Plan(
            template,
            epoch=next((place for place, name in counters if name.role is Role.EPOCH), None),
            step=min(steps, key=lambda one: rank_step(one[1].base))[0] if steps else None,
            counters=tuple(place for place, _ in counters),
            cells=tuple((place, cell) for (place, _), cell in zip(metrics, cells, strict=True) if cell is not None),
        )
        return True

    def repeat(self, template: Template, groups: Sequence[str], line: int) -> bool:
        """Take a further line of the form that `can_repeat` was asked about; False when it needs a closer look."""
        if self._plan is None or self._plan.template is not template:
            return False
        return self.repeat_numbers([parse_number(group) for group in groups], line)

    def repeat_numbers(self, numbers: Sequence[float], line: int) -> bool:
        """`repeat` for numbers that are parsed already, one for each group of the plan's template."""
        plan, row = self._plan, self._row
        if plan is None or row is None or self._counted:
            return False
        counters = tuple((base, numbers[place]) for (base, _), place in zip(row.counters, plan.counters, strict=True))
        if counters == row.counters:
            return False
        epoch = numbers[plan.epoch] if plan.epoch is not None else self._epoch
        step = numbers[plan.step] if plan.step is not None else NOWHERE
        self._epoch, self._step, self._step_fresh = epoch, step, False
        row.place = len(self.epochs)
        row.counters = counters
        self.epochs.append(epoch)
        self.steps.append(step)
        for (place, cells), column in zip(plan.cells, row.columns, strict=True):
            value = numbers[place]
            row.columns[column] = value
            cells.rows.append(row.place)
            cells.values.append(value)
            cells.lines.append(line)
        return True

    # ---- which record ------------------------------------------------------------------------

    def _joins(
        self,
        reading: Reading,
        columns: dict[Column, float],
        counters: list[Value],
        epoch: float,
        step: float,
        bar: str,
        statement: str,
    ) -> bool:
        """Whether a reading belongs to the record that is being filled."""
        row = self._row
        if row is None:
            return False
        if bar and bar == row.bar:
            return True
        row_epoch = self.epochs[row.place] if row.epoch_own else NOWHERE
        row_step = self.steps[row.place]
        same_epoch = math.isnan(epoch) or math.isnan(row_epoch) or abs(epoch - row_epoch) < 0.5
        evaluates = all(column[0] in (Split.VAL, Split.TEST) for column in columns)
        taken = {column[:2] for column in row.columns}
        conflict = any(column[:2] in taken for column in columns)
        if conflict:
            if self._is_running_evaluation(reading, counters, row, statement):
                return True
            return self._repeats(row, columns, counters, step)
        if evaluates and not row.only_eval:
            return same_epoch
        if not math.isnan(epoch) and epoch != row_epoch and not math.isnan(row_epoch):
            return False
        if not math.isnan(step) and not math.isnan(row_step) and step != row_step and not _is_progress(counters):
            return False
        if (
            not counters
            and self._counted
            and row.fresh
            and not math.isnan(self._epoch)
            and self._epoch != row_epoch
            and row.epoch_own
        ):
            return False
        return same_epoch

    def _repeats(self, row: _Row, columns: dict[Column, float], counters: list[Value], step: float) -> bool:
        """Whether a line says again what the record holds: two ranks printing, a bar drawn twice."""
        if not counters or tuple((value.name.base, value.number) for value in counters) != row.counters:
            return False
        if (
            math.isfinite(self._epoch)
            and math.isfinite(row_epoch := self.epochs[row.place])
            and self._epoch != row_epoch
        ):
            return False  # a heading between them says that it is the next epoch
        if not math.isnan(step) and not _is_progress(counters):
            return True
        return all(
            row.columns.get(column) == value or (math.isnan(value) and math.isnan(row.columns.get(column, 0.0)))
            for column, value in columns.items()
        )

    @staticmethod
    def _is_running_evaluation(reading: Reading, counters: list[Value], row: _Row, statement: str) -> bool:
        """Whether the line is the next of `Test: [3/20] ...`, whose last one holds the result."""
        progress = any(value.name.role is Role.STEP and not math.isnan(value.total) for value in counters)
        return reading.split in (Split.VAL, Split.TEST) and progress and statement == row.statement

    def _begin(
        self,
        columns: dict[Column, float],
        counters: list[Value],
        epoch: float,
        step: float,
        bar: str,
        statement: str,
    ) -> None:
        fresh = bool(counters) or self._counted
        self.epochs.append(epoch if not math.isnan(epoch) else self._epoch)
        self.steps.append(step if not math.isnan(step) else self._step if self._step_fresh else NOWHERE)
        self._row = _Row(
            place=len(self.epochs) - 1,
            columns={},
            counters=tuple((value.name.base, value.number) for value in counters),
            bar=bar,
            fresh=fresh,
            statement=statement,
            only_eval=all(column[0] in (Split.VAL, Split.TEST) for column in columns),
            epoch_own=not math.isnan(epoch) or self._counted,
        )
        self._step_fresh, self._counted = False, False
        for column, value, line, form in self._held:
            if column not in columns:
                self._put(column, form, self._row.place, value, line)
                self._row.columns[column] = value
        self._held = []

    def _put(self, column: Column, statement: str, row: int, value: float, line: int) -> None:
        key = (column, statement)
        cells = self._cells.get(key)
        if cells is None:
            cells = self._cells[key] = _Cells(counted=not statement.endswith("|"))
        cells.put(row, value, line)

    # ---- what comes out ----------------------------------------------------------------------

    def build(self) -> tuple[dict[str, Series], "array[float]", str | None, "array[float]"]:
        """The series by canonical name, x of each record, what x counts, and the epoch of each record."""
        chosen = self._choose_statements()
        names = _name_series(list(chosen))
        kept = sorted({row for cells in chosen.values() for row in cells.rows})
        place = {row: index for index, row in enumerate(kept)}
        if len(chosen) < len(self._cells):
            kept, place = self._unite_rows(kept, chosen)
        series: dict[str, Series] = {}
        for column, cells in chosen.items():
            rows = array("q", [place[row] for row in cells.rows])
            series[names[column]] = Series(
                names[column], rows, cells.values, cells.lines, base=column[1], split=str(column[0] or "")
            )
        epochs = _fill_first_epoch(array("d", [self.epochs[row] for row in kept]))
        steps = array("d", [self.steps[row] for row in kept])
        x, x_name = _choose_x(epochs, steps)
        return series, x, x_name, epochs

    def _unite_rows(self, kept: list[int], chosen: dict[Column, _Cells]) -> tuple[list[int], dict[int, int]]:
        """Join neighbours of one epoch and step that were kept apart only by values which are left out now."""
        filled: dict[int, set[Column]] = {row: set() for row in kept}
        for column, cells in chosen.items():
            for row in cells.rows:
                filled[row].add(column)
        united: list[int] = []
        place: dict[int, int] = {}
        for row in kept:
            before = united[-1] if united else None
            if (
                before is not None
                and self.epochs[before] == self.epochs[row]
                and (self.steps[before] == self.steps[row] or math.isnan(self.steps[before] + self.steps[row]))
                and filled[before].isdisjoint(filled[row])
            ):
                filled[before] |= filled[row]
            else:
                united.append(row)
            place[row] = len(united) - 1
        return united, place

    def _choose_statements(self) -> dict[Column, _Cells]:
        """Per metric the values of the statement that prints it most.

        Others that print the same metric in between are summaries of it (the mean of the epoch after its steps) and
        are left out; others that print it before or after go on with the series.
        """
        by_metric: dict[tuple[Split, str], list[tuple[Column, _Cells]]] = {}
        for (column, _), cells in self._cells.items():
            by_metric.setdefault((column[0] or Split.TRAIN, column[1]), []).append((column, cells))
        chosen: dict[Column, _Cells] = {}
        for candidates in by_metric.values():
            main_column, main = max(candidates, key=lambda one: (len(one[1].rows), one[1].counted))
            parts = [main]
            for _, cells in candidates:
                if cells is main:
                    continue
                apart = cells.rows[0] > main.rows[-1] or cells.rows[-1] < main.rows[0]
                if apart and (len(cells.rows) > 1 or len(main.rows) < 3):
                    parts.append(cells)
            chosen[main_column] = _concatenate(sorted(parts, key=lambda part: part.rows[0]))
        return chosen


def _concatenate(parts: list[_Cells]) -> _Cells:
    if len(parts) == 1:
        return parts[0]
    cells = sorted(
        (
            (row, value, line)
            for part in parts
            for row, value, line in zip(part.rows, part.values, part.lines, strict=True)
        ),
        key=lambda cell: cell[0],
    )
    whole = _Cells()
    for row, value, line in cells:
        if not whole.rows or whole.rows[-1] != row:
            whole.put(row, value, line)
    return whole


def _pick(counters: list[Value]) -> tuple[float, float]:
    """Epoch and step of a line; of several step counters the one of the whole run."""
    epoch = next((value.number for value in counters if value.name.role is Role.EPOCH), NOWHERE)
    steps = [value for value in counters if value.name.role is Role.STEP]
    step = min(steps, key=lambda value: rank_step(value.name.base)).number if steps else NOWHERE
    return epoch, step


def _is_progress(counters: list[Value]) -> bool:
    """Whether the step counter is a bar that is full: `30/30` says nothing about which record it is."""
    return any(value.name.role is Role.STEP and value.number == value.total for value in counters)


def _choose_x(epochs: "array[float]", steps: "array[float]") -> tuple["array[float]", str | None]:
    """The epoch where each record has its own, else a step that counts the whole run, else what there is."""
    known_epochs = [value for value in epochs if not math.isnan(value)]
    known_steps = [value for value in steps if not math.isnan(value)]
    if known_epochs and len(known_epochs) == len(set(known_epochs)) and len(known_epochs) >= len(known_steps):
        return epochs, "epoch"
    ascending = all(before <= after for before, after in itertools.pairwise(known_steps))
    if known_steps and ascending and len(known_steps) > len(epochs) // 2 and len(set(known_steps)) > 1:
        return steps, "step"
    if len(set(known_epochs)) > 1 or (known_epochs and not known_steps):
        return epochs, "epoch"
    if known_steps:
        return steps, "step"
    return epochs, "epoch" if known_epochs else None


def _fill_first_epoch(epochs: "array[float]") -> "array[float]":
    """An excerpt may begin below the heading of its first epoch; the next heading tells it."""
    if len(epochs) > 1 and math.isnan(epochs[0]) and epochs[1] >= 1 and float(epochs[1]).is_integer():
        return array("d", [epochs[1] - 1, *epochs[1:]])
    return epochs


def _name_series(columns: list[Column]) -> dict[Column, str]:
    """Canonical names: `train_loss`, `val_loss`, `wer`; else the log's own, told apart where splits share it."""
    splits: dict[str, set[Split]] = {}
    for split, base, _ in columns:
        splits.setdefault(base, set()).add(split or Split.TRAIN)
    names: dict[Column, str] = {}
    for column in columns:
        split, base, own = column
        if base in SPLIT_BASES:
            name = f"{split or Split.TRAIN}_{base}"
        elif base == "perplexity":
            name = base if split in (Split.NONE, Split.TRAIN) else f"{split}_{base}"
        elif base in ("wer", "cer"):
            name = base if len(splits[base]) == 1 or split not in (Split.NONE, Split.TRAIN) else f"train_{base}"
        elif split and len(splits[base]) > 1 and split is not Split.TRAIN and own == base:
            name = f"{split}_{base}"
        elif own == base or not split:
            name = base
        else:
            name = own
        while name in names.values():
            name += "_2"
        names[column] = name
    return names

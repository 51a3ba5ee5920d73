"""Hold a run against what its case expects."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from repro.case import Case, Side
from repro.run import Outcome, RunResult, first_line, format_metrics


@dataclass(frozen=True)
class Check:
    """One expectation of one side, and what was measured."""

    metric: str
    """Name of the metric, or "error" for the exception that the script must raise."""
    meaning: str
    expected: str
    measured: str
    held: bool

    @property
    def fault(self) -> str:
        return f"{self.metric} is {self.measured}, expected {self.expected}"


@dataclass(frozen=True)
class SideReport:
    """How one side of a case did on one seed."""

    side: Side
    result: RunResult
    checks: tuple[Check, ...]
    faults: tuple[str, ...]
    """What is wrong, one line each; empty when the side did what is expected of it."""

    @property
    def held(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class CaseReport:
    """How the sides of a case that were run did on one seed."""

    case: Case
    seed: int
    sides: Mapping[Side, SideReport]

    @property
    def reproduced(self) -> bool:
        """Whether every side that was run did what is expected of it."""
        return all(report.held for report in self.sides.values())

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if not self.reproduced:
            faults = [f"{side}: {fault}" for side, report in self.sides.items() for fault in report.faults]
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            return f"Not reproduced on seed {self.seed}: {faults[0]}{more}."
        done = "; ".join(self._describe(report) for report in self.sides.values())
        word = "Reproduced" if len(self.sides) > 1 else f"As expected of {next(iter(self.sides))}.py"
        return f"{word} on seed {self.seed}: {done}."

    def _describe(self, report: SideReport) -> str:
        when = "before" if report.side is Side.BUGGY else "after"
        if report.result.outcome is Outcome.ERROR:
            return f"{when}, it {report.result.ending}"
        own = self.case.expect.buggy if report.side is Side.BUGGY else self.case.expect.fixed
        name = next(name for name in self.case.metrics if name in own.bounds)
        return f"{when}, {name} is {format_value(report.result.metrics[name])}"


def check_side(case: Case, side: Side, result: RunResult) -> SideReport:
    """Hold the result of one script against the bounds or the error that its case expects."""
    expectation = case.expect.on(side)
    if expectation.error is not None:
        checks = [_check_error(expectation.error_class, expectation.error_message, result)]
    else:
        checks = [
            Check(
                metric=name,
                meaning=case.metrics[name].meaning,
                expected=str(bound),
                measured=format_value(result.metrics[name]) if name in result.metrics else "not printed",
                held=name in result.metrics and bound.holds(result.metrics[name]),
            )
            for name, bound in expectation.bounds.items()
        ]
    return SideReport(side, result, tuple(checks), tuple(_find_faults(case, side, result, checks)))


def _find_faults(case: Case, side: Side, result: RunResult, checks: list[Check]) -> list[str]:
    if case.expect.on(side).error is None and result.outcome is not Outcome.METRICS:
        return [f"the script {result.problem or result.ending}"]
    faults = [check.fault for check in checks if not check.held]
    faults += [
        f"the script prints {name}, which case.toml does not explain; add [metrics.{name}]"
        for name in result.metrics
        if name not in case.metrics
    ]
    return faults


def _check_error(wanted: str, message: str, result: RunResult) -> Check:
    """An error fits when its class has the wanted name, with or without its module, and its message the part."""
    fits_class = result.error == wanted or result.error.rpartition(".")[2] == wanted
    return Check(
        metric="error",
        meaning="the exception that ends the script",
        expected=f"{wanted}: …{message}…" if message else wanted,
        measured=f"{result.error}: {first_line(result.message)}" if result.error else result.ending,
        held=result.outcome is Outcome.ERROR and fits_class and message in result.message,
    )


def format_value(value: float) -> str:
    """A measured value in four significant digits, or more for what is counted."""
    if math.isfinite(value) and value == round(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.4g}"


# ---- as JSON ---------------------------------------------------------------------------------

SCHEMA = 1
"""Version of the JSON of a report; it grows when a field is renamed, removed or changes its meaning."""


def report_to_json(report: CaseReport) -> dict[str, object]:
    """The report as `repro case --json` prints it."""
    return {
        "schema": SCHEMA,
        "case": report.case.id,
        "seed": report.seed,
        "reproduced": report.reproduced,
        "verdict": report.verdict,
        "sides": {side.value: _side_to_json(each) for side, each in report.sides.items()},
    }


def _side_to_json(report: SideReport) -> dict[str, object]:
    result = report.result
    return {
        "held": report.held,
        "outcome": result.outcome.value,
        "ending": result.ending,
        "seconds": round(result.seconds, 3),
        "metrics": format_metrics(result.metrics),
        "error": {"class": result.error, "message": result.message} if result.error else None,
        "checks": [
            {
                "metric": check.metric,
                "meaning": check.meaning,
                "expected": check.expected,
                "measured": check.measured,
                "held": check.held,
            }
            for check in report.checks
        ],
        "faults": list(report.faults),
        "log": list(result.lines),
    }


# ---- recorded logs ---------------------------------------------------------------------------

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|\b(nan|inf)\b", re.IGNORECASE)
_LAYOUT = re.compile(r"[\s-]+")


def outline(lines: tuple[str, ...] | list[str]) -> list[str]:
    """What two logs of one script have in common: their lines, with each number as `#` and spaces as one."""
    return [_LAYOUT.sub(" ", _NUMBER.sub("#", line)).strip() for line in lines]

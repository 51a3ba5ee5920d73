"""Run many cases over many seeds, and say which hold, which do not, and which cannot decide."""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree

from repro.case import Case, Side
from repro.check import CaseReport, SideReport, check_side, format_value
from repro.form import find_form_faults
from repro.launch import Launcher
from repro.run import Limits, RunResult, format_metrics, run_script


class Status(StrEnum):
    """What verification says of a case."""

    HOLDS = "holds"
    FAILS = "fails"
    FLAKY = "flaky"
    """It holds on some runs and not on others, or two runs of one seed do not measure the same."""


@dataclass(frozen=True)
class Spread:
    """What one side measured of one metric over all runs that printed it."""

    side: Side
    metric: str
    values: tuple[float, ...]

    @property
    def low(self) -> float:
        """The least value; nan when one is nan."""
        return math.nan if any(map(math.isnan, self.values)) else min(self.values)

    @property
    def high(self) -> float:
        """The greatest value; nan when one is nan."""
        return math.nan if any(map(math.isnan, self.values)) else max(self.values)

    def __str__(self) -> str:
        low, high = format_value(self.low), format_value(self.high)
        return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Verification:
    """One case over its seeds."""

    case: Case
    reports: tuple[CaseReport, ...]
    form_faults: tuple[str, ...]

    @property
    def status(self) -> Status:
        held = [report.reproduced for report in self.reports]
        if self.form_faults or not any(held):
            return Status.FAILS
        return Status.HOLDS if all(held) and not self.unsteady_seeds else Status.FLAKY

    @property
    def unsteady_seeds(self) -> tuple[int, ...]:
        """Seeds that were run more than once and did not end the same each time."""
        endings: dict[int, set[tuple[object, ...]]] = defaultdict(set)
        for report in self.reports:
            endings[report.seed].add(
                tuple(
                    (side, each.result.outcome, each.result.error, *map(str, each.result.metrics.items()))
                    for side, each in report.sides.items()
                )
            )
        return tuple(seed for seed, ends in endings.items() if len(ends) > 1)

    @property
    def faults(self) -> list[str]:
        """All that is wrong, one line each."""
        faults = list(self.form_faults)
        for report in self.reports:
            for side, each in report.sides.items():
                faults += [f"seed {report.seed}, {side}: {fault}" for fault in each.faults]
        if self.unsteady_seeds:
            faults.append(f"does not measure the same twice on seed {', '.join(map(str, self.unsteady_seeds))}")
        return faults

    def spread(self) -> list[Spread]:
        """What the runs measured, by side and metric."""
        values: dict[tuple[Side, str], list[float]] = defaultdict(list)
        for report in self.reports:
            for side, each in report.sides.items():
                for metric, value in each.result.metrics.items():
                    values[side, metric].append(value)
        return [Spread(side, metric, tuple(found)) for (side, metric), found in values.items()]

    @property
    def slowest(self) -> float:
        """Seconds of the longest run of a script."""
        return max((each.result.seconds for report in self.reports for each in report.sides.values()), default=0)


@dataclass(frozen=True)
class Plan:
    """What to run."""

    cases: Sequence[Case]
    seeds: int | None = None
    """How many of a case's seeds, from the first; all when None."""
    repeat: int = 1
    """Runs of each seed."""

    def __iter__(self) -> Iterator[tuple[Case, int, int, Side]]:
        """Case, seed, repetition and side of every run."""
        for case in self.cases:
            for seed in case.seeds[: self.seeds]:
                for repetition in range(self.repeat):
                    for side in Side:
                        yield case, seed, repetition, side

    def __len__(self) -> int:
        return sum(1 for _ in self)


def default_jobs() -> int:
    """As many runs at once as there are processors for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def verify_cases(
    plan: Plan,
    launcher: Launcher,
    limits: Limits = Limits(),
    jobs: int | None = None,
    on_run: Callable[[Case, int, SideReport], None] | None = None,
) -> list[Verification]:
    """Run everything in the plan, `jobs` scripts at once.

    Args:
        on_run: called after each run, in the calling thread.

    Raises:
        RunnerError: no child could be started.

    """
    results: dict[tuple[str, int, int, Side], RunResult] = {}
    pending: dict[Future[RunResult], tuple[Case, int, int, Side]] = {}
    with ThreadPoolExecutor(jobs or default_jobs()) as pool:
        try:
            for run in plan:
                case, seed, _, side = run
                pending[pool.submit(run_script, launcher, case.script(side), seed, limits)] = run
            for future in _as_they_end(pending):
                case, seed, repetition, side = pending[future]
                results[case.id, seed, repetition, side] = future.result()
                if on_run:
                    on_run(case, seed, check_side(case, side, future.result()))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            launcher.close()
            raise
    return [_gather(case, plan, results) for case in plan.cases]


def _as_they_end(futures: Iterable["Future[RunResult]"]) -> Iterator["Future[RunResult]"]:
    left = set(futures)
    while left:
        done, left = wait(left, return_when=FIRST_COMPLETED)
        yield from done


def _gather(case: Case, plan: Plan, results: dict[tuple[str, int, int, Side], RunResult]) -> Verification:
    reports = [
        CaseReport(
            case,
            seed,
            {side: check_side(case, side, results[case.id, seed, repetition, side]) for side in Side},
        )
        for seed in case.seeds[: plan.seeds]
        for repetition in range(plan.repeat)
    ]
    return Verification(case, tuple(reports), tuple(find_form_faults(case)))


# ---- as JUnit XML ----------------------------------------------------------------------------


def to_junit(verifications: Sequence[Verification]) -> str:
    """The verification as JUnit XML: a suite a case, a test for its form and for each side of each run."""
    root = ElementTree.Element("testsuites", name="repro verify")
    for verification in verifications:
        suite = ElementTree.SubElement(root, "testsuite", name=verification.case.id)
        _add_test(suite, verification.case.id, "form", 0.0, list(verification.form_faults))
        for report in verification.reports:
            for side, each in report.sides.items():
                name = f"seed {report.seed} {side}"
                _add_test(suite, verification.case.id, name, each.result.seconds, list(each.faults))
        tests = list(suite)
        suite.set("tests", str(len(tests)))
        suite.set("failures", str(sum(len(test) for test in tests)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_test(suite: ElementTree.Element, case_id: str, name: str, seconds: float, faults: Sequence[str]) -> None:
    test = ElementTree.SubElement(suite, "testcase", classname=case_id, name=name, time=f"{seconds:.3f}")
    if faults:
        failure = ElementTree.SubElement(test, "failure", message=_printable(faults[0]))
        failure.text = _printable("\n".join(faults))


def _printable(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)


def verification_to_json(verification: Verification) -> dict[str, object]:
    """One case as `repro verify --json` prints it."""
    return {
        "case": verification.case.id,
        "status": verification.status.value,
        "seeds": sorted({report.seed for report in verification.reports}),
        "slowest_seconds": round(verification.slowest, 3),
        "faults": verification.faults,
        "spread": [
            {
                "side": spread.side.value,
                "metric": spread.metric,
                **format_metrics({"min": spread.low, "max": spread.high}),
            }
            for spread in verification.spread()
        ],
    }

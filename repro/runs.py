"""Runs of a case, followed while they run; and a queue of them for programs that serve many people."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum

from repro.case import Case, Side
from repro.check import CaseReport, check_side
from repro.errors import ReproError
from repro.launch import Launcher
from repro.run import Limits, RunResult, run_script


@dataclass
class SideProgress:
    """What is known of one script while it runs."""

    recorded: int
    """Lines of the recorded log, or 0: how many to expect."""
    lines: list[str] = field(default_factory=list)
    result: RunResult | None = None

    @property
    def done(self) -> float | None:
        """Share of the run that is over, from 0 to 1, as far as the recorded log tells."""
        if self.result is not None:
            return 1.0
        return min(len(self.lines) / self.recorded, 0.99) if self.recorded and self.lines else None


def follow_sides(case: Case, sides: Iterable[Side] = tuple(Side)) -> dict[Side, SideProgress]:
    """The progress of a run that has not begun."""
    return {side: SideProgress(_count_lines(case, side)) for side in sides}


def _count_lines(case: Case, side: Side) -> int:
    try:
        return len(case.log(side).read_text(encoding="utf-8").splitlines())
    except OSError:
        return 0


def run_sides(
    case: Case, seed: int, launcher: Launcher, progress: Mapping[Side, SideProgress], limits: Limits,
    cancelled: threading.Event,
) -> CaseReport:  # fmt: skip
    """Run the sides that are followed at once, and check each.

    Args:
        case: What is run.
        seed: Of both sides.
        launcher: Starts the scripts.
        progress: Filled while the scripts run.
        limits: What each script may use.
        cancelled: When it is set, the scripts are ended.

    Raises:
        RunnerError: no child could be started.
        BaseException: as it came, with `cancelled` set, so that the scripts end.

    """

    def run(side: Side) -> RunResult:
        own = progress[side]
        own.result = run_script(launcher, case.script(side), seed, limits, own.lines.append, cancelled)
        return own.result

    with ThreadPoolExecutor(len(progress)) as pool:
        try:
            futures: dict[Side, Future[RunResult]] = {side: pool.submit(run, side) for side in progress}
            wait(futures.values())
        except BaseException:
            cancelled.set()
            raise
    return CaseReport(case, seed, {side: check_side(case, side, future.result()) for side, future in futures.items()})


# ---- a queue ---------------------------------------------------------------------------------


class RunState(StrEnum):
    """Where a run in a queue stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class QueuedRun:
    """One run of a case, asked for by one person. Looking at it with `watch` keeps it alive."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case = case
        self.seed = seed
        self.progress = follow_sides(case)
        self.report: CaseReport | None = None
        self.error = ""
        self.state = RunState.WAITING
        self.cancelled = threading.Event()
        self.watched = time.monotonic()

    def watch(self) -> RunState:
        """Say that somebody still looks at it."""
        self.watched = time.monotonic()
        return self.state

    def cancel(self) -> None:
        """End it, or never begin it. Harmless when it has ended."""
        self.cancelled.set()
        if self.state is RunState.WAITING:
            self.state = RunState.CANCELLED

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in (RunState.WAITING, RunState.RUNNING)


class RunQueue:
    """Runs cases for many people: so many at once, the others wait in their order.

    A run that nobody has watched for `unwatched` seconds is ended, since whoever asked for it has gone.
    """

    def __init__(
        self, make_launcher: Callable[[], Launcher], at_once: int = 2, unwatched: float = 10.0,
        limits: Limits = Limits(),
    ) -> None:  # fmt: skip
        self.at_once = at_once
        self._make_launcher = make_launcher
        self._launcher: Launcher | None = None
        self._unwatched = unwatched
        self._limits = limits
        self._lock = threading.Lock()
        self._runs: list[QueuedRun] = []
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="run")
        threading.Thread(target=self._end_unwatched, daemon=True, name="unwatched runs").start()

    def submit(self, case: Case, seed: int) -> QueuedRun:
        """Ask for a run."""
        run = QueuedRun(case, seed)
        with self._lock:
            self._runs = [one for one in self._runs if not one.ended] + [run]
        self._pool.submit(self._run, run)
        return run

    def count_ahead(self, run: QueuedRun) -> int:
        """Runs that must end or begin before this one begins."""
        with self._lock:
            before = self._runs[: self._runs.index(run)] if run in self._runs else []
        return sum(not one.ended for one in before)

    def close(self) -> None:
        """End all runs and the launcher."""
        with self._lock:
            for run in self._runs:
                run.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._launcher:
            self._launcher.close()

    def _run(self, run: QueuedRun) -> None:
        if run.cancelled.is_set():
            run.state = RunState.CANCELLED
            return
        run.state = RunState.RUNNING
        try:
            report = run_sides(run.case, run.seed, self._launch(), run.progress, self._limits, run.cancelled)
        except ReproError as error:
            run.error, run.state = str(error), RunState.FAILED
            self._drop_launcher()
        except Exception as error:  # the person who waits must be told, whatever it was
            run.error, run.state = f"{type(error).__name__}: {error}", RunState.FAILED
        else:
            run.report = report
            run.state = RunState.CANCELLED if run.cancelled.is_set() else RunState.DONE

    def _launch(self) -> Launcher:
        with self._lock:
            if self._launcher is None:
                self._launcher = self._make_launcher()
            return self._launcher

    def _drop_launcher(self) -> None:
        """The next run starts a new one: the process that forks scripts may have been killed."""
        with self._lock:
            launcher, self._launcher = self._launcher, None
        if launcher:
            launcher.close()

    def _end_unwatched(self) -> None:
        while True:
            time.sleep(min(1.0, self._unwatched / 4))
            now = time.monotonic()
            with self._lock:
                forgotten = [one for one in self._runs if not one.ended and now - one.watched > self._unwatched]
            for run in forgotten:
                run.cancel()

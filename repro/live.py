"""Run the sides of one case at once, and show how far each is while it runs."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.live import Live

from repro.case import Case, Side
from repro.check import CaseReport, check_side
from repro.launch import Launcher
from repro.run import Limits, RunResult, run_script
from repro.terminal import render_running, side_by_side

REFRESH_SECONDS = 0.1


@dataclass
class _Progress:
    """What is known of one script while it runs."""

    recorded: int
    """Lines of the recorded log, or 0: how many to expect."""
    lines: list[str] = field(default_factory=list)
    result: RunResult | None = None

    def render(self, side: Side) -> RenderableType:
        if self.result is not None:
            return render_running(side, self.result.lines, 1.0, f"{self.result.seconds:.1f} s")
        if not self.lines:
            return render_running(side, (), None, "starting")
        done = min(len(self.lines) / self.recorded, 0.99) if self.recorded else None
        return render_running(side, self.lines, done, "running")


def run_case(
    case: Case,
    seed: int,
    launcher: Launcher,
    sides: Sequence[Side] = tuple(Side),
    limits: Limits = Limits(),
    console: Console | None = None,
) -> CaseReport:
    """Run the sides of a case at once and check each.

    Args:
        console: where to show progress; shown only if it is a terminal.

    Raises:
        RunnerError: no child could be started.
        KeyboardInterrupt: as it came, after every child was ended.

    """
    progress = {side: _Progress(_count_lines(case, side)) for side in sides}
    cancelled = threading.Event()

    def run(side: Side) -> RunResult:
        own = progress[side]
        own.result = run_script(launcher, case.script(side), seed, limits, own.lines.append, cancelled)
        return own.result

    def draw() -> RenderableType:
        return side_by_side([own.render(side) for side, own in progress.items()])

    shown = console is not None and console.is_terminal
    live = (
        Live(get_renderable=draw, console=console, refresh_per_second=1 / REFRESH_SECONDS) if shown else nullcontext()
    )
    with ThreadPoolExecutor(len(sides)) as pool:
        try:
            with live:
                futures: dict[Side, Future[RunResult]] = {side: pool.submit(run, side) for side in sides}
                wait(futures.values())
        except BaseException:
            cancelled.set()
            launcher.close()
            raise
    return CaseReport(case, seed, {side: check_side(case, side, future.result()) for side, future in futures.items()})


def _count_lines(case: Case, side: Side) -> int:
    try:
        return len(case.log(side).read_text(encoding="utf-8").splitlines())
    except OSError:
        return 0

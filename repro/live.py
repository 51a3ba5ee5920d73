"""Run the sides of one case at once, and show in the terminal how far each is."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext

from rich.console import Console, RenderableType
from rich.live import Live

from repro.case import Case, Side
from repro.check import CaseReport
from repro.launch import Launcher
from repro.run import Limits
from repro.runs import SideProgress, follow_sides, run_sides
from repro.terminal import render_running, side_by_side

REFRESH_SECONDS = 0.1


def _render(side: Side, own: SideProgress) -> RenderableType:
    if own.result is not None:
        return render_running(side, own.result.lines, 1.0, f"{own.result.seconds:.1f} s")
    return render_running(side, own.lines, own.done, "running" if own.lines else "starting")


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
    progress = follow_sides(case, sides)
    cancelled = threading.Event()

    def draw() -> RenderableType:
        return side_by_side([_render(side, own) for side, own in progress.items()])

    shown = console is not None and console.is_terminal
    live = (
        Live(get_renderable=draw, console=console, refresh_per_second=1 / REFRESH_SECONDS) if shown else nullcontext()
    )
    try:
        with live:
            return run_sides(case, seed, launcher, progress, limits, cancelled)
    except BaseException:
        launcher.close()
        raise

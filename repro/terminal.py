"""How reports look in a terminal. What a script printed is shown as text, never as markup or control codes."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from repro.case import Case, Side
from repro.check import CaseReport, Check
from repro.curves import extract_curve, plot_rows
from repro.difference import compare_scripts
from repro.verify import Status, Verification

STYLES = {Side.BUGGY: "red", Side.FIXED: "green"}
TAIL_LINES = 6
PLOT_HEIGHT = 10
MAX_PLOT_WIDTH = 90
PLOT_MARGIN = 22
"""Columns beside a plot: the labels of its axis, and the names of the curves where they end."""


def plain_text(line: str, style: str = "") -> Text:
    """A line of foreign text, without the control codes that it may hold."""
    text = Text.from_ansi(line)
    return Text("".join(char if char.isprintable() else " " for char in text.plain), style=style)


# ---- one case --------------------------------------------------------------------------------


def render_heading(case: Case) -> RenderableType:
    """Id, title and kind of a case."""
    heading = Text.assemble((case.id, "bold"), "  ", case.title)
    kinds = Text(f"{case.system} · {case.kind} · {case.severity} · {case.stage}", style="dim")
    return Group(heading, kinds)


def render_running(side: Side, lines: Sequence[str], done: float | None, state: str) -> RenderableType:
    """The panel of one script: how far it is (a share from 0 to 1, if known) and the end of its log."""
    tail = [plain_text(line) for line in lines[-TAIL_LINES:]]
    for line in tail:
        line.no_wrap, line.overflow = True, "ellipsis"
    empty = [Text("")] * (TAIL_LINES - len(tail))
    bar = ProgressBar(total=1, completed=done or 0, pulse=done is None, complete_style=STYLES[side])
    style = STYLES[side]
    return Panel(
        Group(bar, *tail, *empty),
        title=Text(f"{side}.py · {state}", style=style),
        title_align="left",
        border_style=style,
    )


def side_by_side(panels: Sequence[RenderableType]) -> RenderableType:
    """Panels beside each other, equally wide."""
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return grid


def render_logs(report: CaseReport) -> RenderableType:
    """The end of each side's log, as it was."""
    panels = [
        Panel(
            Group(*(_one_line(line) for line in each.result.lines[-TAIL_LINES:])),
            title=Text(f"{side}.py · {each.result.seconds:.1f} s", style=STYLES[side]),
            title_align="left",
            border_style=STYLES[side],
        )
        for side, each in report.sides.items()
    ]
    return side_by_side(panels)


def _one_line(line: str) -> Text:
    text = plain_text(line)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def render_checks(report: CaseReport) -> RenderableType:
    """Metric, meaning, before, after, expected, held: a row a metric."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("metric", no_wrap=True)
    table.add_column("meaning", ratio=1)
    names = {Side.BUGGY: "before", Side.FIXED: "after"}
    for side in report.sides:
        table.add_column(names[side], justify="right", style=STYLES[side], overflow="fold")
    table.add_column("expected", overflow="fold")
    table.add_column("held", justify="center")
    checks = {side: {check.metric: check for check in each.checks} for side, each in report.sides.items()}
    order = ["error", *report.case.metrics]
    for metric in order:
        row = {side: found[metric] for side, found in checks.items() if metric in found}
        if row:
            table.add_row(metric, *_check_cells(report, row))
    return table


def _check_cells(report: CaseReport, row: Mapping[Side, Check]) -> Iterable[RenderableType]:
    yield Text(next(iter(row.values())).meaning, style="dim")
    for side in report.sides:
        yield plain_text(row[side].measured) if side in row else Text("")
    yield plain_text(_join_expected([row[side].expected if side in row else "any" for side in report.sides]))
    held = all(check.held for check in row.values())
    yield Text("yes", style="green") if held else Text("no", style="bold red")


def _join_expected(expected: Sequence[str]) -> str:
    """What is expected before and after; once, where it is the same."""
    return " → ".join(dict.fromkeys(expected))


def render_faults(report: CaseReport) -> RenderableType | None:
    """What went wrong with either script, a line each; None when nothing did."""
    lines = [
        plain_text(f"{side}.py: {fault}", style="bold red")
        for side, each in report.sides.items()
        for fault in each.faults
    ]
    return Group(*lines) if lines else None


def report_curves(report: CaseReport) -> dict[Side, tuple[float, ...]]:
    """The case's curve on each side that was run; empty when the case has none."""
    if report.case.curve is None:
        return {}
    return {side: extract_curve(report.case.curve, each.result.lines) for side, each in report.sides.items()}


def render_curves(report: CaseReport, width: int) -> RenderableType | None:
    """The case's curve on each side, drawn with dots; None when the logs have none."""
    curves = report_curves(report)
    rows = plot_rows(curves, min(width - PLOT_MARGIN, MAX_PLOT_WIDTH), PLOT_HEIGHT)
    if not rows or report.case.curve is None:
        return None
    title = Text.assemble((report.case.curve.name, "bold"), " ")
    for side in curves:
        title.append(f" ── {side}", style=STYLES[side])
    if any(cell == "×" for row in rows for cell, _ in row.cells):
        title.append("  × not finite")
    lines = [title]
    for row in rows:
        line = Text(row.label, style="dim")
        for cell, owner in row.cells:
            line.append(cell, style=STYLES[owner] if owner else "")
        for ending in row.ends:
            line.append(f" {ending}", style=STYLES[ending])
        lines.append(line)
    return Group(*lines)


def render_difference(case: Case, context: int = 2) -> RenderableType:
    """The guilty lines, as a coloured diff."""
    difference = compare_scripts(case, context)
    lines = []
    for line in difference.text.splitlines():
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        if line.startswith(("+++", "---")):
            style = "bold"
        lines.append(Text(line, style=style))
    return Group(*lines)


def render_verdict(report: CaseReport) -> RenderableType:
    """The result in one sentence."""
    return plain_text(report.verdict, style="bold green" if report.reproduced else "bold red")


def print_report(console: Console, report: CaseReport) -> None:
    """Everything that `repro case` shows once the scripts have ended."""
    parts = [
        render_faults(report),
        render_checks(report),
        render_curves(report, console.width),
        render_difference(report.case) if len(report.sides) > 1 else None,
        render_verdict(report),
    ]
    for part in parts:
        if part is not None:
            console.print()
            console.print(part)


# ---- many cases ------------------------------------------------------------------------------


def render_readme(text: str) -> RenderableType:
    """Markdown, as far as a terminal can show it."""
    from rich.markdown import Markdown  # a tenth of the time of a command that does not need it

    return Markdown(text, code_theme="ansi_dark")


def render_verifications(verifications: Sequence[Verification]) -> RenderableType:
    """A row for each metric of each case: its spread over the seeds on both sides, and what is expected."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    styles = {"case": "bold", "metric": "", "before": "red", "after": "green", "expected": ""}
    for name, style in styles.items():
        table.add_column(name, style=style, no_wrap=True)
    table.add_column("slowest", justify="right")
    table.add_column("verdict")
    for verification in verifications:
        _add_verification(table, verification)
    return table


def _add_verification(table: Table, verification: Verification) -> None:
    case = verification.case
    style = {Status.HOLDS: "green", Status.FAILS: "bold red", Status.FLAKY: "bold yellow"}[verification.status]
    first: list[RenderableType] = [
        case.id,
        f"{verification.slowest:.1f} s",
        Text(verification.status, style=style),
    ]
    spreads = {(spread.side, spread.metric): str(spread) for spread in verification.spread()}
    for side in Side:
        if case.expect.on(side).error:
            raised = {each.sides[side].result.error or "nothing" for each in verification.reports}
            spreads[side, "error"] = ", ".join(sorted(raised))
    for metric in ["error", *case.metrics]:
        if not any((side, metric) in spreads for side in Side):
            continue
        expectations = [case.expect.on(side) for side in Side]
        if metric == "error":
            expected = _join_expected([each.error_class or "none" for each in expectations])
        else:
            expected = _join_expected([str(each.bounds.get(metric, "any")) for each in expectations])
        cells = [plain_text(spreads.get((side, metric), "")) for side in Side]
        table.add_row(first[0] if first else "", metric, *cells, expected, *(first[1:] if first else ("", "")))
        first = []
    if first:
        table.add_row(first[0], "", "", "", "", *first[1:])

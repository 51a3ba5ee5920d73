"""How readings and diagnoses look in a terminal. Text of a log is shown as text, never as markup."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kb.evaluate.logs import ExampleScore
from kb.evaluate.matching import MatchReport
from kb.evaluate.tables import MATCH_COLUMNS, list_match_facts, list_match_tables, show_match_score
from kb.match.diagnosis import Diagnosis, EvidenceKind, Match, Verdict
from kb.read.log import LogLine, Series, TrainingLog
from kb.signs import Answer, Family, Finding, Sign, list_signs

SPARK_WIDTH = 24
MAX_SERIES, MAX_UNREAD = 24, 5
_BLOCKS = "▁▂▃▄▅▆▇█"


def draw_sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """A curve in one line of blocks; `×` stands where a value is not finite."""
    count = len(values)
    shown = [values[place * count // width] for place in range(width)] if count > width else list(values)
    if count > width:
        shown[-1] = values[-1]
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return "×" * len(shown)
    low, high = min(finite), max(finite)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((value - low) * scale)] if math.isfinite(value) else "×" for value in shown)


def render_reading(log: TrainingLog, findings: Mapping[str, Finding]) -> RenderableType:
    """What was understood of a log: series, signs with their proof, the error, and what was not understood."""
    parts: list[RenderableType] = [render_summary(log)]
    if log.series:
        parts += [Text(), _render_series(log)]
    if log.error:
        parts += [Text(), _render_error(log)]
    seen = [(list_signs()[name], found) for name, found in findings.items() if found.answer is Answer.SEEN]
    telling = [(one, found) for one, found in seen if one.family is not Family.HEALTH]
    if telling:
        parts += [Text(), Text("signs seen", style="bold"), *_render_signs(telling)]
    healthy = ", ".join(one.id for one, _ in seen if one.family is Family.HEALTH)
    if healthy:
        parts += [Text(), Text.assemble(("in good order ", "bold"), (healthy, "green"))]
    if log.unread:
        parts += [Text(), Text("numbers that were not understood", style="bold")]
        parts += [_quote(line) for line in log.unread[:MAX_UNREAD]]
        if len(log.unread) > MAX_UNREAD:
            parts.append(Text(f"      and {len(log.unread) - MAX_UNREAD} more lines", style="dim"))
    parts += [Text(f"note: {note}", style="yellow") for note in log.notes]
    return Group(*parts)


def _render_signs(seen: Iterable[tuple[Sign, Finding]]) -> Iterator[Text]:
    for one, found in seen:
        yield Text.assemble("  ", (one.id, "cyan"), "  ", one.sentence)
        if found.detail and not any(found.detail in line.text for line in found.lines):
            detail = Text(f"        {found.detail}", style="dim")
            detail.no_wrap, detail.overflow = True, "ellipsis"
            yield detail
        yield from map(_quote, found.lines[:2])


def render_summary(log: TrainingLog) -> Text:
    """How much was read, in a line."""
    lines = f"{log.line_count:,} line{'s' if log.line_count != 1 else ''}"
    if not log.count:
        return Text(f"{lines}, no records", style="bold")
    span = f", {log.x_name} {_show(log.x_first)} to {_show(log.x_last)}" if log.x_name else ""
    return Text(f"{lines}, {log.count:,} record{'s' if log.count != 1 else ''}{span}", style="bold")


def _render_series(log: TrainingLog) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("series", no_wrap=True)
    for name in ("first", "last", "lowest", "highest", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in list(log.series.values())[:MAX_SERIES]:
        table.add_row(one.name, *_show_range(one), str(len(one)), Text(draw_sparkline(one.values), style="cyan"))
    if len(log.series) > MAX_SERIES:
        table.add_row(f"and {len(log.series) - MAX_SERIES} more")
    return table


def _show_range(one: Series) -> Iterable[str]:
    finite = [value for value in one.values if math.isfinite(value)]
    lowest, highest = (min(finite), max(finite)) if finite else (math.nan, math.nan)
    return map(_show, (one.first, one.last, lowest, highest))


def _render_error(log: TrainingLog) -> Text:
    assert log.error
    where = f"\n  in {log.error.frame}" if log.error.frame else ""
    return Text.assemble(("error ", "bold red"), f"{log.error}", (f"{where}, line {log.error.line} of the log", "dim"))


def _quote(line: LogLine) -> Text:
    shown = "".join(char if char.isprintable() else " " for char in line.text.strip())
    text = Text.assemble((f"{line.number:>7} ", "dim"), (shown, "dim"))
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _show(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


_VERDICT_STYLES = {
    Verdict.MATCH: "green", Verdict.UNSURE: "yellow", Verdict.HEALTHY: "green", Verdict.NONE: "yellow",
}  # fmt: skip
_REASONS = {
    EvidenceKind.SIGN: ("+", "green"),
    EvidenceKind.SYMPTOM: ("+", "green"),
    EvidenceKind.ERROR: ("+", "green"),
    EvidenceKind.CODE: ("+", "green"),
    EvidenceKind.AGAINST: ("-", "red"),
    EvidenceKind.MEANING: ("~", "dim"),
}


def render_diagnosis(diagnosis: Diagnosis, detailed: int = 20, *, question: bool = True) -> RenderableType:
    """The ranked cases, so many of them with the reasons for and against, and the question that would decide."""
    parts: list[RenderableType] = [Text(diagnosis.sentence, style=f"bold {_VERDICT_STYLES[diagnosis.verdict]}")]
    if diagnosis.advice:
        parts.append(Text(diagnosis.advice))
    for number, match in enumerate(diagnosis.shown):
        bar = "█" * round(match.probability * 20)
        parts += [Text(), Text.assemble((match.case_id, "bold cyan"), f"  {match.probability:4.0%} ", (bar, "cyan"))]
        parts.append(Text(f"  {match.title}"))
        if number < detailed:
            parts.append(Text(f"  {match.cause}", style="dim"))
            parts += _render_reasons(match)
    parts += [Text(), Text(f"none of these: {diagnosis.none:.0%}", style="dim")]
    if question and diagnosis.question:
        parts.append(Text.assemble(("To decide: ", "bold"), diagnosis.question.asked))
    return Group(*parts)


def _render_reasons(match: Match) -> Iterator[RenderableType]:
    for reason in match.evidence:
        mark, colour = _REASONS[reason.kind]
        text = Text.assemble(("  " + mark + " ", colour), reason.text)
        text.no_wrap, text.overflow = True, "ellipsis"
        yield text
        yield from map(_quote, reason.lines[: 2 if reason.kind is EvidenceKind.CODE else 1])
    fix = Table.grid(padding=(0, 2, 0, 0))
    fix.add_row(Text("  fix", style="dim"), match.fix)
    yield fix
    yield Text.assemble(("  see  ", "dim"), (f"repro case {match.case_id}", "bold"))


def render_match_report(report: MatchReport) -> RenderableType:
    """All that was measured, one table each."""
    parts: list[RenderableType] = []
    for title, scores in list_match_tables(report):
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column(title, no_wrap=True)
        for name in MATCH_COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for score in scores:
            table.add_row(Text(score.name), *show_match_score(score))
        parts += [table, Text()]
    return Group(*parts, *map(Text, list_match_facts(report)))


def render_log_scores(scores: Sequence[ExampleScore]) -> RenderableType:
    """The share of fields right by format, and every field that is wrong."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("format")
    for name in ("logs", "fields", "right"):
        table.add_column(name, justify="right")
    formats: dict[str, list[ExampleScore]] = {}
    for score in scores:
        formats.setdefault(score.example.format, []).append(score)
    for name, group in sorted(formats.items()):
        fields, right = sum(len(score.checks) for score in group), sum(score.right for score in group)
        table.add_row(Text(name), str(len(group)), str(fields), f"{right / fields:.3f}")
    fields, right = sum(len(score.checks) for score in scores), sum(score.right for score in scores)
    table.add_row("all", str(len(scores)), str(fields), f"{right / max(fields, 1):.3f}", style="bold")
    wrong = [
        Text(f"{score.example.name}  {check.field}: read {check.got!r}, right is {check.expected!r}", style="dim")
        for score in scores
        for check in score.checks
        if not check.right
    ]
    return Group(table, *wrong)

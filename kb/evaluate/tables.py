"""What a bench measured, as rows: for the terminal and, as Markdown, for the docs."""

import math
from collections.abc import Sequence

from kb.evaluate.matching import MatchReport, MatchScore

MATCH_COLUMNS = ("queries", "top-1", "top-3", "top-5", "MRR", "AUROC of none")


def list_match_tables(report: MatchReport) -> list[tuple[str, Sequence[MatchScore]]]:
    """Each table with its title."""
    tables = (
        ("way of searching", report.ways),
        ("without one kind of evidence", report.without),
        ("kind of query", report.by_kind),
        ("family of cases", report.by_family),
    )
    return [(title, scores) for title, scores in tables if scores]


def show_match_score(score: MatchScore) -> list[str]:
    """The cells of a row; the 95 % interval stands behind top-1, top-3 and AUROC."""
    cells = [str(score.in_scope)]
    for name in ("top1", "top3", "top5", "mrr", "auroc"):
        value = getattr(score, name)
        shown = "" if math.isnan(value) else f"{value:.2f}"
        if shown and name in ("top1", "top3", "auroc") and name in score.intervals:
            low, high = score.intervals[name]
            shown += f" [{low:.2f}, {high:.2f}]"
        cells.append(shown)
    return cells


def list_match_facts(report: MatchReport) -> list[str]:
    """What is no table, in a line each."""
    lines = [
        f"calibration error of the first case's probability: {report.calibration:.3f}; "
        f"if all were exactly right, chance alone would give {report.calibration_by_chance:.3f} on so few",
        f"AUROC of telling a query from the same query with its cases taken out: {report.left_out:.2f}; "
        f"answered with none: {report.left_out_none:.0%}",
    ]
    for group, counts in report.verdicts.items():
        if counts:
            told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(counts.items(), key=lambda one: -one[1]))
            lines.append(f"verdicts, {group}: {told}")
    return lines


def write_match_markdown(report: MatchReport) -> str:
    """The tables and facts as Markdown."""
    parts: list[str] = []
    for title, scores in list_match_tables(report):
        rows = [[title, *MATCH_COLUMNS], ["---", *["---:"] * len(MATCH_COLUMNS)]]
        rows += [[score.name, *show_match_score(score)] for score in scores]
        parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
    parts.append("\n".join(f"- {fact}" for fact in list_match_facts(report)))
    return "\n\n".join(parts) + "\n"

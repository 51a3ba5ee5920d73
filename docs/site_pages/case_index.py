"""The list of all cases, a table a family, with the form that filters it."""

from itertools import groupby

from repro.case import Case, Kind, Severity, Stage
from site_pages.library import FAMILIES, Library
from site_pages.markdown import escape_text, link_case, make_front_matter, make_table

KINDS = {
    Kind.SILENT: "it trains, logs, and learns nothing or the wrong thing",
    Kind.UNSTABLE: "NaN, spikes, divergence",
    Kind.CRASH: "an error is raised",
    Kind.MASKED: "a guard or a probe hides the truth",
}


def make_case_index(library: Library) -> str:
    """All cases by family."""
    count = len(library.cases)
    parts = [
        make_front_matter({
            "title": f"All {count} cases",
            "description": f"{count} training failures that run, by family: each with its log, cause and fix.",
            "source": "docs/site_pages/case_index.py",
            "hide": ["navigation"],
        }),
        f"# All {count} cases\n",
        "Each is a script that fails the way a documented incident did, the same script fixed, and what both must "
        "measure.\n",
        "".join(f"- **{kind}**: {meaning}\n" for kind, meaning in KINDS.items()),
        _make_filter(library),
    ]  # fmt: skip
    for system, group in groupby(library.cases, key=lambda case: case.system):
        name, sentence = FAMILIES[system]
        rows = [_make_row(case) for case in group]
        parts.append(f"## {name} {{ #{system} }}\n\n{sentence}\n")
        parts.append(make_table(("case", "kind", "stage", "severity", "what happened"), rows))
    return "\n".join(parts)


def _make_row(case: Case) -> tuple[str, ...]:
    return (link_case(case), case.kind, case.stage, case.severity, escape_text(case.summary))


def _make_filter(library: Library) -> str:
    """Shown by the page's script, which does the filtering; the address of a chip fills it in."""
    present = list(dict.fromkeys(case.system for case in library.cases))
    menus = [
        ("system", "Family", [(system.value, FAMILIES[system][0]) for system in present]),
        ("kind", "Kind", [(kind.value, kind.value) for kind in Kind]),
        ("stage", "Stage", [(stage.value, stage.value) for stage in Stage]),
        ("severity", "Severity", [(severity.value, severity.value) for severity in Severity]),
    ]
    fields = [
        f'<label>{label} <select name="{name}"><option value="">any</option>'
        + "".join(f'<option value="{value}">{shown}</option>' for value, shown in options)
        + "</select></label>"
        for name, label, options in menus
    ]
    words = '<label>Words <input type="search" name="words" autocomplete="off"></label>'
    status = '<output id="filtered" aria-live="polite"></output>'
    return f'\n<form id="filter" hidden>{"".join(fields)}{words}{status}</form>\n'

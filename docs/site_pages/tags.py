"""The tags of the cases, and the page that lists all cases by tag."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from repro.case import Case, Kind, Severity, Stage
from site_pages.library import FAMILIES, Library
from site_pages.markdown import escape_text, link_case, make_front_matter


@dataclass(frozen=True)
class Tag:
    """One thing that cases have in common."""

    group: str
    value: str
    label: str

    @property
    def anchor(self) -> str:
        return f"{self.group}-{self.value}"


def list_tags(case: Case) -> list[Tag]:
    """The tags of a case, in the order in which its page shows them."""
    return [
        Tag("system", case.system, FAMILIES[case.system][0]),
        Tag("kind", case.kind, case.kind),
        Tag("stage", case.stage, f"stage: {case.stage}"),
        Tag("severity", case.severity, case.severity),
    ]


GROUPS: tuple[tuple[str, str, Iterable[str]], ...] = (
    ("kind", "Kind", Kind),
    ("stage", "Stage", Stage),
    ("severity", "Severity", Severity),
    ("system", "Family", FAMILIES),
)
"""The groups of tags, with their values in order."""


def make_tags_page(library: Library) -> str:
    """All cases by tag, and by the keywords that at least two of them share."""
    found: dict[str, list[Case]] = defaultdict(list)
    labels: dict[str, str] = {}
    for case in library.cases:
        for tag in list_tags(case):
            found[tag.anchor].append(case)
            labels[tag.anchor] = tag.label
    head = {
        "title": "Tags",
        "description": "All cases by kind, stage of the training program, severity, family and keyword.",
        "source": "docs/site_pages/tags.py",
    }
    parts = [
        make_front_matter(head),
        "# Tags\n",
        "The [list of cases](cases/index.md) filters by several of these at once.\n",
    ]
    for group, title, values in GROUPS:
        parts.append(f"## {title}\n")
        for anchor in (f"{group}-{value}" for value in values):
            if anchor in found:
                parts.append(f"### {escape_text(labels[anchor].removeprefix('stage: '))} {{ #{anchor} }}\n")
                parts.append(f"{_join(found[anchor])}\n")
    parts.append(_make_keywords(library))
    return "\n".join(parts)


def _join(cases: Iterable[Case]) -> str:
    return ", ".join(link_case(case, "cases/") for case in cases)


def _make_keywords(library: Library) -> str:
    by_keyword: dict[str, list[Case]] = defaultdict(list)
    for case in library.cases:
        for keyword in case.keywords:
            by_keyword[keyword.lower()].append(case)
    shared = {keyword: cases for keyword, cases in sorted(by_keyword.items()) if len(cases) > 1}
    lines = [f"- **{escape_text(keyword)}**: {_join(cases)}" for keyword, cases in shared.items()]
    return "\n".join(["## Keywords that cases share\n", *lines, ""])

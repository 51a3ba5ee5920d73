"""Pages that are made of files outside of the docs, or of what was measured elsewhere."""

import re
import tomllib
from pathlib import Path

from kb.match.fusion import WEIGHTS
from site_pages.library import Library
from site_pages.markdown import make_front_matter

NOT_MEASURED = (
    "No measurement stands in this copy of the docs. `make bench-docs` measures on `tests/kb/match/queries.jsonl` and "
    "writes the tables of this page.\n"
)


def make_contributing(text: str) -> str:
    """CONTRIBUTING.md as a page."""
    head = make_front_matter({
        "title": "Add a case",
        "description": "How to add a training failure to the library, in five steps, and what makes a good one.",
        "source": "CONTRIBUTING.md",
    })  # fmt: skip
    return head + re.sub(r"`cases/([a-z0-9-]+)`", r"[\1](cases/\1.md)", text)


def make_changelog(text: str) -> str:
    """CHANGELOG.md as a page."""
    head = make_front_matter({
        "title": "Changelog",
        "description": "All notable changes to the library of training failures and to its command.",
        "source": "CHANGELOG.md",
    })  # fmt: skip
    return head + text


def make_accuracy_page(bench: Path) -> str:
    """What the bench measured, from the file that `make bench-docs` writes."""
    head = make_front_matter(
        {
            "title": "Measured accuracy",
            "description": "How often the right case comes first, beside simpler ways of searching, with intervals.",
            "source": "docs/measure_accuracy.py",
        }
    )
    crossed = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))["cross_validation"]
    text = bench.read_text(encoding="utf-8") if bench.is_file() else NOT_MEASURED
    return "\n".join([
        head,
        "# Measured accuracy\n",
        "Measured on the project's own queries, each with the cases that are right, some of them with none. They were "
        "written by somebody who had not seen the texts of the cases; the encoder was not trained on them. Intervals "
        "are 95%.\n",
        "The few weights of the evidence were fitted on these queries and on some from outside. In cross-validation "
        "over all of them, with every query about a fold's cases kept from the fit, the right case comes first for "
        f"{crossed['top1']:.2f}, the AUROC of none is {crossed['auroc_none']:.2f}, and the calibration error "
        f"{crossed['calibration']:.2f}.\n",
        "[How matching works](matching.md) says what is measured; `repro bench match FILE` measures the same on "
        "queries of yours.\n",
        text,
    ])  # fmt: skip


def make_counts(library: Library) -> str:
    """The sentence on the home page that counts."""
    runs = sum(len(one.seeds) * len(one.sides) for one in library.measured.values())
    return f"{len(library.cases)} cases, checked by {runs} runs: both scripts of each, on every seed that it lists."

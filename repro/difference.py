"""What differs between the two scripts of a case. No diff is stored: it is computed."""

import difflib
from dataclasses import dataclass

from repro.case import Case, Side


@dataclass(frozen=True)
class Difference:
    """The guilty lines: `text` is a unified diff, `changed` counts a replaced, added or removed line once."""

    text: str
    changed: int
    marked: int
    """Lines of the buggy script that carry the mark."""


def mark_of(case: Case) -> str:
    """The comment that marks a guilty line: `# [gait-transpose]`."""
    return f"# [{case.id}]"


def compare_scripts(case: Case, context: int = 3) -> Difference:
    """Compare the buggy script with the fixed one, with `context` unchanged lines around each change."""
    before, after = (case.script(side).read_text(encoding="utf-8").splitlines() for side in Side)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changed = sum(
        max(old_end - old_start, new_end - new_start)
        for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes()
        if tag != "equal"
    )
    lines = difflib.unified_diff(before, after, f"{case.id}/buggy.py", f"{case.id}/fixed.py", n=context, lineterm="")
    return Difference("\n".join(lines), changed, sum(mark_of(case) in line for line in before))

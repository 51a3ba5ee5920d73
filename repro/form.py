"""The form of what stands beside `case.toml`: the two scripts, the README and the recorded logs."""

import ast
import difflib
import re
import sys
from collections.abc import Iterator

from repro.case import MAX_CHANGED_LINES, Case, Side
from repro.difference import compare_scripts, mark_of

SECTIONS = (
    "What you see",
    "What goes wrong",
    "The fix",
    "How to be sure it is this one",
    "Catch it earlier",
    "Where it happened",
)
"""The sections of a case's README, in their order."""

ALLOWED_IMPORTS = frozenset({"torch", "numpy", "scipy"})
"""What a script may import beside the standard library."""

MIN_LINES, MAX_LINES = 40, 120
"""Lines of a script that are not blank."""

HUNK_CONTEXT = 3


def find_form_faults(case: Case) -> list[str]:
    """What breaks the form, one line each, with the file and what would be right; empty when nothing does."""
    faults: list[str] = []
    for side in Side:
        faults += [f"{side}.py: {fault}" for fault in _find_script_faults(case, side)]
    faults += _find_difference_faults(case)
    faults += [f"README.md: {fault}" for fault in _find_readme_faults(case)]
    return faults


# ---- scripts ---------------------------------------------------------------------------------


def _find_script_faults(case: Case, side: Side) -> Iterator[str]:
    source = case.script(side).read_text(encoding="utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        yield f"line {error.lineno}: is not Python: {error.msg}"
        return
    length = sum(1 for line in source.splitlines() if line.strip())
    if not MIN_LINES <= length <= MAX_LINES:
        yield f"has {length} lines that are not blank; {MIN_LINES} to {MAX_LINES} are right"
    docstring = ast.get_docstring(tree)
    if not docstring or "\n" in docstring:
        yield "must begin with a docstring of one line"
    for name in sorted(find_imports(tree) - ALLOWED_IMPORTS - sys.stdlib_module_names):
        yield f"imports {name}; only the standard library, {', '.join(sorted(ALLOWED_IMPORTS))} are allowed"


def find_imports(tree: ast.AST) -> set[str]:
    """Top-level names of all modules that a script imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").partition(".")[0] or ".")
    return names


# ---- what differs ----------------------------------------------------------------------------


def _find_difference_faults(case: Case) -> Iterator[str]:
    difference = compare_scripts(case)
    if not difference.changed:
        yield "fixed.py: is the same as buggy.py; change the guilty lines"
        return
    if difference.changed > MAX_CHANGED_LINES and not case.diff_reason:
        yield (
            f"fixed.py: differs in {difference.changed} lines; at most {MAX_CHANGED_LINES}, or say why in "
            f"diff_reason of case.toml"
        )
    before, after = (case.script(side).read_text(encoding="utf-8").splitlines() for side in Side)
    mark = mark_of(case)
    if any(f"[{case.id}]" in line for line in after):
        yield f"fixed.py: carries the mark [{case.id}]; only buggy.py does"
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(HUNK_CONTEXT):
        start, end = group[0][1], group[-1][2]
        if not any(mark in line for line in before[start:end]):
            yield f"buggy.py: lines {start + 1} to {end} differ, and no guilty line there ends with {mark}"
    yield from _find_changed_constants(before, after, mark)


def _find_changed_constants(before: list[str], after: list[str], mark: str) -> Iterator[str]:
    """The two scripts must do the same work: a constant may differ only where it is the bug itself."""
    old, new = _constants(before), _constants(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and not any(
            mark in line for line in before if re.search(rf"\b{name}\b", line)
        ):
            yield f"fixed.py: {name} is not what it is in buggy.py, and no marked line has it"


def _constants(lines: list[str]) -> dict[str, str]:
    """Source of each UPPER_CASE name's value at the top level of a script."""
    values: dict[str, str] = {}
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:  # named by the check of that script
        return values
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for name, value in zip(names, parts, strict=False):
                if isinstance(name, ast.Name) and name.id.isupper():
                    values[name.id] = ast.unparse(value)
    return values


# ---- README ----------------------------------------------------------------------------------


def _find_readme_faults(case: Case) -> Iterator[str]:
    if not case.readme.is_file():
        yield f"is missing; its sections are {', '.join(SECTIONS)}"
        return
    text = case.readme.read_text(encoding="utf-8")
    if text.partition("\n")[0] != f"# {case.title}":
        yield f'must begin with "# {case.title}", the title of case.toml'
    sections = split_sections(text)
    if tuple(sections) != SECTIONS:
        yield f"has the sections {', '.join(sections) or 'none'}; right are {', '.join(SECTIONS)}, in this order"
        return
    for name, body in sections.items():
        if not body.strip():
            yield f'has nothing below "{name}"'
    for name in SECTIONS[3:5]:
        if not find_blocks(sections[name], "python"):
            yield f'has no ```python block below "{name}"'
    if not find_blocks(sections[SECTIONS[0]], "log"):
        yield f'has no ```log block below "{SECTIONS[0]}"; quote the recorded log'
    recorded = {
        line
        for side in Side
        if case.log(side).is_file()
        for line in case.log(side).read_text(encoding="utf-8").splitlines()
    }
    if recorded:
        for block in find_blocks(text, "log"):
            for line in block.splitlines():
                if line.strip() not in ("", "...") and line not in recorded:
                    yield f"quotes a log line that no recorded log has: {line}"


def split_sections(text: str) -> dict[str, str]:
    """The sections of a README, by the heading of level two that each stands below."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {name.strip(): body for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def find_blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)

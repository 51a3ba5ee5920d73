"""The glossary of signs: what each is, how it is measured, and which cases show it."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import groupby, pairwise
from types import ModuleType

from kb.signs import Sign, list_signs, thresholds
from kb.signs.view import Curve, LogView
from site_pages.library import Library
from site_pages.markdown import escape_text, link_case, make_code, make_front_matter

MAX_PATTERNS = 12
"""Words that are shown of what a sign looks for."""


def make_glossary(library: Library) -> str:
    """The whole glossary, a section a family and a heading a sign."""
    signs = list(list_signs().values())
    parts = [
        make_front_matter({
            "title": "Sign glossary",
            "description": f"The {len(signs)} signs measured on a training log, how, and which cases show each.",
            "source": "kb/signs/__init__.py",
        }),
        "# Sign glossary\n",
        f"A sign is one named observation about a training run. These {len(signs)} are measured by code, on your log "
        "as on the recorded logs of the cases: `repro read train.log` prints those that it finds. A sign is seen, not "
        "seen, or cannot be told because the log does not print what is needed.\n",
        "A sign leads to a case when every run of the buggy script shows it and no run of the fixed script does.\n",
    ]  # fmt: skip
    for family, group in groupby(signs, key=lambda sign: sign.family):
        parts.append(f"## {family[0].upper()}{family[1:]}\n")
        parts += [_make_entry(sign, library) for sign in group]
    return "\n".join(parts)


def _make_entry(sign: Sign, library: Library) -> str:
    lines = [f"### `{sign.id}` {{ #{sign.id} }}\n", f"{escape_text(sign.sentence)}\n"]
    lines.append(f"- Asked as: {escape_text(sign.question)}")
    lines += [f"- {line}" for line in describe_measure(sign)]
    for title, cases in (
        ("Leads to", library.find_told(sign.id)),
        ("Shown by every run, fixed ones too, of", library.find_common(sign.id)),
        ("Shown by some runs of", library.find_sometimes(sign.id)),
    ):
        if cases:
            lines.append(f"- {title}: {', '.join(link_case(case, 'cases/') for case in cases)}")
    return "\n".join(lines) + "\n"


# ---- how a sign is measured ------------------------------------------------------------------


def describe_measure(sign: Sign) -> list[str]:
    """How a sign is measured: its docstring, the words that it looks for, the thresholds that decide."""
    lines = []
    documented = inspect.getdoc(sign.measure)
    if documented:
        lines.append(f"Measured: {escape_text(' '.join(documented.split()))}")
    words = _find_words(sign)
    if words:
        shown = ", ".join(make_code(word) for word in words[:MAX_PATTERNS])
        more = " and others" if len(words) > MAX_PATTERNS else ""
        lines.append(f"Looks for: {shown}{more}")
    known = _document_thresholds()
    for name in sorted(_find_thresholds(sign.measure)):
        value = getattr(thresholds, name)
        lines.append(f"Threshold {make_code(f'{name} = {value:g}')}: {escape_text(known[name])}")
    return lines


def _find_words(sign: Sign) -> list[str]:
    """What the regular expression of an error or a warning matches, an alternative each."""
    search = inspect.getclosurevars(sign.measure).nonlocals.get("search")
    return split_alternatives(search.pattern) if isinstance(search, re.Pattern) else []


def split_alternatives(pattern: str) -> list[str]:
    """The alternatives of a regular expression that stand outside of groups and sets, as people would write them."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(pattern):
        if place and pattern[place - 1] == "\\":
            continue
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "|" and depth == 0:
            parts.append(pattern[start:place])
            start = place + 1
    parts.append(pattern[start:])
    return [_plain(part) for part in parts if part]


def _plain(pattern: str) -> str:
    """A regular expression with its commonest marks put into words."""
    text = re.sub(r"\[\^\\n\]\{\d+,\d+\}|\.\{\d+,\d+\}", " … ", pattern)
    text = text.replace("(?:", "(").replace("(?i)", "")
    text = re.sub(r"-\?|\\d\+|\\d\*|\\w\+", lambda found: "" if found[0] == "-?" else "N", text)
    return " ".join(re.sub(r"\\(.)", r"\1", text).split())


@cache
def _document_thresholds() -> Mapping[str, str]:
    """The reason of each threshold: the text that stands below it."""
    body = ast.parse(inspect.getsource(thresholds)).body
    found = {}
    for node, text in pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assert isinstance(text, ast.Expr)
            assert isinstance(text.value, ast.Constant)
            found[node.targets[0].id] = str(text.value.value)
    return found


def _find_thresholds(measure: Callable[..., object]) -> set[str]:
    """Thresholds that a measuring function uses, itself or through the functions and properties that it calls."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting: list[Callable[..., object]] = [measure]
    while waiting:
        function = waiting.pop()
        if function.__qualname__ in seen:
            continue
        seen.add(function.__qualname__)
        module = inspect.getmodule(function)
        assert module
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "at":
                found.add(node.attr)
            else:
                waiting += _resolve(node, module)
    return found


def _resolve(node: ast.AST, module: ModuleType) -> Iterable[Callable[..., object]]:
    """The functions that a name stands for: helpers of the module, properties of a curve."""
    if isinstance(node, ast.Name):
        target = getattr(module, node.id, None)
        if inspect.isfunction(target) and target.__module__ == module.__name__:
            yield target
    elif isinstance(node, ast.Attribute):
        for owner in (Curve, LogView):
            member = inspect.getattr_static(owner, node.attr, None)
            function = getattr(member, "fget", None) or getattr(member, "func", None)
            if inspect.isfunction(function):
                yield function

"""Small pieces of Markdown."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from kb.signs import Sign, list_signs
from repro.case import Case


def make_front_matter(fields: Mapping[str, object]) -> str:
    """The block before a page. JSON is YAML, so nothing needs quoting rules of its own."""
    return "\n".join(
        ["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()), "---", ""]
    )


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; line breaks and bars inside a cell are kept from breaking it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(escape_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def escape_cell(text: str) -> str:
    """Text of a cell on one line, its bars escaped."""
    return re.sub(r"(?<!\\)\|", r"\\|", text.replace("\n", " "))


def escape_text(text: str) -> str:
    """Text of a case as text: neither HTML nor Markdown in it is meant, but for code between backticks."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") and len(part) > 2 else _escape_plain(part) for part in parts)


def _escape_plain(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]{}|~^])", r"\\\1", text)


def exclude_from_search(text: str) -> str:
    """What the search is not to find: scripts, which all have the same words, and the names of other cases.

    A section, since the theme's search takes the end of any element of the same name inside for the end of this one.
    """
    return f'<section data-search-exclude markdown="1">\n\n{text.rstrip()}\n\n</section>\n'


def make_code(text: str) -> str:
    """A code span that may hold backticks."""
    ticks = "``" if "`" in text else "`"
    space = " " if ticks == "``" else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def make_block(language: str, text: str) -> str:
    """A fenced block; the fence is longer than any in the text."""
    longest = max((len(found) for found in re.findall(r"^`{3,}", text, re.MULTILINE)), default=2)
    fence = "`" * (longest + 1 if longest >= 3 else 3)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def indent(text: str) -> str:
    """Text as the body of a tab or a note."""
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def link_case(case: Case, up: str = "") -> str:
    """A link to the page of a case, from a page that is `up` away from the folder of the cases."""
    return f"[{escape_text(case.title)}]({up}{case.id}.md)"


def link_sign(sign: Sign, up: str) -> str:
    """A link to a sign in the glossary, from a page that is `up` away from it."""
    return f"[{escape_text(sign.sentence.rstrip('.'))}]({up}signs.md#{sign.id})"


def link_known_signs(text: str, up: str) -> str:
    """Make each code span that is the id of a sign a link to the glossary; code blocks stay as they are."""
    known = list_signs()

    def link(found: re.Match[str]) -> str:
        return f"[`{found[1]}`]({up}signs.md#{found[1]})" if found[1] in known else found[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if part.startswith("```") else re.sub(r"(?<![\[`])`([a-z0-9-]+)`(?![`\]])", link, part) for part in parts
    )

"""What of a paste is code: its statements, without comments, tracebacks, logs and prose."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from kb.read.log import LogLine

MAX_LINES = 2_000
"""Lines of a paste that are looked at."""
MAX_LENGTH = 400
"""Characters of a line that are looked at: longer ones are data."""
LONGEST_CALL, LONGEST_STATEMENT = 24, 1_200
"""Lines over which a call may go on, and characters."""

_STATEMENT = re.compile(
    r"\s*(?:"
    r"@\w|import [\w.]+|from \S+ import|(?:async )?def \w|class \w+ ?[(:{]|return\b|"
    r"(?:for|while|with|if|elif|else|try|except|finally|function)\b.*[:{(]\s*$|"
    r"(?:(?:var|let|const|val|auto|private|public|local|double|float|int) )?[\w.$]+(?:\[[^\]]*\])*"
    r"(?:\s*,\s*\*?[\w.]+)*(?:\s*:\s*[\w\[\], .|]+)?\s*(?:=|<-|\+=|-=|\*=|/=|:=)(?!=)\s*\S|"
    r"\(\w+(?:, ?\w+)+\) ?=|[\w.$!]+(?:\[[^\]]*\])*(?:\.\w+)*\(|"
    r"[\])}]+[,;]?\s*$|.*%>%\s*$|.*[;{]\s*$)"
)
_TRACEBACK = re.compile(r'\s*File "|Traceback \(most|\s*[\^~]+\s*$|\s*(?:-+> ?)?\d+ ')
_COMMENT = re.compile(r"(?:^|\s)#.*$|(?:^|[;{}])\s*//.*$")
_SEVERAL = re.compile(r";\s+(?=\S)")
_PROMPT = re.compile(r"^(?:In \[\d*\]: ?|\s*\.{3,}: ?|>>> ?|\.\.\. )")
_SUITE = re.compile(r"(\s*(?:if|elif|else|for|while|with)\b.*?:)\s+([\w.\[\]]+(?:\(| ?[-+*/]?= ).*)")
"""A header with its suite on the same line."""
_OPEN, _CLOSED = re.compile(r"[(\[{]"), re.compile(r"[)\]}]")


@dataclass(frozen=True)
class Statement:
    """A line of code, with those on which it goes on."""

    text: str
    """Without comments, on one line."""
    lines: Sequence[LogLine]
    starts: Sequence[int]
    """Where in the text each line begins."""
    indent: int

    @property
    def name(self) -> str:
        """The name with which it begins, that of a variable where it is an assignment; empty where it has none."""
        found = re.match(r"(?:self\.)?(\w+)", self.text)
        return found[1] if found else ""

    def line_at(self, place: int) -> LogLine:
        """The line in which a character of the text stands."""
        return next(
            line for line, start in zip(reversed(self.lines), reversed(self.starts), strict=True) if start <= place
        )


@dataclass(frozen=True)
class Snippet:
    """The code of a paste, in its order."""

    statements: Sequence[Statement]

    @cached_property
    def text(self) -> str:
        return "\n".join(one.text for one in self.statements)

    def has(self, pattern: str) -> bool:
        """Whether any statement shows a pattern."""
        return _compile(pattern).search(self.text) is not None

    def find(self, pattern: str, after: int = 0) -> tuple[int, LogLine] | None:
        """The first statement from a place on that shows a pattern, by its place and the line that does."""
        search = _compile(pattern)
        for place, one in enumerate(self.statements[after:], after):
            found = search.search(one.text)
            if found:
                return place, one.line_at(found.end() - 1)
        return None

    def find_all(self, pattern: str) -> list[tuple[int, LogLine]]:
        """Every statement that shows a pattern."""
        search = _compile(pattern)
        found = ((place, search.search(one.text)) for place, one in enumerate(self.statements))
        return [(place, self.statements[place].line_at(match.end() - 1)) for place, match in found if match]

    def name_function(self, place: int) -> str:
        """The function in which a statement stands; empty where it stands in none."""
        inner = self.statements[place].indent
        for one in reversed(self.statements[:place]):
            found = _compile(r"^(?:async )?def (\w+)").match(one.text)
            if found and one.indent < inner:
                return found[1]
        return ""

    def order(self, **patterns: str) -> str:
        """What the code does one after the other: the name, one letter, of each statement that shows a pattern."""
        return "".join(
            name for one in self.statements for name, pattern in patterns.items() if _compile(pattern).search(one.text)
        )


def read_snippet(lines: Iterable[LogLine]) -> Snippet:
    """The code among the lines of a paste."""
    return Snippet(tuple(_join_statements(_choose_lines(lines))))


def calls_something(text: str) -> bool:
    """Whether a line is a statement that calls or gives something: what it says is not what a program printed."""
    return ("(" in text or text.lstrip().startswith("return ")) and _STATEMENT.match(text) is not None


def _choose_lines(lines: Iterable[LogLine]) -> Iterator[tuple[LogLine, str]]:
    """The lines that may be code, each without its comment; an empty text where something else stands between."""
    source_follows = False
    for count, line in enumerate(lines):
        if count == MAX_LINES:
            return
        text = line.text[:MAX_LENGTH]
        if _TRACEBACK.match(text) or source_follows:
            source_follows = text.lstrip().startswith("File ")
            yield line, ""
            continue
        code = _COMMENT.sub("", _PROMPT.sub("", text)).rstrip()
        indent = code[: len(code) - len(code.lstrip())]
        for part in _SEVERAL.split(code):
            suite = _SUITE.match(part)
            if suite:
                yield line, suite[1]
                indent, part = indent + "    ", suite[2]
            yield line, part if part.startswith(indent) else indent + part


def _join_statements(lines: Iterable[tuple[LogLine, str]]) -> Iterator[Statement]:
    held: list[tuple[LogLine, str]] = []
    depth = size = 0
    for line, text in lines:
        if held and (not text.strip() or len(held) == LONGEST_CALL or size > LONGEST_STATEMENT):
            yield _make_statement(held)
            held, depth, size = [], 0, 0
        if not held and not _STATEMENT.match(text):
            continue
        held.append((line, text))
        size += len(text)
        depth += len(_OPEN.findall(text)) - len(_CLOSED.findall(text))
        if depth <= 0:
            yield _make_statement(held)
            held, depth, size = [], 0, 0
    if held:
        yield _make_statement(held)


def _make_statement(held: Sequence[tuple[LogLine, str]]) -> Statement:
    first = held[0][1]
    parts = [first.strip(), *(text.strip() for _, text in held[1:])]
    starts = [sum(len(part) + 1 for part in parts[:number]) for number in range(len(parts))]
    return Statement(" ".join(parts), [line for line, _ in held], starts, len(first) - len(first.lstrip()))


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)

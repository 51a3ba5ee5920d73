"""Code in a paste: what of it is code, and the mistakes that can be seen in it."""

from collections.abc import Sequence

from kb.code import data, distributed, evaluation, language, loop, losses, models, optimizer, precision
from kb.code.mistake import Certainty, FoundMistake, Mistake, registered_mistakes
from kb.code.snippet import Snippet, calls_something, read_snippet

__all__ = [
    "Certainty",
    "FoundMistake",
    "Mistake",
    "Snippet",
    "calls_something",
    "find_mistakes",
    "list_mistakes",
    "read_snippet",
]

_MODULES = (losses, models, language, loop, optimizer, precision, data, evaluation, distributed)


def list_mistakes() -> Sequence[Mistake]:
    """All mistakes that are looked for."""
    return registered_mistakes()


def find_mistakes(code: Snippet) -> Sequence[FoundMistake]:
    """The mistakes that a snippet shows, each with the lines in which it stands."""
    if not code.statements:
        return ()
    found = (FoundMistake(one, tuple(one.find(code))) for one in list_mistakes())
    return tuple(one for one in found if one.lines)

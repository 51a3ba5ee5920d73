"""Numbers as training logs print them: thousands, percent, exponents, and the many spellings of NaN and infinity."""

import math
import re

NUMBER = (
    r"[-+\u2212]?(?:"
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
    r"|\.\d+(?:[eE][-+]?\d+)?"
    r"|\.?(?:[nN]a[nN]|NAN)(?:\.0|x+)?(?!\w)"
    r"|\.?(?:[iI]nf(?:inity)?|INF)(?:\.0|x+)?(?!\w))"
)
"""One number, unanchored and without a group. No part of it can match the same text in two ways."""


def parse_number(text: str) -> float:
    """The value of a text that `NUMBER` matches.

    A comma after a lone zero is a decimal comma (0,693); any other comma groups thousands (12,800).
    """
    try:
        return float(text)
    except ValueError:
        pass
    word = text.lower().replace("\u2212", "-")
    if "nan" in word:
        return math.nan
    if "inf" in word:
        return -math.inf if word.startswith("-") else math.inf
    if re.match(r"[-+]?0,\d+$", word):
        return float(word.replace(",", "."))
    return float(word.replace(",", ""))


def is_whole(text: str) -> bool:
    """Whether a number is printed as an integer, as counters are."""
    return text.lstrip("+").replace(",", "").isdigit()

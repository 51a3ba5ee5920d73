"""How long mistakes are looked for: in scripts of the cases, and in text made to keep patterns busy.

    python tests/bench/bench_code.py

A pattern that goes back and forth shows as a worst time far above that of a script of the same length.
"""

import time
from itertools import product

from kb.code import find_mistakes, read_snippet
from kb.read.log import LogLine
from repro.case import Side
from repro.collection import find_collection

CHARACTERS = 60_000
UNITS = ("a", "loss", "x = (", "f(", "a.b", "loss = loss + ", "self.w = [", " \t", "mask", "=1", "train=(")
JOINS = ("", " ", "\n")


def time_search(code: str) -> float:
    """Processor seconds for one text."""
    lines = [LogLine(number, text) for number, text in enumerate(code.splitlines(), 1)]
    start = time.process_time()
    find_mistakes(read_snippet(lines))
    return time.process_time() - start


def main() -> None:
    """Measure both."""
    scripts = [case.script(Side.BUGGY).read_text(encoding="utf-8") for case in find_collection().load_all()]
    times = sorted(time_search(script) for script in scripts)
    print(f"scripts: median {1e3 * times[len(times) // 2]:.1f} ms, worst {1e3 * times[-1]:.1f} ms of {len(times)}")
    hostile = {
        (unit, join): time_search((join.join([unit] * CHARACTERS) + "(")[:CHARACTERS])
        for unit, join in product(UNITS, JOINS)
    }
    worst = max(hostile, key=lambda key: hostile[key])
    print(f"hostile text of {CHARACTERS:,} characters: worst {1e3 * hostile[worst]:.0f} ms, {worst!r}")


if __name__ == "__main__":
    main()

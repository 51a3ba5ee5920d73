"""Measure the matching on the project's own queries, for the page of its accuracy: `docs/measured/match.md`.

    python docs/measure_accuracy.py

The file begins with the digest of the queries, so that a test can tell when they are others.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from generate_readme import ROOT

from repro.files import write_whole

QUERIES = ROOT / "tests" / "kb" / "match" / "queries.jsonl"
MEASURED = ROOT / "docs" / "measured" / "match.md"


def digest_queries(path: Path = QUERIES) -> str:
    """Changes when a query or its right answer does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def make_accuracy(path: Path = QUERIES) -> str:
    """The tables as `repro bench match` prints them, below the digest of the queries."""
    command = [sys.executable, "-m", "repro", "bench", "match", str(path), "--markdown"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return f"<!-- queries {digest_queries(path)} -->\n\n{done.stdout}"


def main() -> None:
    """Write the file anew."""
    if not QUERIES.is_file():
        sys.exit(f"{QUERIES.relative_to(ROOT)} is missing: there is nothing to measure on")
    text = make_accuracy()
    MEASURED.parent.mkdir(exist_ok=True)
    write_whole(MEASURED, text)


if __name__ == "__main__":
    main()

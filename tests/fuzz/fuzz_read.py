"""Coverage-guided fuzzing of the reader: no exception but LogError, and no input of 100 kB that takes over 2 s.

    pip install atheris
    python tests/fuzz/fuzz_read.py -max_len=100000 -timeout=2

Not a part of `make test`: it runs until it is stopped, and atheris has no wheel for every Python.
"""

import sys

import atheris

with atheris.instrument_imports(include=["kb"]):
    from kb.errors import LogError
    from kb.read import read_bytes
    from kb.signs import measure_signs


def read_input(data: bytes) -> None:
    """One input: read it, and measure every sign on what came out."""
    try:
        log = read_bytes(data, "upload")
    except LogError:
        return
    measure_signs(log)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_input)
    atheris.Fuzz()

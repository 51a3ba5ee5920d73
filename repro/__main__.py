"""`python -m repro`."""

import sys

try:
    from repro.cli import INTERRUPTED, main
except KeyboardInterrupt:  # while it was still loading
    sys.exit(130)

if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before the first command could take it
        sys.exit(INTERRUPTED)

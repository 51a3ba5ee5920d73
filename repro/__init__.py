"""Reproducible training failures: load, run, check and show cases.

Importing this package imports neither torch nor pydantic: child processes import it before every script.
"""

__version__ = "0.1.0"

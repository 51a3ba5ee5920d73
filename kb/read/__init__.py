"""Read any training log: what was measured, what happened, and the error it ended with."""

from kb.read.files import read_bytes, read_path
from kb.read.log import ErrorReport, Event, EventKind, LogLine, Series, TrainingLog
from kb.read.text import read_text

__all__ = [
    "ErrorReport",
    "Event",
    "EventKind",
    "LogLine",
    "Series",
    "TrainingLog",
    "read_bytes",
    "read_path",
    "read_text",
]

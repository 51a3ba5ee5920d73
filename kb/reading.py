"""A reading of a log as plain values, for programs."""

import math
from collections.abc import Mapping
from typing import Any

from kb.read.log import TrainingLog
from kb.signs import Answer, Finding, list_signs


def describe_reading(log: TrainingLog, findings: Mapping[str, Finding]) -> dict[str, Any]:
    """What `repro read --json` prints. NaN and infinity are strings, as JSON has no words for them."""
    return {
        "records": log.count,
        "x": log.x_name,
        "x_first": log.x_first,
        "x_last": log.x_last,
        "series": {
            name: {"first": jsonable(one.first), "last": jsonable(one.last), "n": len(one)}
            for name, one in log.series.items()
        },
        "has_nan": log.has_nan,
        "error": str(log.error) if log.error else None,
        "error_frame": log.error.frame if log.error else None,
        "signs": [
            {
                "id": name,
                "sentence": list_signs()[name].sentence,
                "detail": found.detail,
                "lines": [{"number": line.number, "text": line.text} for line in found.lines],
            }
            for name, found in findings.items()
            if found.answer is Answer.SEEN
        ],
        "not_seen": [name for name, found in findings.items() if found.answer is Answer.NOT_SEEN],
        "events": [
            {"kind": event.kind.value, "line": event.line.number, "text": event.line.text} for event in log.events
        ],
        "unread": [{"number": line.number, "text": line.text} for line in log.unread],
        "notes": list(log.notes),
        "lines": log.line_count,
    }


def jsonable(value: float) -> float | str:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else str(value)

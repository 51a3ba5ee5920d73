"""What both scripts of each case measured on every seed: the figures that stand beside the bounds on its page.

The table is written with the table of signs, from the same runs (`make evidence`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.evidence import digest_case
from repro.case import Case, Side
from repro.files import write_whole
from repro.run import first_line, format_metrics
from repro.verify import Verification

TABLE = Path(__file__).parent / "data" / "measured.json"


@dataclass(frozen=True)
class SideMeasurement:
    """What one script measured, a value a seed."""

    metrics: Mapping[str, tuple[float, ...]]
    errors: tuple[str, ...]
    """The exceptions that ended the script, class and first line of the message; each is named once."""
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class CaseMeasurement:
    """What the two scripts of a case measured."""

    case_id: str
    digest: str
    """Of the two scripts and their seeds."""
    seeds: tuple[int, ...]
    sides: Mapping[Side, SideMeasurement]

    @property
    def usual_seconds(self) -> float:
        """How long both scripts take, one after the other.

        The quickest seed of each: seeds do the same work, and a slower one waited for other programs.
        """
        return sum(min(side.seconds) for side in self.sides.values())


def measure_metrics(verification: Verification) -> CaseMeasurement:
    """Gather what the runs of a case measured."""
    case, reports = verification.case, verification.reports
    spreads = verification.spread()
    sides = {}
    for side in Side:
        results = [report.sides[side].result for report in reports]
        errors = [f"{result.error}: {first_line(result.message)}".rstrip(": ") for result in results if result.error]
        sides[side] = SideMeasurement(
            {spread.metric: spread.values for spread in spreads if spread.side is side},
            tuple(dict.fromkeys(errors)),
            tuple(round(result.seconds, 1) for result in results),
        )
    return CaseMeasurement(case.id, digest_case(case), tuple(report.seed for report in reports), sides)


def write_measured(measured: Iterable[CaseMeasurement], path: Path = TABLE) -> None:
    """Write the table, whole or not at all; a row a case."""
    rows = ",\n".join(
        f"{json.dumps(one.case_id)}: {json.dumps(_pack(one))}" for one in sorted(measured, key=lambda one: one.case_id)
    )
    write_whole(path, f"{{\n{rows}\n}}\n")


def _pack(one: CaseMeasurement) -> dict[str, object]:
    sides = {
        side.value: {
            "metrics": {
                name: [format_metrics({name: value})[name] for value in values] for name, values in of.metrics.items()
            },
            "errors": of.errors,
            "seconds": of.seconds,
        }
        for side, of in one.sides.items()
    }
    return {"digest": one.digest, "seeds": one.seeds, **sides}


def load_measured(path: Path = TABLE) -> dict[str, CaseMeasurement]:
    """The table, by case id."""
    table = json.loads(path.read_text(encoding="utf-8"))
    return {
        case_id: CaseMeasurement(
            case_id, row["digest"], tuple(row["seeds"]), {side: _unpack(row[side.value]) for side in Side}
        )
        for case_id, row in table.items()
    }


def _unpack(row: Mapping[str, Any]) -> SideMeasurement:
    metrics = {name: tuple(map(float, values)) for name, values in row["metrics"].items()}
    return SideMeasurement(metrics, tuple(row["errors"]), tuple(row["seconds"]))


def find_unmeasured(cases: Iterable[Case], table: Mapping[str, CaseMeasurement]) -> list[str]:
    """Ids of the cases that the table lacks or was measured on other scripts of."""
    return [case.id for case in cases if case.id not in table or table[case.id].digest != digest_case(case)]

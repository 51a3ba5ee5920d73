"""Which signs each case shows, measured on the logs of its runs: the table behind P(sign | case).

    python -m kb.evidence        run every case on every seed and write the table anew (`make evidence`)

The table is a file of the package, with the digest of the scripts that it was measured on; a case whose scripts
have changed since is told by `find_stale`.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.read import read_text
from kb.signs import Answer, list_signs, measure_signs
from repro.case import Case, Side
from repro.errors import ReproError
from repro.files import write_whole

if TYPE_CHECKING:
    from repro.verify import Verification

TABLE = Path(__file__).parent / "data" / "signs.json"


@dataclass(frozen=True)
class Counts:
    """How many runs of one side of a case answered how."""

    seen: int = 0
    not_seen: int = 0
    unknown: int = 0

    @property
    def always(self) -> bool:
        """Whether the sign was seen on every run."""
        return self.seen > 0 and not (self.not_seen or self.unknown)


@dataclass(frozen=True)
class CaseEvidence:
    """The signs of one case, both sides."""

    case_id: str
    digest: str
    """Of the two scripts and their seeds."""
    runs: int
    """Seeds that each side was run on."""
    signs: Mapping[Side, Mapping[str, Counts]]
    """By side and sign; a sign that no log could tell is left out."""

    def count(self, side: Side, sign: str) -> Counts:
        return self.signs[side].get(sign, Counts(unknown=self.runs))


def digest_case(case: Case) -> str:
    """Changes when a script or the list of seeds does."""
    digest = hashlib.sha256()
    for side in Side:
        digest.update(case.script(side).read_bytes())
    digest.update(repr(case.seeds).encode())
    return digest.hexdigest()[:16]


def measure_case(case: Case, logs: Mapping[Side, Iterable[str]]) -> CaseEvidence:
    """Measure all signs on the logs of a case, one text a seed and side."""
    signs: dict[Side, dict[str, Counts]] = {}
    runs = 0
    for side, texts in logs.items():
        answers: dict[str, list[Answer]] = {}
        runs = 0
        for text in texts:
            runs += 1
            for sign, finding in measure_signs(read_text(text)).items():
                answers.setdefault(sign, []).append(finding.answer)
        signs[side] = {
            sign: Counts(found.count(Answer.SEEN), found.count(Answer.NOT_SEEN), found.count(Answer.UNKNOWN))
            for sign, found in answers.items()
            if found.count(Answer.UNKNOWN) < len(found)
        }
    return CaseEvidence(case.id, digest_case(case), runs, signs)


def run_cases(cases: Iterable[Case]) -> "Iterator[Verification]":
    """Run each case on its seeds.

    Raises:
        ReproError: a case does not do what it must; what it measures would be that of something else.

    """
    from repro.launch import make_launcher
    from repro.verify import Plan, Status, verify_cases

    chosen = list(cases)
    with make_launcher(scripts=[case.script(side) for case in chosen for side in Side]) as launcher:
        for case in chosen:
            (verification,) = verify_cases(Plan([case]), launcher)
            if verification.status is not Status.HOLDS:
                raise ReproError(f"{case.id} does not hold: {'; '.join(verification.faults)}")
            yield verification


def measure_runs(verification: "Verification") -> CaseEvidence:
    """Measure all signs on the logs of a case that was run."""
    logs = {side: ["\n".join(report.sides[side].result.lines) for report in verification.reports] for side in Side}
    return measure_case(verification.case, logs)


def write_evidence(evidence: Iterable[CaseEvidence], path: Path = TABLE) -> None:
    """Write the table, whole or not at all."""
    cases = {
        one.case_id: {
            "digest": one.digest,
            "runs": one.runs,
            **{side.value: _pack(one.signs[side], one.runs) for side in Side},
        }
        for one in sorted(evidence, key=lambda one: one.case_id)
    }
    rows = ",\n".join(f"{json.dumps(case_id)}: {json.dumps(row)}" for case_id, row in cases.items())
    write_whole(path, f"{{\n{rows}\n}}\n")


def _pack(signs: Mapping[str, Counts], runs: int) -> dict[str, object]:
    """The counts of one side; the many signs that no run shows are named only."""
    shown = {sign: [counts.seen, counts.not_seen] for sign, counts in signs.items() if counts.not_seen < runs}
    return {"shown": shown, "never": [sign for sign in signs if sign not in shown]}


def _unpack(packed: Mapping[str, Any], runs: int) -> dict[str, Counts]:
    shown = {sign: Counts(seen, no, runs - seen - no) for sign, (seen, no) in packed["shown"].items()}
    return dict.fromkeys(packed["never"], Counts(not_seen=runs)) | shown


def load_evidence(path: Path = TABLE) -> dict[str, CaseEvidence]:
    """The table, by case id; signs that this version does not know are left out."""
    known = list_signs()
    table: dict[str, CaseEvidence] = {}
    for case_id, row in json.loads(path.read_text(encoding="utf-8")).items():
        runs = row["runs"]
        signs = {
            side: {sign: counts for sign, counts in _unpack(row[side.value], runs).items() if sign in known}
            for side in Side
        }
        table[case_id] = CaseEvidence(case_id, row["digest"], runs, signs)
    return table


def find_stale(cases: Iterable[Case], table: Mapping[str, CaseEvidence]) -> list[str]:
    """Ids of the cases that the table lacks or was measured on other scripts of."""
    return [case.id for case in cases if case.id not in table or table[case.id].digest != digest_case(case)]


def main() -> None:
    """Run all shipped cases and write anew which signs they show and what they measure."""
    from rich.progress import track

    from kb.measured import CaseMeasurement, measure_metrics, write_measured
    from repro.collection import find_collection

    cases = find_collection().load_all()
    found: list[CaseEvidence] = []
    measured: list[CaseMeasurement] = []
    shown = sys.stderr.isatty()
    for verification in track(run_cases(cases), "signs of the cases", len(cases), disable=not shown):
        found.append(measure_runs(verification))
        measured.append(measure_metrics(verification))
    write_evidence(found)
    write_measured(measured)


if __name__ == "__main__":
    main()

"""Record the log of either side of a case, as files beside its scripts."""

import re
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from repro.case import Case, Side
from repro.check import CaseReport, check_side
from repro.files import write_whole
from repro.launch import Launcher
from repro.run import Limits, run_script


def record_case(case: Case, launcher: Launcher, limits: Limits = Limits()) -> CaseReport:
    """Run both sides on the first listed seed; write both logs when both sides do what is expected.

    Nothing is written otherwise.

    Raises:
        ReproError: a log cannot be written.
        RunnerError: no child could be started.

    """
    seed = case.seeds[0]
    report = CaseReport(
        case,
        seed,
        {side: check_side(case, side, run_script(launcher, case.script(side), seed, limits)) for side in Side},
    )
    if report.reproduced:
        for side, each in report.sides.items():
            lines = clean_lines(each.result.lines, case.folder)
            write_whole(case.log(side), "".join(f"{line}\n" for line in lines))
    return report


def clean_lines(lines: Iterable[str], folder: Path) -> list[str]:
    """Lines of a log without what differs between machines: where things are installed, the scratch folder."""
    places = [(str(folder), f"cases/{folder.name}")]
    packages = {*site.getsitepackages(), sysconfig.get_paths()["purelib"]}
    places += [(path, "site-packages") for path in packages]
    places += [(sysconfig.get_paths()["stdlib"], "python"), (sys.prefix, "python")]
    return [_replace_places(line, places) for line in lines]


def _replace_places(line: str, places: Iterable[tuple[str, str]]) -> str:
    for place, name in places:
        line = line.replace(place, name)
    return re.sub(r"/\S*/repro-[a-z0-9_]{8}\b", "scratch", line)

"""Runs the blocks of a case's page on the scripts of a case."""

from pathlib import Path

from repro.case import Case, Side
from repro.launch import Launcher
from repro.run import RunResult, run_script


def run_block(launcher: Launcher, case: Case, side: Side, block: str, folder: Path) -> RunResult:
    """Run a block of a README as if it stood at the end of one of the scripts."""
    script = folder / f"{case.id}_{side}_block.py"
    script.write_text(f"import runpy\nglobals().update(runpy.run_path({str(case.script(side))!r}))\n{block}")
    return run_script(launcher, script, 0)

"""What every case of the collection must be. One set of tests finds every folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from repro.case import Case, Side
from repro.check import check_side, outline
from repro.collection import Collection, find_collection, shipped_folder
from repro.form import SECTIONS, find_blocks, find_form_faults, split_sections
from repro.launch import Launcher
from repro.record import clean_lines
from repro.run import Outcome, RunResult, parse_metrics, run_script
from tests.cases.blocks import run_block

COLLECTION: Collection = find_collection()
ROOT = shipped_folder()
CASES = [pytest.param(case_id, id=case_id) for case_id in COLLECTION]
SIDES = [pytest.param(side, id=side.value) for side in Side]
ONE_SEED = [
    pytest.param(case.id, case.seeds[number % len(case.seeds)], id=f"{case.id}-{case.seeds[number % len(case.seeds)]}")
    for number, case in enumerate(COLLECTION.load_valid()[0])
]
"""Each case with one of its seeds, in turn; `repro verify` runs them all."""
ALONE = [
    pytest.param(case_id, list(Side)[number // 5 % 2], id=f"{case_id}-{list(Side)[number // 5 % 2]}")
    for number, case_id in enumerate(COLLECTION)
    if number % 5 == 0
]
"""One case in five, its sides in turn: for checks that start an interpreter, and wait for torch."""
SLOWEST_SECONDS = 20
"""A run that takes longer is a fault even on a machine that is shared; 5 s on a free core are the limit."""


@pytest.fixture
def case(case_id: str) -> Case:
    return COLLECTION.load(case_id)


def run(launcher: Launcher, case: Case, side: Side, seed: int) -> RunResult:
    return run_script(launcher, case.script(side), seed)


@pytest.mark.parametrize("case_id", CASES)
class TestForm:
    def test_complete(self, case: Case) -> None:
        names = {path.name for path in case.folder.iterdir() if not path.name.startswith((".", "__"))}
        assert names == {"case.toml", "README.md", "buggy.py", "fixed.py", "buggy.log", "fixed.log"}

    def test_valid(self, case: Case) -> None:
        assert find_form_faults(case) == []

    def test_id_begins_with_its_system(self, case: Case) -> None:
        assert case.id.startswith(f"{case.system}-")

    def test_lookalikes_know_each_other(self, case: Case) -> None:
        for other in case.lookalikes:
            assert case.id in COLLECTION.load(other).lookalikes, f"{other} does not name {case.id}"

    def test_readme_names_every_lookalike_and_links_resolve(self, case: Case) -> None:
        text = case.readme.read_text(encoding="utf-8")
        for other in {*case.lookalikes, *case.rule_out_first}:
            assert f"../{other}/README.md" in text
        prose = re.sub(r"^```.*?^```|`[^`]*`", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)\)", prose):
            if not target.startswith("http"):
                assert (case.folder / target).exists(), target


@pytest.mark.parametrize(("case_id", "seed"), ONE_SEED)
def test_both_sides_do_what_is_expected(fork_launcher: Launcher, case: Case, seed: int) -> None:
    for side in Side:
        report = check_side(case, side, run(fork_launcher, case, side, seed))
        assert report.faults == (), f"{side}: {report.faults}\n" + "\n".join(report.result.lines[-20:])
        assert report.result.seconds < SLOWEST_SECONDS


@pytest.mark.parametrize(("case_id", "side"), ALONE)
def test_runs_alone_with_plain_python(fork_launcher: Launcher, case: Case, side: Side, tmp_path: Path) -> None:
    """The script needs nothing of this project, and the runner changes nothing that it measures."""
    script = case.script(side)
    done = subprocess.run(
        [sys.executable, "-P", script, "--seed", "0"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    forked = run(fork_launcher, case, side, 0)
    if case.expect.on(side).error:
        assert done.returncode == 1
        told = re.sub(
            r"^\[rank\d+\]: ?", "", done.stderr, flags=re.MULTILINE
        )  # torch's own hook, where it runs in several
        lines = [line.rstrip() for line in f"{forked.error}: {forked.message}".rstrip().splitlines()]
        assert [line.rstrip() for line in told.rstrip().splitlines()][-len(lines) :] == lines
    else:
        assert done.returncode == 0, done.stderr
        assert parse_metrics(done.stdout.splitlines()[-1]) == pytest.approx(forked.metrics, nan_ok=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case_id", CASES)
class TestScript:
    def test_recorded_log_fits_the_bounds(self, case: Case, side: Side) -> None:
        lines = case.log(side).read_text(encoding="utf-8").splitlines()
        expectation = case.expect.on(side)
        if expectation.error:
            raised = next(line for line in reversed(lines) if expectation.error_message in line)
            assert expectation.error_class.rpartition(".")[2] in raised
        else:
            recorded = RunResult(Outcome.METRICS, tuple(lines), 0.0, parse_metrics(lines[-1]))
            assert check_side(case, side, recorded).faults == ()

    def test_recorded_log_has_the_structure_of_a_run(self, fork_launcher: Launcher, case: Case, side: Side) -> None:
        recorded = case.log(side).read_text(encoding="utf-8").splitlines()
        fresh = clean_lines(run(fork_launcher, case, side, case.seeds[0]).lines, case.folder)
        assert outline(recorded) == outline(fresh)

    def test_curve_is_in_the_log(self, case: Case, side: Side) -> None:
        from repro.curves import extract_curve

        if case.curve is None:
            pytest.skip("no curve")
        lines = case.log(side).read_text(encoding="utf-8").splitlines()
        assert len(extract_curve(case.curve, lines)) >= 3 or case.expect.on(side).error


@pytest.mark.parametrize("case_id", CASES)
class TestReadme:
    def test_probe_tells_the_sides_apart(self, fork_launcher: Launcher, case: Case, tmp_path: Path) -> None:
        section = split_sections(case.readme.read_text(encoding="utf-8"))[SECTIONS[3]]
        for block in find_blocks(section, "python"):
            before, after = (run_block(fork_launcher, case, side, block, tmp_path) for side in Side)
            assert (before.error, after.error) == ("", ""), before.lines + after.lines
            assert before.lines != after.lines
            assert before.lines

    def test_assertion_catches_the_bug(self, fork_launcher: Launcher, case: Case, tmp_path: Path) -> None:
        section = split_sections(case.readme.read_text(encoding="utf-8"))[SECTIONS[4]]
        for block in find_blocks(section, "python"):
            before, after = (run_block(fork_launcher, case, side, block, tmp_path) for side in Side)
            assert before.error == "AssertionError", before.lines
            assert after.outcome is Outcome.NO_METRICS, after.lines

    def test_commands_run(self, case: Case, tmp_path: Path) -> None:
        commands = [
            line
            for block in find_blocks(case.readme.read_text(encoding="utf-8"), "sh")
            for line in block.splitlines()
            if line.strip()
        ]
        for command in commands:
            program, *rest = shlex.split(command)
            assert program in ("repro", "python"), command
            head = [sys.executable, "-m", "repro"] if program == "repro" else [sys.executable]
            done = subprocess.run([*head, *rest], cwd=ROOT.parent, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

"""The command as a user meets it: what it prints, and its exit codes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from repro import __version__
from tests.conftest import TOML, MakeCase, Repro, write_script

COMMANDS = [
    "app",
    "bench",
    "case",
    "chat",
    "completion",
    "diff",
    "list",
    "match",
    "new",
    "read",
    "record",
    "show",
    "verify",
]


def test_version(repro: Repro) -> None:
    assert repro("--version").stdout == f"repro {__version__}\n"


def test_every_command_is_known_here(repro: Repro) -> None:
    text = repro("--help").stdout.partition("Commands:")[2]
    assert re.findall(r"^  (\w+)", text, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(repro: Repro, command: str) -> None:
    done = repro(command, "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout
    for line in done.stdout.splitlines():
        if re.match(r"  +(-|--)\w", line):
            assert re.search(r"\s{2,}\S.*$", line.strip()) or line.endswith(("]", "FLOAT")), line


# ---- repro case ------------------------------------------------------------------------------


def test_case_that_reproduces(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(), "case", "small-case")
    assert done.returncode == 0, done.stderr
    assert re.search(r"accuracy +share that is right +0\.1 +0\.95 +≤ 0\.5 → ≥ 0\.9 +yes", done.stdout)
    assert "-ACCURACY = 0.1  # [small-case] too low" in done.stdout
    assert "+ACCURACY = 0.95" in done.stdout
    assert "loss  ── buggy ── fixed" in done.stdout
    assert "metrics {" in done.stdout
    assert done.stdout.rstrip().endswith("Reproduced on seed 0: before, accuracy is 0.1; after, accuracy is 0.95.")
    assert "\x1b" not in done.stdout


def test_case_that_does_not_reproduce(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(fixed__py=write_script("0.6")), "case", "small-case", "--seed", "1")
    assert done.returncode == 1
    assert "fixed.py: accuracy is 0.601, expected ≥ 0.9" in done.stdout
    assert "Not reproduced on seed 1" in done.stdout


BROKEN = {
    "raises": ("raise ValueError('odd')", "fixed.py: the script raised ValueError: odd"),
    "hangs": ("import time\ntime.sleep(600)", "fixed.py: the script still ran after 5 s, the time limit"),
    "memory": ("bytearray(1 << 34)", "fixed.py: the script asked for more memory than its limit of 256 MiB"),
    "no-metrics": ("print('done')", "fixed.py: the script printed no metrics line"),
    "two-metrics": ("print('metrics {}\\nmetrics {}')", "fixed.py: the script printed 2 metrics lines"),
    "nan": ("print('metrics {\"accuracy\": NaN}')", "fixed.py: the script printed a metrics line that cannot be read"),
    "killed": ("import os\nos.kill(os.getpid(), 9)", "fixed.py: the script was killed by SIGKILL"),
    "output": ("while True: print('x' * 999999)", "fixed.py: the script wrote more than 4 MiB of output"),
    "unknown-metric": (
        'print(\'metrics {"accuracy": 0.95, "speed": 1}\')',
        "fixed.py: the script prints speed, which case.toml does not explain",
    ),
    "missing-metric": ("print('metrics {}')", "fixed.py: accuracy is not printed, expected ≥ 0.9"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_side_leaves_the_other(repro: Repro, make_case: MakeCase, name: str) -> None:
    source, message = BROKEN[name]
    folder = make_case(fixed__py=source)
    done = repro("--cases", folder, "case", "small-case", "--time-limit", "5", "--memory-limit", "256")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert message in done.stdout
    assert re.search(r"accuracy .* 0\.1 ", done.stdout), "the other side's result is still shown"


def test_expected_error(repro: Repro, make_case: MakeCase) -> None:
    toml = TOML.format(id="small-case").lstrip().replace("accuracy = { max = 0.5 }", 'error = "ValueError: too sh"')
    folder = make_case(case__toml=toml, buggy__py="raise ValueError('walk too short')")
    done = repro("--cases", folder, "case", "small-case")
    assert done.returncode == 0, done.stdout
    assert "before, it raised ValueError: walk too short" in done.stdout
    other = repro("--cases", make_case("b-c", case__toml=toml.replace("small-case", "b-c")), "case", "b-c")
    assert other.returncode == 1
    assert "error is ended with metrics, expected ValueError: …too sh…" in other.stdout


def test_one_side_alone(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(fixed__py="raise ValueError"), "case", "small-case", "--only", "buggy")
    assert done.returncode == 0
    assert "As expected of buggy.py on seed 0: before, accuracy is 0.1." in done.stdout
    assert "fixed.py ·" not in done.stdout


def test_case_as_json(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(), "case", "small-case", "--json", "--fresh")
    report = json.loads(done.stdout)
    assert (report["schema"], report["case"], report["seed"], report["reproduced"]) == (1, "small-case", 0, True)
    assert report["sides"]["buggy"]["metrics"] == {"accuracy": 0.1}
    assert report["sides"]["fixed"]["checks"][0]["held"] is True
    assert report["curve"]["fixed"] == [1.0, 0.5, 0.3333]
    assert "+ACCURACY = 0.95" in report["diff"]


def test_plot(repro: Repro, make_case: MakeCase, tmp_path: Path) -> None:
    picture = tmp_path / "loss.svg"
    done = repro("--cases", make_case(), "case", "small-case", "--plot", picture)
    assert done.returncode == 0, done.stderr
    root = ElementTree.parse(picture).getroot()
    assert root.tag.endswith("svg")
    assert "from 1 to 0.3333" in "".join(root.itertext())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["case", "gait-transposed"], 'there is no case "gait-transposed"; nearest: gait-transpose'),
        (["case"], "Missing argument 'ID'"),
        (["case", "gait-transpose", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["case", "gait-transpose", "--only", "left"], "'left' is not one of 'buggy', 'fixed'"),
        (["case", "gait-transpose", "--plot", "nowhere/a.svg"], '--plot: "nowhere" is no folder'),
        (["case", "gait-transpose", "--time-limit", "0"], "0 is not in the range x>=0.1"),
        (["--cases", "nowhere", "list"], '--cases: "nowhere" is no folder'),
        (["list", "--kind", "loud"], '"loud" is none of silent, unstable, crash, masked'),
        (["show", "nothing-such"], 'there is no case "nothing-such"'),
        (["diff", "../../etc/passwd"], 'there is no case "../../etc/passwd"'),
        (["verify", "gait-transpose", "nothing-such"], 'there is no case "nothing-such"'),
        (["verify", "--jobs", "0"], "0 is not in the range x>=1"),
        (["verify", "gait-transpose", "--junit", "nowhere/a.xml"], '--junit: "nowhere" is no folder'),
        (["new", "Bad Id"], '"Bad Id" is not an id'),
        (["new", "good-id", "--into", "nowhere"], '"nowhere" is no folder'),
        (["completion", "csh"], "'csh' is not one of 'bash', 'zsh', 'fish'"),
        (["cases"], "No such command 'cases'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use(repro: Repro, arguments: list[str], message: str) -> None:
    done = repro(*arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_broken_case_file(repro: Repro, make_case: MakeCase) -> None:
    folder = make_case(case__toml="id = 3")
    done = repro("--cases", folder, "case", "small-case")
    assert done.returncode == 2
    assert f"{folder / 'case.toml'}: title: is missing" in done.stderr


def accept_interrupts() -> None:
    """Ctrl-C as in a terminal, also when the tests run in the background, where shells have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("fresh", [[], ["--fresh"]], ids=["fork", "fresh"])
def test_interrupt(make_case: MakeCase, fresh: list[str], tmp_path: Path) -> None:
    """Ctrl-C in a terminal: exit code 130, no child left, cursor and echo as they were."""
    mark = tmp_path / "pids"
    folder = make_case(
        buggy__py=f"import os, time\nopen({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')\nprint('on')\ntime.sleep(600)"
    )
    leader, follower = pty.openpty()
    before = os.popen(f"stty -a <{os.ttyname(follower)}").read()
    process = subprocess.Popen(
        [sys.executable, "-m", "repro", "--cases", str(folder), "case", "small-case", *fresh],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=accept_interrupts,
        env={**os.environ, "TERM": "xterm"},
    )
    wait_until(lambda: mark.exists() and mark.read_text().endswith(" "))
    os.killpg(process.pid, signal.SIGINT)
    shown = read_until_end(leader, process)
    assert process.returncode == 130
    assert "repro: interrupted" in shown
    assert "Traceback" not in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is visible again"
    assert os.popen(f"stty -a <{os.ttyname(follower)}").read() == before
    pid = int(mark.read_text())
    wait_until(lambda: not is_running(pid))
    os.close(leader)
    os.close(follower)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
@pytest.mark.parametrize("fresh", [[], ["--fresh"]], ids=["fork", "fresh"])
def test_killed_command_leaves_no_child(make_case: MakeCase, fresh: list[str], tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    folder = make_case(
        buggy__py=f"import os, time\nopen({str(mark)!r}, 'a').write(f'{{os.getpid()}} ')\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-m", "repro", "--cases", str(folder), "case", "small-case", *fresh])
    wait_until(lambda: mark.exists() and mark.read_text().endswith(" "))
    process.kill()
    process.wait()
    pid = int(mark.read_text())
    wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize("seconds", [0.2, 1.0])
def test_interrupt_before_a_script_runs(make_case: MakeCase, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "repro", "--cases", str(make_case()), "case", "small-case"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=accept_interrupts,
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)  # the second, before Python itself takes signals
    assert "Traceback" not in errors


def read_until_end(leader: int, process: "subprocess.Popen[bytes]") -> str:
    os.set_blocking(leader, False)
    shown = b""
    for _ in range(1000):
        ended = process.poll() is not None
        try:
            shown += os.read(leader, 65_536)
        except (BlockingIOError, OSError):
            if ended:
                return shown.decode(errors="replace")
            time.sleep(0.02)
    raise AssertionError(f"still running: {shown!r}")


def wait_until(condition: object) -> None:
    for _ in range(1500):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_live_progress_in_a_terminal(make_case: MakeCase) -> None:
    slow = write_script("0.95").replace("    for epoch", "    import time\n    time.sleep(0.5)\n    for epoch")
    folder = make_case(fixed__py=slow)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "repro", "--cases", str(folder), "case", "small-case"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
    )
    shown = read_until_end(leader, process)
    os.close(leader)
    os.close(follower)
    assert process.returncode == 0
    assert "fixed.py · starting" in shown
    assert "epoch 2 loss 0.3333" in shown
    assert "\x1b[32m+ACCURACY = 0.95" in shown


def test_read_only_checkout(repro: Repro, make_case: MakeCase) -> None:
    folder = make_case()
    for path in [*folder.iterdir(), folder, folder.parent]:
        path.chmod(path.stat().st_mode & 0o555)
    try:
        before = sorted(folder.iterdir())
        assert repro("--cases", folder, "case", "small-case").returncode == 0
        assert sorted(folder.iterdir()) == before
        done = repro("--cases", folder, "record", "small-case")
        if os.geteuid() != 0:  # root may write everywhere
            assert done.returncode == 2
            assert "buggy.log: cannot be written: Permission denied" in done.stderr
    finally:
        for path in [folder.parent, folder]:
            path.chmod(0o755)


# ---- the others ------------------------------------------------------------------------------


def test_list(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(), "list")
    assert done.returncode == 0, done.stderr
    assert "gait-transpose" in done.stdout
    assert done.stdout.index("gait-transpose") < done.stdout.index("small-case"), "grouped by system"
    only = repro("--cases", make_case("b-c"), "list", "--system", "other", "--kind", "silent", "--stage", "loop")
    assert "b-c" in only.stdout
    assert "gait" not in only.stdout


def test_list_as_json(repro: Repro) -> None:
    cases = json.loads(repro("list", "--json", "--system", "gait").stdout)
    transpose = next(case for case in cases if case["id"] == "gait-transpose")
    assert (transpose["kind"], transpose["stage"], transpose["seeds"]) == ("silent", "data", [0, 1, 2, 3, 4])


def test_list_shows_the_valid_beside_the_broken(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(case__toml="id = 3"), "list")
    assert done.returncode == 2
    assert "gait-transpose" in done.stdout
    assert "small-case/case.toml: title: is missing" in done.stderr


def test_empty_selection(repro: Repro) -> None:
    assert repro("list", "--stage", "scale", "--kind", "silent").stdout == "no case fits\n"


def test_show(repro: Repro) -> None:
    done = repro("show", "gait-transpose")
    assert done.returncode == 0
    assert "Tensors saved as (time, channels) fed to Conv1d" in done.stdout
    assert "##" not in done.stdout
    data = json.loads(repro("show", "gait-transpose", "--json").stdout)
    assert data["expect"]["buggy"]["bounds"]["rank1"]["max"] > 0
    assert data["readme"].startswith("# ")


def test_diff(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(), "diff", "small-case")
    assert done.stdout.startswith("--- small-case/buggy.py\n+++ small-case/fixed.py\n@@")
    assert "-ACCURACY = 0.1  # [small-case] too low\n+ACCURACY = 0.95\n" in done.stdout


def test_verify(repro: Repro, make_case: MakeCase, tmp_path: Path) -> None:
    good, bad = (
        make_case(),
        make_case("worse-case", fixed__py=write_script("0.8995")),
    )
    done = repro("--cases", good, "verify", "small-case", "--junit", tmp_path / "out.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"small-case +accuracy +0\.1 to 0\.101 +0\.95 to 0\.951 +≤ 0\.5 → ≥ 0\.9 .*holds", done.stdout)
    assert "1 of 1 cases hold; flaky: none" in done.stdout
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("5", "0")
    done = repro("--cases", good, "--cases", bad, "verify", "small-case", "worse-case", "--seeds", "2")
    assert done.returncode == 1
    assert "worse-case: seed 0, fixed: accuracy is 0.8995, expected ≥ 0.9" in done.stdout
    assert "1 of 2 cases hold; flaky: worse-case" in done.stdout


def test_verify_as_json(repro: Repro, make_case: MakeCase) -> None:
    found = json.loads(repro("--cases", make_case(), "verify", "small-case", "--json", "--seeds", "1").stdout)
    assert found["holds"] is True
    assert found["cases"][0]["seeds"] == [0]
    assert {"side": "buggy", "metric": "accuracy", "min": 0.1, "max": 0.1} in found["cases"][0]["spread"]


def test_verify_finds_what_is_not_the_same_twice(repro: Repro, make_case: MakeCase) -> None:
    folder = make_case(fixed__py=write_script("0.95 + __import__('random').random() / 1000"))
    done = repro("--cases", folder, "verify", "small-case", "--repeat", "2", "--seeds", "1")
    assert done.returncode == 1
    assert "does not measure the same twice on seed 0" in done.stdout
    assert "flaky: small-case" in done.stdout


def test_verify_checks_the_form(repro: Repro, make_case: MakeCase) -> None:
    done = repro("--cases", make_case(README__md="# Nothing"), "verify", "small-case", "--seeds", "1")
    assert done.returncode == 1
    assert 'small-case: README.md: must begin with "# A small case"' in done.stdout


def test_record(repro: Repro, make_case: MakeCase) -> None:
    folder = make_case()
    done = repro("--cases", folder, "record", "small-case")
    assert (done.returncode, done.stdout) == (0, "recorded 1 of 1 cases\n")
    assert (folder / "buggy.log").read_text().splitlines() == [
        "epoch 0 loss 1.0000",
        "epoch 1 loss 0.5000",
        "epoch 2 loss 0.3333",
        'metrics {"accuracy": 0.1}',
    ]
    assert {path.name for path in folder.iterdir()} == {
        *("case.toml", "README.md", "buggy.py", "fixed.py", "buggy.log", "fixed.log")
    }


def test_record_refuses_what_does_not_hold(repro: Repro, make_case: MakeCase) -> None:
    folder = make_case(fixed__py=write_script("0.6"))
    done = repro("--cases", folder, "record", "small-case")
    assert done.returncode == 1
    assert "small-case: not recorded. Not reproduced on seed 0: fixed: accuracy is 0.6" in done.stderr
    assert not (folder / "buggy.log").exists()


def test_new_case_fails_until_it_is_filled_in(repro: Repro, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    done = repro("new", "gait-sensor-drift")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "cases" / "gait-sensor-drift"
    assert {path.name for path in folder.iterdir()} == {"case.toml", "README.md", "buggy.py", "fixed.py"}
    failed = repro("--cases", folder, "verify", "gait-sensor-drift")
    assert failed.returncode == 2
    for key in ("title", "summary", "kind", "severity", "stage", "keywords", "symptoms", "origin", "expect.buggy"):
        assert f"case.toml: {key}" in failed.stderr, key
    assert repro("new", "gait-sensor-drift").returncode == 2
    assert "exists already" in repro("new", "gait-sensor-drift").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(repro: Repro, shell: str) -> None:
    assert "_REPRO_COMPLETE" in repro("completion", shell).stdout


def test_ids_are_completed(repro: Repro, make_case: MakeCase) -> None:
    line = f"repro --cases {make_case()} case small"
    words = {"_REPRO_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "4"}
    assert "small-case" in repro(env={**os.environ, **words}).stdout


def test_reader_that_goes_away() -> None:
    command = f"{sys.executable} -m repro list --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[", "")


def test_listing_needs_no_torch(repro: Repro) -> None:
    code = (
        "import sys, repro.cli\ntry: repro.cli.main()\n"
        "finally: print(sorted({'torch', 'pandas', 'kb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, "list"], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"

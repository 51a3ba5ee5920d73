"""Running one script: both ways of starting it, everything it can do wrong, and its clean end."""

import math
import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from repro.child import Job
from repro.errors import RunnerError
from repro.launch import ForkLauncher, FreshLauncher, Launcher, can_fork
from repro.run import MIB, Limits, Outcome, RunResult, parse_metrics, run_script

QUICK = Limits(seconds=20)
"""Generous, since a fresh process imports torch first and machines are shared."""


def run(launcher: Launcher, folder: Path, source: str, limits: Limits = QUICK, seed: int = 0) -> RunResult:
    script = folder / "script.py"
    script.write_text(source, encoding="utf-8")
    return run_script(launcher, script, seed, limits)


WELL = """
import os, sys, torch
print("seed", sys.argv[1:], "threads", torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
print("name", __name__, "stdin", repr(sys.stdin.read()), "files", os.listdir())
print("beside", sys.path[0] == os.path.dirname(__file__), "gpu", repr(os.environ["CUDA_VISIBLE_DEVICES"]))
print("on stderr", file=sys.stderr)
open("litter", "w").write("x")
print("metrics", '{"loss": 0.5, "steps": 3, "worst": "nan", "best": "-inf"}')
"""


def test_script_that_ends_well(launcher: Launcher, tmp_path: Path) -> None:
    result = run(launcher, tmp_path, WELL, seed=7)
    assert result.outcome is Outcome.METRICS, result.lines
    assert result.lines[:4] == (
        "seed ['--seed', '7'] threads 1 True",
        "name __main__ stdin '' files []",
        "beside True gpu ''",
        "on stderr",
    )
    assert {name: str(value) for name, value in result.metrics.items()} == {
        "loss": "0.5",
        "steps": "3.0",
        "worst": "nan",
        "best": "-inf",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


@dataclass(frozen=True)
class Bad:
    name: str
    source: str
    outcome: Outcome
    ending: str
    limits: Limits = QUICK
    also_fresh: bool = False
    """Whether a fresh process, which takes seconds to import torch, could end in another way."""


BAD = [
    Bad(
        "hangs",
        "print('on', flush=True)\nimport time\ntime.sleep(600)",
        Outcome.TIMEOUT,
        "still ran after 6 s, the time limit; it was ended",
        Limits(seconds=6),
        also_fresh=True,
    ),
    Bad(
        "hangs-deaf",
        "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\nos.close(1); os.close(2)\ntime.sleep(600)",
        Outcome.TIMEOUT,
        "still ran after 6 s, the time limit; it was ended",
        Limits(seconds=6),
    ),
    Bad(
        "eats-memory",
        "import torch\nkept = [torch.zeros(64 << 20) for _ in range(100)]",
        Outcome.ERROR,
        "raised RuntimeError: [enforce fail at",
        Limits(seconds=20, memory=512 * MIB),
        also_fresh=True,
    ),
    Bad(
        "eats-memory-in-python",
        "kept = [bytearray(1 << 26) for _ in range(1000)]",
        Outcome.ERROR,
        "raised MemoryError",
        Limits(seconds=20, memory=512 * MIB),
    ),
    Bad(
        "no-metrics",
        "print('done')",
        Outcome.NO_METRICS,
        "printed no metrics line; the last line must be",
        also_fresh=True,
    ),
    Bad("no-output", "", Outcome.NO_METRICS, "printed no metrics line"),
    Bad(
        "two-metrics",
        "for _ in range(2): print('metrics {\"a\": 1}')",
        Outcome.SEVERAL_METRICS,
        "printed 2 metrics lines; there must be one",
    ),
    Bad(
        "prints-nan",
        "print('metrics {\"loss\": NaN}')",
        Outcome.BAD_METRICS,
        'cannot be read: NaN is not JSON; write "nan", as a string',
    ),
    Bad("prints-nonsense", "print('metrics {1}')", Outcome.BAD_METRICS, "cannot be read: not JSON"),
    Bad(
        "killed",
        "import os\nos.kill(os.getpid(), 9)",
        Outcome.SIGNAL,
        "was killed by SIGKILL, as the system does",
        also_fresh=True,
    ),
    Bad("crashes", "import os\nos.kill(os.getpid(), 11)", Outcome.SIGNAL, "was killed by SIGSEGV, a crash"),
    Bad(
        "writes-much",
        "for _ in range(100): print('x' * (1 << 20))",
        Outcome.OUTPUT,
        "wrote more than 4 MiB of output, the limit; it was ended",
        also_fresh=True,
    ),
    Bad("exits", "import sys\nsys.exit(3)", Outcome.EXIT, "ended itself with exit code 3", also_fresh=True),
    Bad("exits-with-words", "import sys\nsys.exit('no data')", Outcome.EXIT, "ended itself with exit code 1"),
    Bad("raises", "raise KeyError('epoch')", Outcome.ERROR, "raised KeyError: 'epoch'", also_fresh=True),
    Bad("is-no-python", "def", Outcome.ERROR, "raised SyntaxError: invalid syntax"),
    Bad("own-error", "class Odd(Exception): pass\nraise Odd('a\\nb')", Outcome.ERROR, "raised Odd: a"),
    Bad(
        "library-error",
        "import json\njson.loads('{')",
        Outcome.ERROR,
        "raised json.decoder.JSONDecodeError: Expecting property name",
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])
def test_script_that_goes_wrong(fork_launcher: Launcher, tmp_path: Path, bad: Bad) -> None:
    hold_to_its_end(bad, fork_launcher, tmp_path)


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name) for bad in BAD if bad.also_fresh])
def test_script_that_goes_wrong_in_a_fresh_process(tmp_path: Path, bad: Bad) -> None:
    with FreshLauncher() as launcher:
        hold_to_its_end(bad, launcher, tmp_path)


def hold_to_its_end(bad: Bad, launcher: Launcher, tmp_path: Path) -> None:
    result = run(launcher, tmp_path, bad.source, bad.limits)
    assert (result.outcome, result.metrics) == (bad.outcome, {})
    assert bad.ending in result.ending
    assert "\n" not in result.ending
    assert result.seconds < bad.limits.seconds + 2


def test_memory_limit_is_named(fork_launcher: Launcher, tmp_path: Path) -> None:
    result = run(fork_launcher, tmp_path, "bytearray(1 << 34)", Limits(seconds=20, memory=512 * MIB))
    assert result.problem == "asked for more memory than its limit of 512 MiB"


def test_traceback_is_that_of_plain_python(launcher: Launcher, tmp_path: Path) -> None:
    result = run(launcher, tmp_path, "def f():\n    raise ValueError('odd')\nf()\n")
    script = tmp_path / "script.py"
    assert result.lines == (
        "Traceback (most recent call last):",
        f'  File "{script}", line 3, in <module>',
        "    f()",
        f'  File "{script}", line 2, in f',
        "    raise ValueError('odd')",
        "ValueError: odd",
    )
    assert (result.error, result.message) == ("ValueError", "odd")


def test_lines_arrive_while_the_script_runs(launcher: Launcher, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\nprint('one')\ntime.sleep(1.5)\nprint('metrics {}')")
    arrived: dict[str, float] = {}
    run_script(launcher, script, 0, QUICK, lambda line: arrived.setdefault(line, time.monotonic()))
    assert arrived["metrics {}"] - arrived["one"] > 1


def test_odd_output_is_kept_readable(launcher: Launcher, tmp_path: Path) -> None:
    source = "import os\nos.write(1, b'\\xff\\x00caf\\xc3\\xa9\\r\\nmetrics {}')\nprint()\nprint('\\ud800')"
    result = run(launcher, tmp_path, source)
    assert result.lines == ("\ufffd\x00café", "metrics {}", "\\ud800")


def test_what_a_script_has_started_ends_with_it(launcher: Launcher, tmp_path: Path) -> None:
    source = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid)
print("metrics {}")
"""
    result = run(launcher, tmp_path, source)
    assert result.outcome is Outcome.METRICS
    assert result.seconds < QUICK.seconds
    assert wait_for_end(int(result.lines[0]))


def wait_for_end(pid: int) -> bool:
    """Whether a process that is not ours to wait for ends within two seconds."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def test_cancel(launcher: Launcher, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, time\nprint(os.getpid())\ntime.sleep(600)")
    cancelled = threading.Event()
    result = run_script(launcher, script, 0, QUICK, lambda _: cancelled.set(), cancelled)
    assert result.outcome is Outcome.CANCELLED
    assert wait_for_end(int(result.lines[0]))


def test_both_ways_measure_the_same(fork_launcher: Launcher, tmp_path: Path) -> None:
    source = """
import json, sys, torch
torch.manual_seed(int(sys.argv[2]))
model = torch.nn.Linear(50, 50)
optimizer = torch.optim.Adam(model.parameters())
for _ in range(20):
    loss = (model(torch.randn(64, 50)) ** 2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print("metrics", json.dumps({"loss": loss.item()}))
"""
    with FreshLauncher() as fresh:
        for seed in (0, 1):
            forked = run(fork_launcher, tmp_path, source, seed=seed)
            assert forked.metrics == run(fresh, tmp_path, source, seed=seed).metrics
            assert math.isfinite(forked.metrics["loss"])


@pytest.mark.skipif(not can_fork(), reason="no fork server on this platform")
class TestForkServer:
    def test_runs_do_not_see_each_other(self, fork_launcher: Launcher, tmp_path: Path) -> None:
        source = "import torch\nprint(hasattr(torch, 'mine'), torch.rand(1))\ntorch.mine = 1\nprint('metrics {}')"
        assert run(fork_launcher, tmp_path, source).lines == run(fork_launcher, tmp_path, source).lines

    def test_many_at_once(self, fork_launcher: Launcher, tmp_path: Path) -> None:
        from concurrent.futures import ThreadPoolExecutor

        script = tmp_path / "script.py"
        script.write_text("import sys\nprint('metrics {\"seed\": %s}' % sys.argv[2])")
        with ThreadPoolExecutor(8) as pool:
            results = pool.map(lambda seed: run_script(fork_launcher, script, seed, QUICK), range(24))
        assert [result.metrics["seed"] for result in results] == list(range(24))

    def test_no_descriptor_is_left(self, fork_launcher: Launcher, tmp_path: Path) -> None:
        run(fork_launcher, tmp_path, "print('metrics {}')")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            run(fork_launcher, tmp_path, "print('metrics {}')")
        assert len(os.listdir("/proc/self/fd")) == before

    def test_killed_server_is_an_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text("import os, time\nprint(os.getpid(), os.getppid(), flush=True)\ntime.sleep(600)")
        pids: list[int] = []

        def kill_server(line: str) -> None:
            pids.extend(map(int, line.split()))
            os.kill(pids[1], signal.SIGKILL)

        with ForkLauncher() as launcher:
            with pytest.raises(RunnerError, match="the process that forks scripts was killed"):
                run_script(launcher, script, 0, Limits(seconds=3), kill_server)
            with pytest.raises(RunnerError, match="ended: it was killed"):
                run(launcher, tmp_path, "print('metrics {}')")
        assert wait_for_end(pids[0])

    def test_closing_ends_what_runs(self, tmp_path: Path) -> None:
        (tmp_path / "script.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
        read, write = os.pipe()
        with ForkLauncher() as launcher:
            launcher.start(Job(str(tmp_path / "script.py"), 0, str(tmp_path), 60, 512 * MIB), write)
            pid = int(os.read(read, 100))
        os.close(read)
        os.close(write)
        assert wait_for_end(pid)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("metrics [1]", "a list in place of an object"),
        ('metrics {"a": true}', '"a" is True; a number, or one of nan, inf, -inf as a string'),
        ('metrics {"a": "0.5"}', "\"a\" is '0.5'; a number"),
        ('metrics {"a": null}', '"a" is None'),
        ('metrics {"a": -Infinity}', '-Infinity is not JSON; write "-inf"'),
        ('metrics {"a": 1e999}', '"a" is too large'),
        ("metrics", "not JSON"),
    ],
)
def test_metrics_line_that_is_wrong(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_metrics(line)

"""Run one script of a case: stream its lines, hold it to its limits, and say how it ended."""

import json
import math
import os
import selectors
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from repro.child import Job
from repro.launch import Child, Ending, Launcher

METRICS_PREFIX = "metrics "
NON_FINITE = ("nan", "inf", "-inf")
"""How a metrics line writes values that are not finite: as these strings, since JSON has none."""

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a script may use. The defaults leave a case twelve times the time that it may take."""

    seconds: float = 60.0
    memory: int = 2048 * MIB
    """Bytes of address space beyond what Python and torch take before the script starts."""
    output: int = 4 * MIB
    """Bytes of output."""


class Outcome(StrEnum):
    """How a script ended."""

    METRICS = "metrics"
    """Well, with one metrics line."""
    ERROR = "error"
    """An exception left the script."""
    EXIT = "exit"
    """It called `sys.exit` with a failure."""
    NO_METRICS = "no-metrics"
    SEVERAL_METRICS = "several-metrics"
    BAD_METRICS = "bad-metrics"
    TIMEOUT = "timeout"
    OUTPUT = "output"
    """It wrote more than it may."""
    SIGNAL = "signal"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RunResult:
    """What one run of a script left."""

    outcome: Outcome
    lines: tuple[str, ...]
    """Standard output and error as one sequence, without line ends."""
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    """Class of the exception: its name, with its module unless that is built in."""
    message: str = ""
    problem: str = ""
    """One line that says what went wrong; empty where the script ended with metrics or an exception."""

    @property
    def ending(self) -> str:
        """One line that says how the script ended, whatever the outcome."""
        if self.outcome is Outcome.METRICS:
            return "ended with metrics"
        if self.outcome is Outcome.ERROR:
            return f"raised {self.error}: {first_line(self.message)}" if self.message else f"raised {self.error}"
        return self.problem


def first_line(text: str) -> str:
    """The first line of a message that may have many."""
    return text.strip().partition("\n")[0]


def run_script(
    launcher: Launcher,
    script: Path,
    seed: int,
    limits: Limits = Limits(),
    on_line: Callable[[str], None] | None = None,
    cancelled: threading.Event | None = None,
) -> RunResult:
    """Run a script in a child process, in an empty folder which is removed afterwards.

    Args:
        on_line: called with each line while the script runs, in the calling thread.
        cancelled: when it is set, the script is ended and the outcome is CANCELLED.

    Raises:
        RunnerError: no child could be started.

    """
    with tempfile.TemporaryDirectory(prefix="repro-", ignore_cleanup_errors=True) as scratch:
        job = Job(str(script.resolve()), seed, scratch, limits.seconds, limits.memory)
        output, output_end = os.pipe()
        try:
            try:
                child = launcher.start(job, output_end)
            finally:
                os.close(output_end)
            reader = _OutputReader(output, limits, on_line)
            stopped = _follow(child, reader, limits, cancelled)
        finally:
            os.close(output)
        ending = child.wait()
    return _judge(ending, stopped, reader, limits)


class _OutputReader:
    """Splits what a child writes into lines, up to the limit."""

    def __init__(self, descriptor: int, limits: Limits, on_line: Callable[[str], None] | None) -> None:
        self.descriptor = descriptor
        self.lines: list[str] = []
        self.started = time.monotonic()
        self._room = limits.output
        self._rest = b""
        self._on_line = on_line

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def is_full(self) -> bool:
        return self._room < 0

    def read(self) -> bool:
        """Read what is there; False at the end of the output."""
        data = os.read(self.descriptor, 65_536)
        self._room -= len(data)
        if self.is_full:
            data = data[: self._room]
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line)
        return bool(data) and not self.is_full

    def finish(self) -> None:
        """Take a last line that has no line end."""
        if self._rest:
            self._add(self._rest)
        self._rest = b""

    def _add(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.lines.append(text)
        if self._on_line:
            self._on_line(text)


def _follow(child: Child, reader: _OutputReader, limits: Limits, cancelled: threading.Event | None) -> Outcome | None:
    """Read until the child ends; end it when it oversteps. Returns why it was ended, if it was."""
    stopped: Outcome | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(reader.descriptor, selectors.EVENT_READ)
        while stopped is None:
            left = limits.seconds - reader.seconds
            if selector.select(min(max(left, 0), 0.1)):
                if not reader.read():
                    break
            elif child.has_ended():  # something that it started still holds the output
                while selector.select(0) and reader.read():  # what it wrote since the last look
                    pass
                break
            if cancelled is not None and cancelled.is_set():
                stopped = Outcome.CANCELLED
            elif left <= 0:
                stopped = Outcome.TIMEOUT
        if reader.is_full:
            stopped = Outcome.OUTPUT
        # A script that closed its output may still run.
        while stopped is None and not child.has_ended():
            if cancelled is not None and cancelled.is_set():
                stopped = Outcome.CANCELLED
            elif reader.seconds > limits.seconds:
                stopped = Outcome.TIMEOUT
            else:
                time.sleep(0.002)
    if stopped is not None:
        child.kill()
    reader.finish()
    return stopped


def _judge(ending: Ending, stopped: Outcome | None, reader: _OutputReader, limits: Limits) -> RunResult:
    outcome, problem = Outcome.METRICS, ""
    metrics: dict[str, float] = {}
    if stopped is not None:
        outcome = stopped
        problem = {
            Outcome.TIMEOUT: f"still ran after {limits.seconds:g} s, the time limit; it was ended",
            Outcome.OUTPUT: f"wrote more than {limits.output // MIB} MiB of output, the limit; it was ended",
            Outcome.CANCELLED: "was cancelled",
        }[stopped]
    elif ending.error:
        outcome = Outcome.ERROR
        if _lacks_memory(ending):
            problem = f"asked for more memory than its limit of {limits.memory // MIB} MiB"
    elif ending.status < 0:
        outcome, problem = Outcome.SIGNAL, _explain_signal(-ending.status)
    elif ending.status > 0:
        outcome, problem = Outcome.EXIT, f"ended itself with exit code {ending.status}"
    else:
        outcome, problem, metrics = _read_metrics(reader.lines)
    return RunResult(
        outcome=outcome,
        lines=tuple(reader.lines),
        seconds=reader.seconds,
        metrics=metrics,
        error=ending.error,
        message=ending.message,
        problem=problem,
    )


def _lacks_memory(ending: Ending) -> bool:
    name = ending.error.rpartition(".")[2]  # torch's OutOfMemoryError is about a device
    return name in ("MemoryError", "_ArrayMemoryError") or "can't allocate memory" in ending.message


def _explain_signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = {
        "SIGKILL": ", as the system does when memory runs out",
        "SIGSEGV": ", a crash in native code",
        "SIGXCPU": ", the limit on processor time",
    }
    return f"was killed by {name}{hint.get(name, '')}"


# ---- the metrics line ------------------------------------------------------------------------


def _read_metrics(lines: list[str]) -> tuple[Outcome, str, dict[str, float]]:
    found = [line for line in lines if line.startswith(METRICS_PREFIX)]
    if not found:
        return (
            Outcome.NO_METRICS,
            'printed no metrics line; the last line must be: metrics {"name": value}',
            {},
        )
    if len(found) > 1:
        return Outcome.SEVERAL_METRICS, f"printed {len(found)} metrics lines; there must be one", {}
    try:
        return Outcome.METRICS, "", parse_metrics(found[0])
    except ValueError as error:
        return Outcome.BAD_METRICS, f"printed a metrics line that cannot be read: {error}", {}


def parse_metrics(line: str) -> dict[str, float]:
    """Values of a metrics line, such as `metrics {"rank1": 0.98, "loss": "nan"}`.

    Raises:
        ValueError: the rest of the line is not one JSON object of numbers and of "nan", "inf" or "-inf".

    """
    try:
        data = json.loads(line.removeprefix(METRICS_PREFIX), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"a {type(data).__name__} in place of an object")
    return dict(_read_values(data))


def _read_values(data: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    for name, value in data.items():
        if isinstance(value, str) and value in NON_FINITE:
            yield name, float(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(value):
                raise ValueError(f'"{name}" is too large for a float; print "inf"')
            yield name, float(value)
        else:
            raise ValueError(f'"{name}" is {value!r}; a number, or one of {", ".join(NON_FINITE)} as a string')


def _refuse_constant(constant: str) -> float:
    written = constant.lower().replace("infinity", "inf")
    raise ValueError(f'{constant} is not JSON; write "{written}", as a string')


def format_metrics(metrics: Mapping[str, float]) -> dict[str, float | str]:
    """The values as JSON can hold them: what is not finite as a string."""
    return {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}

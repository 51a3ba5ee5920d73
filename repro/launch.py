"""Two ways to start a script in a child process: a fork of a server that has torch, or a fresh interpreter.

Both run `repro.child`, both give the same metrics. The fresh one is the reference, and the only one on platforms
where a process that has loaded torch cannot be forked.
"""

import ast
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from repro.child import Job
from repro.errors import RunnerError
from repro.sessions import kill_session

CHILD_ENVIRONMENT: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "CUDA_VISIBLE_DEVICES": "",  # a case measures the same with and without a GPU in the machine
}


PRELOADED_LIBRARIES = frozenset({"numpy", "scipy", "torch"})
"""Libraries that the server imports ahead when a script wants them; none of them starts threads on import."""


@dataclass(frozen=True)
class Ending:
    """How a child ended: `status` is its exit code, or minus the signal that killed it."""

    status: int
    error: str = ""
    """Class of the exception that left the script, with its module unless that is built in; or empty."""
    message: str = ""


class Child(Protocol):
    """A script that was started."""

    def kill(self) -> None:
        """End it and everything that it has started. Harmless when it has ended."""

    def has_ended(self) -> bool:
        """Whether it has ended; does not wait."""

    def wait(self) -> Ending:
        """Wait for the end."""


class Launcher(Protocol):
    """Starts scripts. Safe to use from several threads; a context manager that ends what it has started."""

    def start(self, job: Job, output: int) -> Child:
        """Start a job whose standard output and error go to the descriptor `output`, which the caller closes.

        Raises:
            RunnerError: no process could be started.

        """

    def close(self) -> None:
        """End every child that still runs, and the launcher."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def make_launcher(fresh: bool = False, scripts: Iterable[Path] = ()) -> "Launcher":
    """The fork server where the platform allows it and `fresh` is not asked for.

    Args:
        scripts: the scripts to be run, as far as they are known: the server imports their libraries ahead.
    """
    if fresh or not can_fork():
        return FreshLauncher()
    return ForkLauncher(sorted({name for script in scripts for name in _find_libraries(script)}))


def _find_libraries(script: Path) -> Iterator[str]:
    """Modules of the libraries which take long to import that a script imports at its top level."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):  # whoever runs it will say so
        return
    for node in tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in PRELOADED_LIBRARIES)


def can_fork() -> bool:
    """Whether a process that has loaded torch can be forked: macOS and its system libraries forbid it."""
    return sys.platform == "linux"


class _Closing:
    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# ---- fresh processes -------------------------------------------------------------------------


class FreshChild:
    """A new interpreter that runs one script."""

    def __init__(self, process: "subprocess.Popen[bytes]", report: int) -> None:
        self._process = process
        self._report = report

    def kill(self) -> None:
        if self._process.poll() is None:
            kill_session(self._process.pid)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> Ending:
        status = self._process.wait()
        kill_session(self._process.pid)  # what the script itself has started
        with open(self._report, "rb") as report:
            record = _read_report(report.read())
        return Ending(status, record.get("error", ""), record.get("message", ""))


class FreshLauncher(_Closing):
    """Starts a new interpreter for each script, which imports torch anew."""

    def __init__(self) -> None:
        self._children: list[FreshChild] = []

    def start(self, job: Job, output: int) -> FreshChild:
        report, report_end = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "repro.child", job.to_json(), str(report_end)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(report_end,),
                cwd=job.scratch,
                env={**os.environ, **CHILD_ENVIRONMENT},
                start_new_session=True,
            )
        except OSError as error:
            os.close(report)
            raise RunnerError(f"no process could be started: {error}") from error
        finally:
            os.close(report_end)
        child = FreshChild(process, report)
        self._children.append(child)
        return child

    def close(self) -> None:
        for child in self._children:
            child.kill()


# ---- forked processes ------------------------------------------------------------------------


class ForkedChild:
    """A fork of the server that runs one script."""

    def __init__(self, launcher: "ForkLauncher", pid: int, report: int) -> None:
        self._launcher = launcher
        self._pid = pid
        self._report = report
        self._received = b""
        self._closed = False

    def kill(self) -> None:
        self._launcher.kill(self._pid)

    def has_ended(self) -> bool:
        if not self._closed:
            os.set_blocking(self._report, False)
            with contextlib.suppress(BlockingIOError):
                self._receive()
        return self._closed

    def wait(self) -> Ending:
        if not self._closed:
            os.set_blocking(self._report, True)
            while not self._closed:
                self._receive()
        record = _read_report(self._received)
        if "status" not in record:
            raise RunnerError("the process that forks scripts was killed while a script ran")
        status = os.waitstatus_to_exitcode(record["status"])
        return Ending(status, record.get("error", ""), record.get("message", ""))

    def _receive(self) -> None:
        while data := os.read(self._report, 65_536):
            self._received += data
        os.close(self._report)
        self._closed = True


class ForkLauncher(_Closing):
    """Starts scripts by forking a server which has imported torch. The server starts in the background."""

    def __init__(self, modules: Iterable[str] = ()) -> None:
        self._connection, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "repro.forkserver", str(server_end.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(server_end.fileno(),),
                env={**os.environ, **CHILD_ENVIRONMENT},
                start_new_session=True,
            )
        except OSError as error:
            raise RunnerError(f"no process could be started: {error}") from error
        finally:
            server_end.close()
        self._answers = self._connection.makefile("rb")
        self._lock = threading.Lock()
        self._ready = False
        self._closing = False

    def start(self, job: Job, output: int) -> ForkedChild:
        report, report_end = os.pipe()
        try:
            request = json.dumps({"start": asdict(job)}).encode() + b"\n"
            answer = self._ask(request, (output, report_end))
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(report_end)
        return ForkedChild(self, answer["pid"], report)

    def kill(self, pid: int) -> None:
        """End one child and everything that it has started, if it is still there."""
        try:
            self._ask(json.dumps({"kill": pid}).encode() + b"\n")
        except RunnerError:  # the server is gone, so nothing else would end its child
            kill_session(pid)

    def close(self) -> None:
        """End the server, which ends its children first."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        try:
            self._server.wait(timeout=5 if self._ready else 0.1)
        except subprocess.TimeoutExpired:  # still importing torch, without a child
            self._server.kill()
            self._server.wait()
        self._connection.close()
        if self._server.stderr:
            self._server.stderr.close()

    def _ask(self, request: bytes, descriptors: tuple[int, ...] = ()) -> dict[str, int]:
        with self._lock:
            try:
                if not self._ready:
                    self._receive()
                    self._ready = True
                socket.send_fds(self._connection, [request], descriptors)
                return self._receive()
            except (OSError, ValueError) as error:
                raise RunnerError(self._explain_end()) from error

    def _receive(self) -> dict[str, int]:
        line = self._answers.readline()
        if not line:
            raise ConnectionError("closed")
        answer: dict[str, int] = json.loads(line)
        return answer

    def _explain_end(self) -> str:
        if self._closing:
            return "the run was stopped"
        said = b""
        with contextlib.suppress(subprocess.TimeoutExpired, OSError, ValueError):
            said = self._server.communicate(timeout=2)[1] or b""
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        return f"the process that forks scripts ended: {last or 'it was killed'} (`--fresh` does without it)"


# ---- both ------------------------------------------------------------------------------------


def _read_report(report: bytes) -> dict[str, Any]:
    """What the child and the server wrote: one JSON object a line, merged."""
    record: dict[str, Any] = {}
    for line in report.splitlines():
        record.update(json.loads(line))
    return record

"""What happens inside a child process: become a clean, limited process, run one script, report how it ended.

Started as a program for a fresh process (`python -m repro.child JOB REPORT_FD`), called by the fork server
after a fork. Nothing here is imported by the process that shows results.
"""

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

PRELOADED = ("torch", "torch._dynamo")
"""Imported before a script starts, however it is started. The first optimizer pulls in torch._dynamo."""

_PR_SET_PDEATHSIG = 1
"""From `linux/prctl.h`."""

MAX_MESSAGE = 2_000
"""Characters of an exception's message that are reported."""


@dataclass(frozen=True)
class Job:
    """One script to run. Sizes in bytes, times in seconds."""

    script: str
    seed: int
    scratch: str
    time_limit: float
    memory_limit: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        return cls(**json.loads(text))


def preload(names: Iterable[str] = ()) -> None:
    """Import what every script needs, and what `names` says, as far as it is installed.

    Nothing is computed: a process that has not computed can be forked.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    for name in names:
        with contextlib.suppress(ImportError):  # the script that wants it will say so
            importlib.import_module(name)


def run_job(job: Job, report_fd: int) -> int:
    """Run a script as `python script --seed N` would, under the limits of the job.

    Standard output and error are those of the process. When the script raises, one JSON line with the class
    and the message is written to `report_fd`.

    Returns:
        The exit status for the process.

    """
    _prepare_process(job)
    status = 0
    try:
        runpy.run_path(job.script, run_name="__main__")
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        if isinstance(leave.code, str):
            print(leave.code, file=sys.stderr)
    except BaseException as error:
        status = 1
        _print_traceback(error, job.script)
        _report(report_fd, error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return status


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it is gone, even if that was killed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prepare_process(job: Job) -> None:
    import torch

    os.chdir(job.scratch)
    os.environ["TMPDIR"] = job.scratch
    sys.argv = [job.script, "--seed", str(job.seed)]
    sys.path[0] = str(Path(job.script).parent)
    # New streams, since those of a forked process still believe that they write where the server writes.
    sys.stdout, sys.stderr = (  # left open for as long as the process lives
        open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    torch.set_num_threads(1)
    with contextlib.suppress(RuntimeError):  # raised where the process was told before
        torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)
    _limit_resources(job)


def _limit_resources(job: Job) -> None:
    try:
        import resource
    except ImportError:  # no such limits on this platform; the parent still enforces the time
        return
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + job.memory_limit
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # A backstop for the case that whoever enforces the time limit was killed.
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + 2 * job.time_limit) + 2
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _print_traceback(error: BaseException, script: str) -> None:
    """Print what plain `python script` would: without the frames of this module and of runpy."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != script:
        frame = frame.tb_next
    with contextlib.suppress(BaseException):  # an exception whose own __str__ fails, or no memory left
        traceback.print_exception(type(error), error, frame or error.__traceback__)


def _report(report_fd: int, error: BaseException) -> None:
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception as failure:
        message = f"(no message: {type(failure).__name__} while it was made)"
    line = json.dumps({"error": name, "message": message}) + "\n"
    with contextlib.suppress(OSError):
        os.write(report_fd, line.encode())


def main() -> None:
    """Run the job of the command line, in a process of its own."""
    job, report_fd = Job.from_json(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(report_fd, False)
    _die_with_parent()
    preload()
    os._exit(run_job(job, report_fd))


if __name__ == "__main__":
    main()

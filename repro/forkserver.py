"""The fork server: a process that has imported torch and does nothing but fork children which run one script.

Importing torch takes seconds, forking a process that has done it takes milliseconds. The server computes
nothing, so that a fork finds no threads and no locks. Requests come one at a time over a socket, as one line of
JSON with file descriptors attached; each is answered by one line.

    {"start": {job}} and two descriptors (output, report)  ->  {"pid": 123}
    {"kill": 123}                                          ->  {"killed": true or false}

When a child has ended, `{"status": N}` is written to its report descriptor, N as `os.waitpid` gives it. The
server ends, and its children with it, when the other end of the socket is closed.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import NoReturn

from repro.child import Job, preload, run_job
from repro.sessions import kill_session

MAX_REQUEST = 65_536


class ForkServer:
    """Forks, kills and reaps; knows nothing of what the scripts do."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reports: dict[int, int] = {}
        """Process id of each living child, and the descriptor that takes its end."""

    def serve(self) -> None:
        """Answer requests until the other end closes the socket; then end all children."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._connection.sendall(b'{"ready": true}\n')
        try:
            self._answer_until_closed(woken)
        finally:
            for pid in list(self._reports):
                kill_session(pid)

    def _answer_until_closed(self, woken: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if woken in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(woken, 4096)
                    self._reap()
                if self._connection.fileno() in ready and not self._answer():
                    break

    def _answer(self) -> bool:
        """Answer one request; False when the other end is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, MAX_REQUEST, 2)
        except ConnectionError:
            return False
        if not data:
            return False
        request = json.loads(data)
        if "start" in request:
            answer: dict[str, object] = {"pid": self._start(Job(**request["start"]), *descriptors)}
        else:
            answer = {"killed": self._kill(request["kill"])}
        try:
            self._connection.sendall(json.dumps(answer).encode() + b"\n")
        except ConnectionError:
            return False
        return True

    def _start(self, job: Job, output: int, report: int) -> int:
        pid = os.fork()
        if pid == 0:
            self._become_child(job, output, report)
        os.close(output)
        self._reports[pid] = report
        return pid

    def _become_child(self, job: Job, output: int, report: int) -> NoReturn:
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._connection.close()
            for other in self._reports.values():
                os.close(other)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            gc.enable()
            status = run_job(job, report)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status & 0xFF)

    def _kill(self, pid: int) -> bool:
        if pid not in self._reports:
            return False
        kill_session(pid)
        return True

    def _reap(self) -> None:
        for pid in list(self._reports):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                kill_session(pid)  # what the script itself has started
                report = self._reports.pop(pid)
                with contextlib.suppress(OSError):
                    os.write(report, json.dumps({"status": status}).encode() + b"\n")
                os.close(report)


def main() -> None:
    """Serve the socket whose descriptor the command line names, with the modules that it names after that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that shows results
    connection = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    preload(sys.argv[2:])
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    gc.freeze()
    ForkServer(connection).serve()
    os._exit(0)


if __name__ == "__main__":
    main()

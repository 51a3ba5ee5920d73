"""Starting the app: on a free port of this machine, or with a clear error."""

import socket
import subprocess
from collections.abc import Callable

import pytest

from repro.serve import ADDRESS, find_port

Repro = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def taken() -> "socket.socket":
    with socket.socket() as holder:
        holder.bind((ADDRESS, 0))
        holder.listen()
        yield holder


def test_port_that_is_taken_is_named(repro: Repro, taken: "socket.socket") -> None:
    port = taken.getsockname()[1]
    done = repro("app", "--no-browser", "--port", str(port))
    assert done.returncode == 2
    assert f"port {port} is taken; choose another with --port" in done.stderr


def test_free_port_is_found() -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an app that has just ended may have had it
        trial.bind((ADDRESS, find_port(None)))


def test_port_out_of_range(repro: Repro) -> None:
    assert repro("app", "--port", "80").returncode == 2

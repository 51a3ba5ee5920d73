"""The app as a person meets it: started by the command, seen in a real browser."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from repro.serve import ADDRESS

HEALTHY_SECONDS = 60


class App(NamedTuple):
    """The app while it runs."""

    address: str
    process: int


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app, started by `repro app` on a port that no other test process takes meanwhile."""
    with socket.socket() as trial:
        trial.bind((ADDRESS, 0))
        port = trial.getsockname()[1]
    log = tmp_path_factory.mktemp("app") / "app.log"
    command = [sys.executable, "-m", "repro", "app", "--no-browser", "--port", str(port)]
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
        print(f"healthy {time.monotonic() - began:.2f} s after the command")
        yield App(f"http://127.0.0.1:{port}", process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="session")
def app_address(app: App) -> str:
    return app.address


def wait_until_healthy(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + HEALTHY_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.02)

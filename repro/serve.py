"""Start the app: Streamlit on the loopback address, with nothing that looks outside."""

import importlib.util
import os
import socket
import sys
from pathlib import Path

from repro.errors import ReproError

ADDRESS = "127.0.0.1"
FIRST_PORT, TRIED_PORTS = 8501, 20
MAX_UPLOAD_MIB = 50
"""Limit of a file that is dropped into the app."""


def serve_app(port: int | None = None, *, browser: bool = True) -> None:
    """Become the server of the app; returns never.

    Raises:
        ReproError: Streamlit is not installed, or no port is free.

    """
    found = importlib.util.find_spec("streamlit"), importlib.util.find_spec("app")
    if None in found or found[1] is None or found[1].origin is None:
        raise ReproError('the app needs Streamlit: pip install "repro-cases[app]"')
    port = find_port(port)
    print(f"The app is at http://{ADDRESS}:{port} and ends with Ctrl-C.", flush=True)
    script = Path(found[1].origin).parent / "main.py"
    options = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": not browser,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": MAX_UPLOAD_MIB,
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
        "logger.level": "warning",
    }
    arguments = [f"--{name}={str(value).lower()}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *arguments]
    os.execv(sys.executable, command)


def find_port(wanted: int | None) -> int:
    """The wanted port, or the first free one.

    Raises:
        ReproError: it is taken, or all are.

    """
    tried = [wanted] if wanted else list(range(FIRST_PORT, FIRST_PORT + TRIED_PORTS))
    for port in tried:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    if wanted:
        raise ReproError(f"port {wanted} is taken; choose another with --port, or leave it out to get a free one")
    raise ReproError(f"ports {tried[0]} to {tried[-1]} are taken; choose one with --port")

"""Ending a child and all that it has started. A child leads a session of its own, so its id names them all."""

import contextlib
import os
import signal


def kill_session(pid: int) -> None:
    """Kill the session that `pid` leads. Harmless when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)

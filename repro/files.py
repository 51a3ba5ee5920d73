"""Writing files so that a failure leaves nothing half-written."""

import contextlib
import os
import tempfile
from pathlib import Path

from repro.errors import ReproError


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`: beside it first, then renamed over it.

    Raises:
        ReproError: the file cannot be written; what was there before is untouched.

    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ReproError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise ReproError(f"{path}: cannot be written: {error.strerror}") from None
        raise

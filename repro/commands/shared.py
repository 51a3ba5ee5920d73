"""What several commands share: options, the console, the progress bar."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.errors import ReproError

if TYPE_CHECKING:  # loaded by the commands that need them: `repro --version` is not to wait for pydantic
    from rich.console import Console

    from repro.collection import Collection
    from repro.run import Limits

NOT_REPRODUCED = 1
"""Exit code of a command that ran well and found that a case does not do what it says."""


def complete_id(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of cases that begin with what is typed, for the shell."""
    from repro.collection import find_collection

    try:
        root = context.find_root().params.get("cases") or ()
        return [case_id for case_id in find_collection(map(Path, root)) if case_id.startswith(incomplete)]
    except ReproError:
        return []


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def one_id() -> Decorator:
    """The id of a case."""
    return click.argument("case_id", metavar="ID", shell_complete=complete_id)


def many_ids() -> Decorator:
    """Ids of cases; none means all."""
    return click.argument("case_ids", metavar="[ID]...", nargs=-1, shell_complete=complete_id)


def as_json_option() -> Decorator:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def fresh_option() -> Decorator:
    """`--fresh`."""
    return click.option("--fresh", is_flag=True, help="A new interpreter for each script: slower, and the reference.")


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--time-limit` and `--memory-limit`."""
    command = click.option(
        "--memory-limit", type=click.IntRange(min=64), default=2048, show_default=True, metavar="MIB",
        help="Memory of a script beyond what torch itself takes.",
    )(command)  # fmt: skip
    return click.option(
        "--time-limit", type=click.FloatRange(min=0.1), default=60.0, show_default=True, metavar="SECONDS",
        help="How long a script may run.",
    )(command)  # fmt: skip


def make_limits(time_limit: float, memory_limit: int) -> "Limits":
    """The limits that those options ask for."""
    from repro.run import MIB, Limits

    return Limits(seconds=time_limit, memory=memory_limit * MIB)


def open_collection(context: click.Context, *further: str) -> "Collection":
    """The shipped cases, and those of the folders that were named."""
    from repro.collection import find_collection

    return find_collection(Path(folder) for folder in (*context.find_root().params["cases"], *further))


def make_console(stderr: bool = False, piped_width: int = 100) -> "Console":
    """A console as wide as the terminal. A pipe or a file has no width of its own."""
    from rich.console import Console

    piped = not (sys.stderr if stderr else sys.stdout).isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, width=piped_width if piped else None, highlight=False)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


class ProgressBar:
    """A progress bar on standard error, only where that is a terminal."""

    def __init__(self, total: int, what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = make_console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Callable[[str], None]:
        self._bar.start()
        return lambda name: self._bar.update(self._task, advance=1, description=name)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

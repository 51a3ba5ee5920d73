"""The `repro` command: its group, and every way in which it can end."""

import os
import signal
import sys
from typing import NoReturn

import click

from repro import __version__
from repro.commands import cases as about_cases
from repro.commands import knowledge
from repro.errors import ReproError

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line, and turn every way it can end into an exit code without a traceback."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, _leave)
    try:
        status = cli.main(prog_name="repro", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ReproError as error:
        click.echo(f"repro: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("repro: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)


def _leave(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="repro %(version)s")
@click.option(
    "--cases", multiple=True, metavar="DIR", type=click.Path(),
    help="A folder with further cases, or one case. Can be given again; REPRO_CASES holds more.",
)  # fmt: skip
def cli(cases: tuple[str, ...]) -> None:
    """A library of training failures that run.

    Each case is a documented incident: a script that fails the way the incident did, the same script fixed, and what
    both must measure.

    \b
    Example:
      repro case gait-transpose
    """


for command in (
    about_cases.case, about_cases.list_cases, about_cases.show, about_cases.diff, about_cases.verify,
    about_cases.record, about_cases.new, about_cases.completion,
    knowledge.app,
    knowledge.read, knowledge.match, knowledge.chat, knowledge.bench,
):  # fmt: skip
    cli.add_command(command)

if __name__ == "__main__":
    main()

"""Every command that a page shows is one that the command line takes; every snippet of the API runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from site_pages.command_reference import walk_commands

from repro.cli import cli
from repro.collection import find_collection
from tests.conftest import Repro
from tests.docs.conftest import ROOT
from tests.docs.pages import Page

PLACEHOLDERS = {"ID": "gait-transpose", "DIR": "cases", "FILE": "train.log"}
HEADINGS = {path for path, _ in walk_commands()}
"""In the reference, a command by itself is a heading."""
CASE_IDS = set(find_collection())


def list_commands(pages: dict[str, Page]) -> set[str]:
    """Lines of code that begin with the command's name."""
    lines = {
        line.strip().removeprefix("$ ") for page in pages.values() for code in page.code for line in code.splitlines()
    }
    lines = {line.removeprefix(".venv/bin/") for line in lines}
    return {line for line in lines if re.match(r"repro [a-z-]", line) and not re.search(r"\[|…|\.\.\.$", line)}


def parse(words: list[str]) -> None:
    """Take a command line apart as the command would, and run nothing.

    Raises:
        click.ClickException: the command would refuse it.

    """
    command: click.Command = cli
    context = cli.make_context("repro", list(words))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, list(rest), parent=context)


def test_every_command_shown_is_taken(pages: dict[str, Page]) -> None:
    commands = list_commands(pages)
    assert len(commands) > 10
    for line in sorted(commands):
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line, comments=True)[1:]]
        if line in HEADINGS:
            continue
        try:
            parse(words)
        except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):  # --help, --version, a group by itself
            continue
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")
        for word in words[1:2]:
            if words[0] in ("case", "show", "diff"):
                assert word in CASE_IDS, line


def test_make_targets_shown_exist(pages: dict[str, Page]) -> None:
    targets = set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {
        found for page in pages.values() for code in page.code for found in re.findall(r"(?:^|\n)make ([a-z-]+)", code)
    }
    assert shown
    assert shown <= targets


@pytest.mark.parametrize("arguments", ["list --kind silent", "show gait-transpose", "diff gait-transpose", "--version"])
def test_quick_commands_run(repro: Repro, arguments: str) -> None:
    done = repro(*arguments.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_reference_has_every_command_and_option(pages: dict[str, Page]) -> None:
    text = pages["commands/"].text
    for path, command in walk_commands():
        assert path in text
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in text, f"{path} {option}"


def test_snippets_of_the_api_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    code = "\n".join(blocks)
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(ROOT), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

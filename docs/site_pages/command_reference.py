"""The reference of the command line, from the commands themselves."""

import inspect
from collections.abc import Iterable

import click

from repro.cli import cli
from site_pages.markdown import escape_text, make_block, make_code, make_front_matter, make_table


def make_command_reference() -> str:
    """Every command with what its help says: text, example, arguments and options."""
    head = make_front_matter({
        "title": "Commands",
        "description": "Every command of repro with its arguments, options and an example.",
        "source": "repro/commands/cases.py",
    })  # fmt: skip
    parts = [head, "# Commands\n", "From the help of the commands: `repro COMMAND --help` says the same.\n"]
    parts.append("Exit code 0: all as expected; 1: not reproduced; 2: wrong use.\n")
    parts += [_make_section(path, command) for path, command in walk_commands()]
    return "\n".join(parts)


def walk_commands() -> Iterable[tuple[str, click.Command]]:
    """All commands with the words that call them, the group first."""
    waiting: list[tuple[str, click.Command]] = [("repro", cli)]
    while waiting:
        path, command = waiting.pop(0)
        yield path, command
        if isinstance(command, click.Group):
            waiting[:0] = [(f"{path} {name}", each) for name, each in command.commands.items()]


def _make_section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, help_option_names=["-h", "--help"])
    text, example = split_help(inspect.cleandoc(command.help or ""))
    usage = command.collect_usage_pieces(context)
    parts = [f"## {make_code(path)} {{ #{path.replace(' ', '-')} }}\n", f"{escape_text(text)}\n"]
    parts.append(make_block("text", " ".join([path, *usage])))
    if example:
        parts.append(make_block("sh", example))
    rows = [row for parameter in command.get_params(context) if (row := _describe(parameter, context))]
    if rows:
        parts.append(make_table(("option", "meaning"), rows))
    return "\n".join(parts)


def split_help(text: str) -> tuple[str, str]:
    """The prose of a help text and its example."""
    prose, _, example = text.partition("\b\nExample:\n")
    example = example.partition("\n\n")[0]
    return prose.strip(), "\n".join(line.strip() for line in example.splitlines() if line.strip())


def _describe(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    if record is None:
        return None
    names, meaning = record
    return make_code(names), escape_text(meaning)

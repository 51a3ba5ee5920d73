"""Commands that load, run, check and make cases."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.commands.shared import (
    NOT_REPRODUCED,
    ProgressBar,
    as_json_option,
    fresh_option,
    limit_options,
    make_console,
    make_limits,
    many_ids,
    one_id,
    open_collection,
    print_json,
)
from repro.errors import ReproError

if TYPE_CHECKING:
    from rich.console import Console

    from repro.case import Case, Side
    from repro.check import CaseReport
    from repro.run import Limits


@click.command()
@one_id()
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the run.  [default: the first of the case]")
@click.option("--only", type=click.Choice(["buggy", "fixed"]), help="Run one side.")
@as_json_option()
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Write the curves as a picture.")
@fresh_option()
@limit_options
@click.pass_context
def case(
    context: click.Context, case_id: str, seed: int | None, only: str | None, as_json: bool, plot: str | None,
    fresh: bool, time_limit: float, memory_limit: int,
) -> None:  # fmt: skip
    """Run a case: see the failure happen, and the fix hold.

    Exit code 0: both scripts did what the case says; 1: one did not; 2: wrong use.

    \b
    Example:
      repro case gait-transpose --seed 3
    """
    from repro.case import Side

    chosen = open_collection(context).load(case_id)
    if plot and chosen.curve is None:
        raise ReproError(f"--plot: {case_id} has no curve to plot")
    _require_folder("--plot", plot)
    sides = [Side(only)] if only else list(Side)
    limits = make_limits(time_limit, memory_limit)
    report = watch_case(chosen, None if as_json else make_console(), limits, seed=seed, sides=sides, fresh=fresh)
    if as_json:
        _print_case_json(report)
    if plot:
        _write_plot(Path(plot), report)
    context.exit(0 if report.reproduced else NOT_REPRODUCED)


def watch_case(
    chosen: "Case", console: "Console | None", limits: "Limits | None" = None, *,
    seed: int | None = None, sides: "Sequence[Side] | None" = None, fresh: bool = False,
) -> "CaseReport":  # fmt: skip
    """Run a case; with a console, show it while it runs, and what it measured."""
    from repro.case import Side
    from repro.launch import make_launcher
    from repro.live import run_case
    from repro.run import Limits
    from repro.terminal import print_report, render_heading, render_logs

    if console:
        console.print(render_heading(chosen))
    sides = sides or list(Side)
    with make_launcher(fresh, map(chosen.script, sides)) as launcher:
        report = run_case(
            chosen, chosen.seeds[0] if seed is None else seed, launcher, sides, limits or Limits(), console
        )
    if console:
        if not console.is_terminal:
            console.print(render_logs(report))
        print_report(console, report)
    return report


def _require_folder(option: str, path: str | None) -> None:
    """Refuse a file to write in a folder that is not there, before any script has run."""
    if path and not Path(path).absolute().parent.is_dir():
        raise ReproError(f'{option}: "{Path(path).parent}" is no folder')


def _print_case_json(report: Any) -> None:
    from repro.check import report_to_json
    from repro.difference import compare_scripts
    from repro.terminal import report_curves

    curves = {side.value: [_json_number(value) for value in curve] for side, curve in report_curves(report).items()}
    print_json(report_to_json(report) | {"curve": curves, "diff": compare_scripts(report.case).text})


def _json_number(value: float) -> float | str:
    from repro.run import format_metrics

    return format_metrics({"": value})[""]


def _write_plot(path: Path, report: Any) -> None:
    from repro.curves import draw_svg
    from repro.files import write_whole
    from repro.terminal import report_curves

    write_whole(path, draw_svg(f"{report.case.id}: {report.case.curve.name}", report_curves(report)))


@click.command("list")
@click.option("--system", help="Only the cases of one system or family.")
@click.option("--kind", help="Only one kind: silent, unstable, crash or masked.")
@click.option("--stage", help="Only the cases whose bug sits in one stage, such as data or loss.")
@as_json_option()
@click.pass_context
def list_cases(context: click.Context, system: str | None, kind: str | None, stage: str | None, as_json: bool) -> None:
    """List the cases.

    \b
    Example:
      repro list --kind silent
    """
    from repro.case import Kind, Stage, System

    chosen: dict[str, str] = {}
    for option, value, choices in (("system", system, System), ("kind", kind, Kind), ("stage", stage, Stage)):
        if value is not None:
            if value not in list(choices):
                raise click.BadParameter(f'"{value}" is none of {", ".join(choices)}', param_hint=f"--{option}")
            chosen[option] = value
    cases, errors = open_collection(context).load_valid()
    cases = [case for case in cases if all(getattr(case, key) == value for key, value in chosen.items())]
    systems = list(System)
    cases.sort(key=lambda case: (systems.index(case.system), case.id))
    if as_json:
        print_json([_summarise(case) for case in cases])
    elif cases:
        from repro.listing import render_list

        make_console().print(render_list(cases))
    else:
        click.echo("no case fits")
    if errors:
        raise ReproError("\n".join(["these cases are not valid:", *map(str, errors)]))


def _summarise(case: Any) -> dict[str, Any]:
    fields = {"id", "title", "summary", "system", "kind", "severity", "stage", "keywords", "seeds"}
    return {**case.model_dump(mode="json", include=fields), "folder": str(case.folder)}


@click.command()
@one_id()
@as_json_option()
@click.pass_context
def show(context: click.Context, case_id: str, as_json: bool) -> None:
    """Read about a case: symptoms, cause, fix, and how to be sure.

    \b
    Example:
      repro show gait-transpose
    """
    chosen = open_collection(context).load(case_id)
    try:
        text = chosen.readme.read_text(encoding="utf-8")
    except OSError as error:
        raise ReproError(f"{chosen.readme}: cannot be read: {error.strerror}") from None
    if as_json:
        print_json(chosen.model_dump(mode="json") | {"folder": str(chosen.folder), "readme": text})
        return
    from repro.terminal import render_readme

    make_console().print(render_readme(text))


@click.command()
@one_id()
@click.pass_context
def diff(context: click.Context, case_id: str) -> None:
    """Show the guilty lines and what replaces them.

    \b
    Example:
      repro diff gait-transpose
    """
    from repro.difference import compare_scripts
    from repro.terminal import render_difference

    chosen = open_collection(context).load(case_id)
    if sys.stdout.isatty():
        make_console().print(render_difference(chosen, context=3))
    else:
        click.echo(compare_scripts(chosen).text)


@click.command()
@many_ids()
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Only the first N seeds of each case.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Run each seed N times.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Scripts at once.  [default: one a processor]")
@fresh_option()
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Write JUnit XML.")
@as_json_option()
@limit_options
@click.pass_context
def verify(
    context: click.Context, case_ids: tuple[str, ...], seeds: int | None, repeat: int, jobs: int | None, fresh: bool,
    junit: str | None, as_json: bool, time_limit: float, memory_limit: int,
) -> None:  # fmt: skip
    """Check cases on all their seeds: the form, and what both scripts measure.

    Without an ID, all cases. Exit code 0: all hold; 1: some do not; 2: wrong use, or a case is not valid.

    \b
    Example:
      repro verify gait-transpose --seeds 2
    """
    from repro.case import Side
    from repro.files import write_whole
    from repro.launch import make_launcher
    from repro.terminal import render_verifications
    from repro.verify import Plan, Status, to_junit, verification_to_json, verify_cases

    cases = open_collection(context).load_all(case_ids)
    if not cases:
        raise ReproError("there is no case to verify: no case folder was found")
    _require_folder("--junit", junit)
    plan = Plan(cases, seeds, repeat)
    scripts = [case.script(side) for case in cases for side in Side]
    with make_launcher(fresh, scripts) as launcher, ProgressBar(len(plan), "running") as advance:
        limits = make_limits(time_limit, memory_limit)
        found = verify_cases(plan, launcher, limits, jobs, lambda case, *_: advance(case.id))
    if junit:
        write_whole(Path(junit), to_junit(found))
    good = all(each.status is Status.HOLDS for each in found)
    if as_json:
        print_json({"schema": 1, "holds": good, "cases": [verification_to_json(each) for each in found]})
    else:
        console = make_console(piped_width=140)
        console.print(render_verifications(found))
        _print_summary(console, found)
    context.exit(0 if good else NOT_REPRODUCED)


def _print_summary(console: "Console", found: Sequence[Any]) -> None:
    from repro.terminal import plain_text
    from repro.verify import Status

    console.print()
    for each in found:
        for fault in each.faults:
            console.print(plain_text(f"{each.case.id}: {fault}", style="red"))
    counts = {status: [each.case.id for each in found if each.status is status] for status in Status}
    text = f"{len(counts[Status.HOLDS])} of {len(found)} cases hold"
    if counts[Status.FAILS]:
        text += f"; failing: {', '.join(counts[Status.FAILS])}"
    text += f"; flaky: {', '.join(counts[Status.FLAKY]) or 'none'}"
    style = "bold green" if len(counts[Status.HOLDS]) == len(found) else "bold red"
    console.print(plain_text(text, style=style))


@click.command()
@many_ids()
@fresh_option()
@limit_options
@click.pass_context
def record(
    context: click.Context, case_ids: tuple[str, ...], fresh: bool, time_limit: float, memory_limit: int
) -> None:
    """Run cases on their first seed and write buggy.log and fixed.log beside the scripts.

    A case that does not do what it says is not recorded. Without an ID, all cases.

    \b
    Example:
      repro record gait-transpose
    """
    from repro.case import Side
    from repro.launch import make_launcher
    from repro.record import record_case

    cases = open_collection(context).load_all(case_ids)
    limits = make_limits(time_limit, memory_limit)
    refused = []
    scripts = [chosen.script(side) for chosen in cases for side in Side]
    with make_launcher(fresh, scripts) as launcher, ProgressBar(len(cases), "recording") as advance:
        for chosen in cases:
            report = record_case(chosen, launcher, limits)
            if not report.reproduced:
                refused.append(f"{chosen.id}: not recorded. {report.verdict}")
            advance(chosen.id)
    for line in refused:
        click.echo(line, err=True)
    click.echo(f"recorded {len(cases) - len(refused)} of {len(cases)} cases")
    context.exit(NOT_REPRODUCED if refused else 0)


@click.command()
@click.argument("case_id", metavar="ID")
@click.option("--into", type=click.Path(file_okay=False), default="cases", show_default=True, metavar="DIR",
              help="The folder that holds the case folders.")  # fmt: skip
def new(case_id: str, into: str) -> None:
    """Start a new case from a commented template.

    \b
    Example:
      repro new gait-sensor-drift --into cases
    """
    from repro.scaffold import create_case

    folder = create_case(case_id, Path(into))
    click.echo(f"wrote {folder}. Fill in case.toml, the two scripts and README.md, then:")
    click.echo(f"  repro --cases {folder} verify {case_id}")
    click.echo(f"  repro --cases {folder} record {case_id}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and ids in your shell.

    \b
    Example:
      eval "$(repro completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise ReproError(f"no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "repro", "_REPRO_COMPLETE").source())

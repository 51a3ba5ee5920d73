"""The `repro` command. It parses options and shows what the other modules compute."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from repro import __version__
from repro.errors import ReproError

if TYPE_CHECKING:  # loaded by the commands that need them: `repro --version` is not to wait for pydantic
    from rich.console import Console

    from repro.collection import Collection
    from repro.run import Limits

NOT_REPRODUCED, WRONG_USE, INTERRUPTED = 1, 2, 130


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


# ---- options that several commands have ------------------------------------------------------


def complete_id(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of cases that begin with what is typed, for the shell."""
    from repro.collection import find_collection

    try:
        root = context.find_root().params.get("cases") or ()
        return [case_id for case_id in find_collection(map(Path, root)) if case_id.startswith(incomplete)]
    except ReproError:
        return []


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _one_id() -> Decorator:
    return click.argument("case_id", metavar="ID", shell_complete=complete_id)


def _many_ids() -> Decorator:
    return click.argument("case_ids", metavar="[ID]...", nargs=-1, shell_complete=complete_id)


def _as_json() -> Decorator:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _fresh() -> Decorator:
    return click.option("--fresh", is_flag=True, help="A new interpreter for each script: slower, and the reference.")


def _limits(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--memory-limit", type=click.IntRange(min=64), default=2048, show_default=True, metavar="MIB",
        help="Memory of a script beyond what torch itself takes.",
    )(command)  # fmt: skip
    return click.option(
        "--time-limit", type=click.FloatRange(min=0.1), default=60.0, show_default=True, metavar="SECONDS",
        help="How long a script may run.",
    )(command)  # fmt: skip


def _make_limits(time_limit: float, memory_limit: int) -> "Limits":
    from repro.run import MIB, Limits

    return Limits(seconds=time_limit, memory=memory_limit * MIB)


def _collection(context: click.Context) -> "Collection":
    from repro.collection import find_collection

    return find_collection(Path(folder) for folder in context.find_root().params["cases"])


def _console(stderr: bool = False, piped_width: int = 100) -> "Console":
    """A console as wide as the terminal. A pipe or a file has no width of its own."""
    from rich.console import Console

    piped = not (sys.stderr if stderr else sys.stdout).isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, width=piped_width if piped else None, highlight=False)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


# ---- commands --------------------------------------------------------------------------------


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


@cli.command()
@_one_id()
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the run.  [default: the first of the case]")
@click.option("--only", type=click.Choice(["buggy", "fixed"]), help="Run one side.")
@_as_json()
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.svg", help="Write the curves as a picture.")
@_fresh()
@_limits
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
    from repro.launch import make_launcher
    from repro.live import run_case
    from repro.terminal import print_report, render_heading, render_logs

    chosen = _collection(context).load(case_id)
    if plot and chosen.curve is None:
        raise ReproError(f"--plot: {case_id} has no curve to plot")
    _require_folder("--plot", plot)
    console = _console()
    if not as_json:
        console.print(render_heading(chosen))
    sides = [Side(only)] if only else list(Side)
    with make_launcher(fresh, map(chosen.script, sides)) as launcher:
        report = run_case(
            chosen,
            chosen.seeds[0] if seed is None else seed,
            launcher,
            sides,
            _make_limits(time_limit, memory_limit),
            None if as_json else console,
        )
    if as_json:
        _print_case_json(report)
    else:
        if not console.is_terminal:
            console.print(render_logs(report))
        print_report(console, report)
    if plot:
        _write_plot(Path(plot), report)
    context.exit(0 if report.reproduced else NOT_REPRODUCED)


def _require_folder(option: str, path: str | None) -> None:
    """Refuse a file to write in a folder that is not there, before any script has run."""
    if path and not Path(path).absolute().parent.is_dir():
        raise ReproError(f'{option}: "{Path(path).parent}" is no folder')


def _print_case_json(report: Any) -> None:
    from repro.check import report_to_json
    from repro.difference import compare_scripts
    from repro.terminal import report_curves

    curves = {side.value: [_json_number(value) for value in curve] for side, curve in report_curves(report).items()}
    _print_json(report_to_json(report) | {"curve": curves, "diff": compare_scripts(report.case).text})


def _json_number(value: float) -> float | str:
    from repro.run import format_metrics

    return format_metrics({"": value})[""]


def _write_plot(path: Path, report: Any) -> None:
    from repro.curves import draw_svg
    from repro.files import write_whole
    from repro.terminal import report_curves

    write_whole(path, draw_svg(f"{report.case.id}: {report.case.curve.name}", report_curves(report)))


@cli.command("list")
@click.option("--system", help="Only the cases of one system or family.")
@click.option("--kind", help="Only one kind: silent, unstable, crash or masked.")
@click.option("--stage", help="Only the cases whose bug sits in one stage, such as data or loss.")
@_as_json()
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
    cases, errors = _collection(context).load_valid()
    cases = [case for case in cases if all(getattr(case, key) == value for key, value in chosen.items())]
    systems = list(System)
    cases.sort(key=lambda case: (systems.index(case.system), case.id))
    if as_json:
        _print_json([_summarise(case) for case in cases])
    elif cases:
        from repro.listing import render_list

        _console().print(render_list(cases))
    else:
        click.echo("no case fits")
    if errors:
        raise ReproError("\n".join(["these cases are not valid:", *map(str, errors)]))


def _summarise(case: Any) -> dict[str, Any]:
    fields = {"id", "title", "summary", "system", "kind", "severity", "stage", "keywords", "seeds"}
    return {**case.model_dump(mode="json", include=fields), "folder": str(case.folder)}


@cli.command()
@_one_id()
@_as_json()
@click.pass_context
def show(context: click.Context, case_id: str, as_json: bool) -> None:
    """Read about a case: symptoms, cause, fix, and how to be sure.

    \b
    Example:
      repro show gait-transpose
    """
    chosen = _collection(context).load(case_id)
    try:
        text = chosen.readme.read_text(encoding="utf-8")
    except OSError as error:
        raise ReproError(f"{chosen.readme}: cannot be read: {error.strerror}") from None
    if as_json:
        _print_json(chosen.model_dump(mode="json") | {"folder": str(chosen.folder), "readme": text})
        return
    from repro.terminal import render_readme

    _console().print(render_readme(text))


@cli.command()
@_one_id()
@click.pass_context
def diff(context: click.Context, case_id: str) -> None:
    """Show the guilty lines and what replaces them.

    \b
    Example:
      repro diff gait-transpose
    """
    from repro.difference import compare_scripts
    from repro.terminal import render_difference

    chosen = _collection(context).load(case_id)
    if sys.stdout.isatty():
        _console().print(render_difference(chosen, context=3))
    else:
        click.echo(compare_scripts(chosen).text)


@cli.command()
@_many_ids()
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Only the first N seeds of each case.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Run each seed N times.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Scripts at once.  [default: one a processor]")
@_fresh()
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Write JUnit XML.")
@_as_json()
@_limits
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

    cases = _collection(context).load_all(case_ids)
    if not cases:
        raise ReproError("there is no case to verify: no case folder was found")
    _require_folder("--junit", junit)
    plan = Plan(cases, seeds, repeat)
    scripts = [case.script(side) for case in cases for side in Side]
    with make_launcher(fresh, scripts) as launcher, _Bar(len(plan), "running") as advance:
        limits = _make_limits(time_limit, memory_limit)
        found = verify_cases(plan, launcher, limits, jobs, lambda case, *_: advance(case.id))
    if junit:
        write_whole(Path(junit), to_junit(found))
    good = all(each.status is Status.HOLDS for each in found)
    if as_json:
        _print_json({"schema": 1, "holds": good, "cases": [verification_to_json(each) for each in found]})
    else:
        console = _console(piped_width=140)
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


@cli.command()
@_many_ids()
@_fresh()
@_limits
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

    cases = _collection(context).load_all(case_ids)
    limits = _make_limits(time_limit, memory_limit)
    refused = []
    scripts = [chosen.script(side) for chosen in cases for side in Side]
    with make_launcher(fresh, scripts) as launcher, _Bar(len(cases), "recording") as advance:
        for chosen in cases:
            report = record_case(chosen, launcher, limits)
            if not report.reproduced:
                refused.append(f"{chosen.id}: not recorded. {report.verdict}")
            advance(chosen.id)
    for line in refused:
        click.echo(line, err=True)
    click.echo(f"recorded {len(cases) - len(refused)} of {len(cases)} cases")
    context.exit(NOT_REPRODUCED if refused else 0)


@cli.command()
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


@cli.command()
@click.argument("file", metavar="FILE", type=click.Path())
@_as_json()
def read(file: str, as_json: bool) -> None:
    """Read a training log: its series, the signs in it, and the error.

    FILE is a log of any framework, a CSV, JSON Lines, a trainer_state.json, a notebook, TensorBoard events or a folder
    of them; - is standard input.

    \b
    Example:
      repro read train.log
    """
    log = _read_log(file)
    from kb.signs import measure_signs

    findings = measure_signs(log)
    if as_json:
        from kb.reading import describe_reading

        _print_json(describe_reading(log, findings))
        return
    from kb.terminal import render_reading

    _console().print(render_reading(log, findings))


def _read_log(file: str) -> Any:
    from kb.read import read_bytes, read_path

    if file == "-":
        return read_bytes(sys.stdin.buffer.read(), "standard input")
    return read_path(Path(file))


@cli.command()
@click.argument("file", metavar="[FILE]", type=click.Path(), required=False)
@click.option("--text", help="What you see, in your own words; with FILE, beside it.")
@click.option("--top", type=click.IntRange(1, 20), default=3, show_default=True, help="How many cases to show.")
@click.option("--encoder", metavar="NAME", help="Another sentence-transformers model or folder; REPRO_ENCODER too.")
@_as_json()
@click.pass_context
def match(
    context: click.Context, file: str | None, text: str | None, top: int, encoder: str | None, as_json: bool
) -> None:
    """Find the cases that are closest to a log, an error, or what you see.

    FILE is a text; - is standard input.

    \b
    Example:
      repro match train.log
      repro match --text "the validation loss is the same number after every epoch"
    """
    if file is None and text is None:
        raise click.UsageError("give a FILE, - for standard input, or --text with what you see")
    from kb.match import Matcher

    pasted = "\n\n".join(part for part in (text, _read_paste(file) if file else None) if part)
    matcher = Matcher.load(_collection(context).load_all(), encoder)
    diagnosis = matcher.diagnose(pasted, top)
    if as_json:
        _print_json(diagnosis.to_json())
        return
    from kb.terminal import render_diagnosis

    _console().print(render_diagnosis(diagnosis))


def _read_paste(file: str) -> str:
    """A file as the text that somebody would paste; what is no text, as the rows that were read of it."""
    log = _read_log(file) if file != "-" else None
    data = sys.stdin.buffer.read() if log is None else Path(file).read_bytes() if Path(file).is_file() else b"\0"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text and not text.startswith(("{", "[")):
        return text
    if log is None:
        from kb.read import read_bytes

        log = read_bytes(data, "standard input")
    return "\n".join(line.text for line in log.lines)


@cli.group()
def bench() -> None:
    """Measure the knowledge base on files of your own.

    \b
    Example:
      repro bench logs excerpts.jsonl
    """


@bench.command("logs")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_as_json()
def bench_logs(file: Path, as_json: bool) -> None:
    """Print the share of fields that are read right, by format.

    FILE is JSON Lines with the text of a log and its right reading.

    \b
    Example:
      repro bench logs excerpts.jsonl
    """
    from kb.evaluate.logs import load_examples, score_examples

    examples = load_examples(file)
    with _Bar(len(examples), "logs") as advance:
        scores = []
        for score in score_examples(examples):
            scores.append(score)
            advance(score.example.name)
    if as_json:
        fields = sum(len(score.checks) for score in scores)
        _print_json({
            "logs": len(scores), "fields": fields, "share_right": sum(score.right for score in scores) / max(fields, 1),
            "wrong": [
                {"log": score.example.name, "field": check.field, "read": str(check.got), "right": str(check.expected)}
                for score in scores for check in score.checks if not check.right
            ],
        })  # fmt: skip
        return
    from kb.terminal import render_log_scores

    _console().print(render_log_scores(scores))


@bench.command("match")
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--encoder", metavar="NAME", help="Another sentence-transformers model or folder; REPRO_ENCODER too.")
@_as_json()
@click.pass_context
def bench_match(context: click.Context, files: tuple[Path, ...], encoder: str | None, as_json: bool) -> None:
    """Print how often the right case comes first, beside simpler ways of searching.

    FILE is JSON Lines: `query`, and `labels` with the ids of the cases that are right; without one, none is.

    \b
    Example:
      repro bench match posts.jsonl
    """
    from kb.evaluate.matching import load_questions, score_questions
    from kb.match import Matcher

    questions = [question for file in files for question in load_questions(file)]
    matcher = Matcher.load(_collection(context).load_all(), encoder)
    with _Bar(len(questions), "queries") as advance:
        scores = score_questions(matcher, questions, advance)
    if as_json:
        _print_json([score.to_json() for score in scores])
        return
    from kb.terminal import render_match_scores

    _console().print(render_match_scores(scores))


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and ids in your shell.

    \b
    Example:
      eval "$(repro completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise ReproError(f"no completion for {shell}")
    click.echo(found(cli, {}, "repro", "_REPRO_COMPLETE").source())


class _Bar:
    """A progress bar on standard error, only where that is a terminal."""

    def __init__(self, total: int, what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = _console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Callable[[str], None]:
        self._bar.start()
        return lambda name: self._bar.update(self._task, advance=1, description=name)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


if __name__ == "__main__":
    main()

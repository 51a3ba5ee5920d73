"""Commands of the knowledge base: read a log, match it, talk about it, and measure all that."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.commands.shared import Decorator, ProgressBar, as_json_option, make_console, open_collection, print_json
from repro.errors import ReproError

if TYPE_CHECKING:
    from repro.case import Case
    from repro.collection import Collection


@click.command()
@click.argument("file", metavar="FILE", type=click.Path())
@as_json_option()
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

        print_json(describe_reading(log, findings))
        return
    from kb.terminal import render_reading

    make_console().print(render_reading(log, findings))


def _read_log(file: str) -> Any:
    from kb.read import read_bytes, read_path

    if file == "-":
        return read_bytes(sys.stdin.buffer.read(), "standard input")
    return read_path(Path(file))


def _encoder() -> Decorator:
    return click.option(
        "--encoder", metavar="NAME", help="Another sentence-transformers model or folder; REPRO_ENCODER too."
    )


def _further_cases() -> Decorator:
    return click.option(
        "--cases", "further", multiple=True, metavar="DIR", type=click.Path(), help="A folder with further cases."
    )


def load_cases(collection: "Collection") -> "list[Case]":
    """The cases that can be matched. One that is not valid is named on standard error and left out."""
    cases, errors = collection.load_readable()
    for error in errors:
        click.echo(f"repro: left out: {error}", err=True)
    if not cases:
        raise ReproError("there is no case to match: no valid case folder was found")
    return cases


@click.command()
@click.argument("file", metavar="[FILE]", type=click.Path(), required=False)
@click.option("--text", help="What you see, in your own words; with FILE, beside it.")
@click.option(
    "--top",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="How many cases to show, at most; people are not shown those below 1%.",
)
@_encoder()
@_further_cases()
@click.option("--run", "run_first", is_flag=True, help="Then run the case that came first, before and after.")
@as_json_option()
@click.pass_context
def match(
    context: click.Context, file: str | None, text: str | None, top: int, encoder: str | None,
    further: tuple[str, ...], run_first: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find the cases that are closest to a log, an error, or what you see.

    FILE is all that `repro read` reads, or the script itself, in which known mistakes are looked for; - is standard
    input. The script is read, never run.

    \b
    Example:
      repro match train.log
      repro match train.log --run
      repro match train.py
      repro match --text "the validation loss is the same number after every epoch"
    """
    if file is None and text is None:
        raise click.UsageError("give a FILE, - for standard input, or --text with what you see")
    if run_first and as_json:
        raise click.UsageError("--run shows a run to people; with --json give the first case to repro case ID --json")
    from kb.encoder import load_encoder

    reader = load_encoder(encoder)
    reader.prepare()
    log = _read_log(file) if file else None
    from kb.match import Matcher
    from kb.match.query import join_queries, make_query

    queries = [make_query(text)] if text is not None else []
    if log:
        queries.append(make_query(log.text, log))
    matcher = Matcher(load_cases(open_collection(context, *further)), reader)
    diagnosis = matcher.diagnose_query(join_queries(queries), top)
    if as_json:
        print_json(diagnosis.to_json())
        return
    from kb.terminal import render_diagnosis

    console = make_console()
    console.print(render_diagnosis(diagnosis))
    if run_first:
        from repro.commands.cases import watch_case

        console.print()
        best = diagnosis.matches[0].case_id
        watch_case(next(case for case in matcher.cases if case.id == best), console)


@click.command()
@_encoder()
@_further_cases()
@click.pass_context
def chat(context: click.Context, encoder: str | None, further: tuple[str, ...]) -> None:
    """Talk about a broken run: say what you see, paste a log, answer what is asked.

    What you say adds up. It ends with the case, its fix, and the offer to run it.

    \b
    Example:
      repro chat
    """
    from kb.chat import Chat
    from kb.match import Matcher
    from repro.commands.cases import watch_case

    collection, console = open_collection(context, *further), make_console()
    matcher = Matcher.load(load_cases(collection), encoder)
    Chat(matcher, console, lambda case_id: watch_case(collection.load(case_id), console)).run()


@click.command()
@click.option("--port", type=click.IntRange(1024, 65535), help="The port.  [default: the first free one from 8501 on]")
@click.option("--browser/--no-browser", default=True, help="Open the page in your browser.")
def app(port: int | None, browser: bool) -> None:
    """Open the app on this machine: diagnose a run, browse the cases, run them.

    It is reached from this machine only, and it loads nothing from elsewhere.

    \b
    Example:
      repro app --port 8600
    """
    from repro.serve import serve_app

    serve_app(port, browser=browser)


@click.group()
def bench() -> None:
    """Measure the knowledge base on files of your own.

    \b
    Example:
      repro bench logs excerpts.jsonl
    """


@bench.command("logs")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@as_json_option()
def bench_logs(file: Path, as_json: bool) -> None:
    """Print the share of fields that are read right, by format.

    FILE is JSON Lines with the text of a log and its right reading.

    \b
    Example:
      repro bench logs excerpts.jsonl
    """
    from kb.evaluate.logs import load_examples, score_examples

    examples = load_examples(file)
    with ProgressBar(len(examples), "logs") as advance:
        scores = []
        for score in score_examples(examples):
            scores.append(score)
            advance(score.example.name)
    if as_json:
        fields = sum(len(score.checks) for score in scores)
        print_json({
            "logs": len(scores), "fields": fields, "share_right": sum(score.right for score in scores) / max(fields, 1),
            "wrong": [
                {"log": score.example.name, "field": check.field, "read": str(check.got), "right": str(check.expected)}
                for score in scores for check in score.checks if not check.right
            ],
        })  # fmt: skip
        return
    from kb.terminal import render_log_scores

    make_console().print(render_log_scores(scores))


@bench.command("match")
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@_encoder()
@click.option("--peer", metavar="NAME", help="A sentence-transformers model or folder to compare with, beside BM25.")
@click.option("--markdown", is_flag=True, help="Print Markdown tables.")
@as_json_option()
@click.pass_context
def bench_match(
    context: click.Context, files: tuple[Path, ...], encoder: str | None, peer: str | None, markdown: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Print how often the right case comes first, beside simpler ways of searching.

    FILE is JSON Lines: `query`, and `labels` with the ids of the cases that are right; without one, none is.

    \b
    Example:
      repro bench match posts.jsonl
    """
    from kb.encoder import load_encoder
    from kb.evaluate.matching import load_questions, score_questions
    from kb.match import Matcher

    questions = [question for file in files for question in load_questions(file)]
    if not questions:
        raise ReproError(f"{files[0]}: holds no query; a line is a JSON object with query and labels")
    matcher = Matcher.load(load_cases(open_collection(context)), encoder)
    with ProgressBar(len(questions), "queries") as advance:
        report = score_questions(matcher, questions, advance, load_encoder(peer) if peer else None)
    if as_json:
        print_json(report.to_json())
    elif markdown:
        from kb.evaluate.tables import write_match_markdown

        click.echo(write_match_markdown(report), nl=False)
    else:
        from kb.terminal import render_match_report

        make_console(piped_width=140).print(render_match_report(report))

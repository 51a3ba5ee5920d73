"""Write the pages of the cases for the site, from the case folders: `docs/cases/ID.md`, and their index.

    python docs/generate_pages.py

The pages are plain Markdown and are not kept in the repository. A case that lacks a part is refused.
"""

import re
import shutil
from pathlib import Path

from generate_readme import make_case_table

from repro.case import Case, Side
from repro.collection import find_collection, shipped_folder
from repro.curves import draw_svg, extract_curve
from repro.difference import compare_scripts
from repro.files import write_whole
from repro.form import SECTIONS, find_form_faults, split_sections

PAGES = shipped_folder().parent / "docs" / "cases"


def make_page(case: Case) -> str:
    """The page of one case: what its README says, with its figures, its curve and its scripts.

    Raises:
        ValueError: the case breaks the form.

    """
    faults = find_form_faults(case)
    if faults:
        raise ValueError(f"{case.id}: " + "; ".join(faults))
    sections = split_sections(_link_pages(case.readme.read_text(encoding="utf-8")))
    see, wrong, fix, sure, earlier, happened = (f"## {name}\n{sections[name].rstrip()}\n" for name in SECTIONS)
    command = f"```sh\nrepro case {case.id}\n```\n"
    parts = [f"# {case.title}\n", _make_chips(case), see, _make_curve(case), command, wrong, fix, _make_tabs(case)]
    parts += [f"## Measured\n\n{_make_measured(case)}", sure, earlier, happened]
    return "\n".join(parts)


def _link_pages(text: str) -> str:
    return re.sub(r"\]\(\.\./([a-z0-9-]+)/README\.md\)", r"](\1.md)", text)


def _make_chips(case: Case) -> str:
    return f"`{case.system}` `{case.kind}` `{case.severity}` `{case.stage}`\n\n{case.summary}\n"


def _make_curve(case: Case) -> str:
    if case.curve is None:
        return ""
    return f"![{case.curve.name} of both scripts](images/{case.id}.svg)\n"


def _draw_curve(case: Case) -> str:
    assert case.curve
    logs = {side: case.log(side).read_text(encoding="utf-8").splitlines() for side in Side}
    return draw_svg(case.curve.name, {side: extract_curve(case.curve, lines) for side, lines in logs.items()})


def _make_tabs(case: Case) -> str:
    tabs = [("diff", "diff", compare_scripts(case).text)]
    tabs += [(f"{side}.py", "python", case.script(side).read_text(encoding="utf-8")) for side in Side]
    return "\n".join(_make_tab(name, language, code) for name, language, code in tabs)


def _make_tab(name: str, language: str, code: str) -> str:
    body = f"```{language}\n{code.rstrip()}\n```"
    return f'=== "{name}"\n\n{_indent(body)}\n'


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def _make_measured(case: Case) -> str:
    rows = ["| metric | meaning | buggy.py | fixed.py |", "|---|---|---|---|"]
    for name, metric in case.metrics.items():
        bounds = [case.expect.on(side).bounds.get(name) for side in Side]
        if any(bounds):
            rows.append(f"| {name} | {metric.meaning} | {' | '.join(str(bound or 'any') for bound in bounds)} |")
    for side in Side:
        error = case.expect.on(side).error
        if error:
            rows.append(f"| error | the exception that ends {side}.py | {error if side is Side.BUGGY else ''} | |")
    return "\n".join([f"On each of the seeds {', '.join(map(str, case.seeds))}:\n", *rows]) + "\n"


def main() -> None:
    """Write all pages anew."""
    cases = find_collection().load_all()
    shutil.rmtree(PAGES, ignore_errors=True)
    (PAGES / "images").mkdir(parents=True)
    table = re.sub(r"\(cases/([a-z0-9-]+)/README\.md\)", r"(\1.md)", make_case_table(cases))
    write_whole(PAGES / "index.md", f"# Cases\n\n{table}\n")
    for case in cases:
        write_whole(Path(PAGES / f"{case.id}.md"), make_page(case))
        if case.curve:
            write_whole(PAGES / "images" / f"{case.id}.svg", _draw_curve(case))


if __name__ == "__main__":
    main()

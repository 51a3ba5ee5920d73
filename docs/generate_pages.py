"""Write the generated pages of the site: cases, symptoms, signs, commands, and the parts of pages that are counted.

    python docs/generate_pages.py
    python docs/generate_pages.py --into FOLDER     another folder of docs, such as a copy

The pages are plain Markdown and are not kept in the repository. No case is run. A case that lacks a part is refused.
"""

import argparse
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from generate_readme import README, ROOT, SHOWN_CASE, find_part, replace_part
from site_pages.case_index import make_case_index
from site_pages.case_page import STORIES, make_case_page
from site_pages.command_reference import make_command_reference
from site_pages.copies import make_accuracy_page, make_changelog, make_contributing, make_counts
from site_pages.glossary import make_glossary
from site_pages.library import FAMILIES, Library, load_library
from site_pages.mistakes import make_mistakes_page
from site_pages.order_graph import draw_order, find_steps, load_masks
from site_pages.paste_data import PasteData, write_paste_data
from site_pages.paste_page import make_paste_page
from site_pages.social import Points, draw_social
from site_pages.symptoms import SYMPTOMS, make_numbers_page, make_symptom_index, make_symptom_page
from site_pages.tags import make_tags_page

from repro.case import Case, Side
from repro.curves import extract_curve, fit_frame
from repro.files import write_whole

DOCS = ROOT / "docs"
FOLDERS = ("cases", "symptoms")
"""Folders that hold nothing but generated pages."""


def make_pages(library: Library, docs: Path, paste: PasteData) -> dict[str, str]:
    """All pages that are wholly generated, by their path below the docs."""
    pages = {f"cases/{case.id}.md": make_case_page(case, library) for case in library.cases}
    pages |= {f"symptoms/{symptom.name}.md": make_symptom_page(symptom, library) for symptom in SYMPTOMS}
    return pages | {
        "cases/index.md": make_case_index(library),
        "symptoms/index.md": make_symptom_index(library),
        "symptoms/numbers.md": make_numbers_page(library),
        "signs.md": make_glossary(library),
        "code.md": make_mistakes_page(library),
        "commands.md": make_command_reference(),
        "tags.md": make_tags_page(library),
        "paste.md": make_paste_page(paste, docs / "measured" / "paste.json"),
        "accuracy.md": make_accuracy_page(docs / "measured" / "match.md"),
        "contributing.md": make_contributing((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")),
        "changelog.md": make_changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
    }


def fill_pages(library: Library, docs: Path) -> dict[str, str]:
    """The pages that are written by hand but for the parts between their marks."""
    home = (docs / "index.md").read_text(encoding="utf-8")
    home = replace_part(home, "counts", make_counts(library))
    home = replace_part(home, "transcript", find_part(README.read_text(encoding="utf-8"), "transcript"))
    return {"index.md": home} | dict(_fill_stories(library, docs))


def _fill_stories(library: Library, docs: Path) -> Iterator[tuple[str, str]]:
    masks = load_masks(docs / "systems" / "masks.toml")
    for system in STORIES:
        text = (docs / "systems" / f"{system}.md").read_text(encoding="utf-8")
        graph = draw_order(system, find_steps(text), masks[system], library.by_id)
        yield f"systems/{system}.md", replace_part(text, "order", graph)


def write_pages(pages: Mapping[str, str], docs: Path) -> None:
    """Write the pages that are not there in these words, and remove those of cases that are gone."""
    for name, text in pages.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text)
    for folder in FOLDERS:
        for path in (docs / folder).iterdir():
            if f"{folder}/{path.name}" not in pages:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_social(library: Library, docs: Path) -> None:
    """Draw the picture of each case, and the one of all other pages."""
    folder = docs / "social"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for case in library.cases:
        below = f"{FAMILIES[case.system][0]}, {case.kind}. {case.summary}"
        draw_social(folder / f"{case.id}.png", case.title, below, _trace(case))
    shown = library.by_id[SHOWN_CASE]
    draw_social(folder / "index.png", "Find out why a training run fails", make_counts(library), _trace(shown))


def _trace(case: Case) -> tuple[Points, Points] | None:
    """Both curves of a case in shares of their common frame; values that are not finite are left out."""
    if case.curve is None:
        return None
    logs = [case.log(side).read_text(encoding="utf-8").splitlines() for side in Side]
    curves = [extract_curve(case.curve, lines) for lines in logs]
    frame = fit_frame(curves)
    if frame is None:
        return None
    before, after = (
        tuple((frame.position(n), frame.height(value)) for n, value in enumerate(curve) if abs(value) < float("inf"))
        for curve in curves
    )
    return before, after


def main() -> None:
    """Write all pages anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--into", type=Path, default=DOCS, help="the folder of the docs")
    docs = parser.parse_args().into
    library = load_library()
    write_pages(make_pages(library, docs, write_paste_data(docs)) | fill_pages(library, docs), docs)
    write_social(library, docs)


if __name__ == "__main__":
    main()

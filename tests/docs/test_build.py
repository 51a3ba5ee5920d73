"""The site builds strictly, has every page, and says of each what it is."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

from kb.code import list_mistakes
from kb.signs import list_signs
from repro.case import load_case
from repro.collection import find_collection
from tests.conftest import MakeCase
from tests.docs.conftest import REPOSITORY_URL, ROOT, SITE_URL
from tests.docs.pages import Page

SECTIONS = [
    "What you see", "See it happen", "What goes wrong", "The fix", "Measured before and after",
    "How to be sure it is this one", "Not this case if", "How safe the fix is", "Catch it earlier",
    "Where it happened", "Related",
]  # fmt: skip


@pytest.mark.parametrize("case_id", list(find_collection()))
def test_page_of_a_case_is_whole_and_in_order(pages: dict[str, Page], case_id: str) -> None:
    page = pages[f"cases/{case_id}/"]
    case = find_collection().load(case_id)
    assert [text.strip("¶ ") for level, text in page.headings if level == 2] == SECTIONS
    assert page.title.startswith(case.title)
    assert f"repro case {case_id}\n" in page.code
    assert f"curve-{case_id}-title" in page.ids or case.curve is None
    assert all(" ".join(symptom.replace("`", "").split()) in " ".join(page.text.split()) for symptom in case.symptoms)
    for name in case.metrics:
        assert name in page.text


def test_every_page_says_what_it_is(pages: dict[str, Page], site: Path) -> None:
    for address, page in pages.items():
        assert sum(level == 1 for level, _ in page.headings) == 1, address
        assert 20 <= len(page.meta["description"]) <= 170, address
        assert page.meta["og:title"], address
        picture = site / page.meta["og:image"].removeprefix(SITE_URL)
        assert Image.open(picture).size == (1200, 630), address
        if address != "404.html":
            assert page.canonical == SITE_URL + address
    descriptions = [page.meta["description"] for address, page in pages.items() if address != "404.html"]
    assert len(set(descriptions)) == len(descriptions)


def test_headings_skip_no_level(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        levels = [level for level, _ in page.headings]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), f"{address}: {page.headings}"


def test_ids_are_given_once(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        twice = {one for one in page.ids if page.ids.count(one) > 1}
        assert not twice, f"{address}: {twice}"


def test_sitemap_has_every_page(pages: dict[str, Page], site: Path) -> None:
    root = ElementTree.parse(site / "sitemap.xml").getroot()
    listed = {node.text for node in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert listed == {SITE_URL + address for address in pages if address != "404.html"}


def test_edit_links_lead_to_what_a_page_is_made_of(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        if address == "404.html":
            continue
        source = page.edit.removeprefix(f"{REPOSITORY_URL}/edit/main/")
        assert (ROOT / source).is_file(), f"{address}: {page.edit}"


def test_every_symptom_is_in_the_menu_and_every_sign_in_a_symptom() -> None:
    from site_pages.symptoms import SYMPTOMS

    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for symptom in SYMPTOMS:
        assert f"symptoms/{symptom.name}.md" in menu
    assert {sign for symptom in SYMPTOMS for sign in symptom.signs} == set(list_signs())


def test_a_sign_leads_to_a_case_only_by_its_counts(pages: dict[str, Page]) -> None:
    from kb.evidence import load_evidence
    from repro.case import Side

    page = pages["symptoms/loss-flat/"]
    counts = load_evidence()["gait-transpose"].count(Side.BUGGY, "loss-at-margin")
    assert counts.always
    assert "loss-at-margin" in page.ids
    assert "../../cases/gait-transpose/" in page.links


def test_pages_that_are_kept_are_fresh(built: Path) -> None:
    for path in [ROOT / "docs" / "index.md", *(ROOT / "docs" / "systems").glob("*.md")]:
        copy = built / "docs" / path.relative_to(ROOT / "docs")
        assert path.read_text(encoding="utf-8") == copy.read_text(encoding="utf-8"), f"{path.name}: run `make pages`"


def test_generated_pages_are_not_kept() -> None:
    """What is made anew with each build cannot be stale, as long as nobody commits it."""
    from generate_pages import DOCS, make_pages
    from site_pages.library import load_library
    from site_pages.paste_data import PasteData

    made = [f"docs/{name}" for name in make_pages(load_library(), DOCS, PasteData("", 0, 0))]
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"], input="\n".join(made), cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode == 128:
        pytest.skip("not a checkout")
    assert sorted(done.stdout.split()) == sorted(made)


def test_case_that_lacks_a_part_is_refused(make_case: MakeCase) -> None:
    from site_pages.library import Library, find_gaps

    case = load_case(make_case())
    faults = "\n".join(find_gaps(Library([case], {}, {})))
    assert "run `repro record small-case`" in faults
    assert faults.count("run `make evidence`") == 2


def test_pages_of_cases_that_are_gone_are_removed(tmp_path: Path) -> None:
    from generate_pages import write_pages

    write_pages({"cases/a-case.md": "a", "symptoms/index.md": "b"}, tmp_path)
    write_pages({"cases/b-case.md": "c", "symptoms/index.md": "b"}, tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == ["b-case.md", "index.md"]


def test_accuracy_page_says_when_nothing_was_measured(tmp_path: Path) -> None:
    from site_pages.copies import make_accuracy_page

    assert "make bench-docs" in make_accuracy_page(tmp_path / "none.md")
    (tmp_path / "match.md").write_text("| way | top-1 |\n")
    assert "| way | top-1 |" in make_accuracy_page(tmp_path / "match.md")


def test_measured_accuracy_is_that_of_the_queries() -> None:
    from measure_accuracy import MEASURED, QUERIES, digest_queries

    if not MEASURED.is_file():
        pytest.skip("no measurement is kept; the page says so")
    assert MEASURED.read_text(encoding="utf-8").startswith(f"<!-- queries {digest_queries(QUERIES)} -->")


def test_accuracy_is_measured_by_the_command(tmp_path: Path) -> None:
    from measure_accuracy import digest_queries, make_accuracy

    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "RuntimeError: Numpy is not available", "labels": ["vision-numpy-abi"]}\n')
    text = make_accuracy(queries)
    assert text.startswith(f"<!-- queries {digest_queries(queries)} -->\n\n| ")
    assert "| queries | top-1 |" in text


def test_exclusions_move_with_what_follows_them() -> None:
    from site_pages.case_page import _take_exclusions

    text = "Turn it.\n\nSaved weights load. Not this case if the loss is NLLLoss: that is right. Other words.\n\nEnd."
    kept, taken = _take_exclusions([text])
    assert kept == ["Turn it.\n\nSaved weights load.\n\nEnd."]
    assert taken == ["The loss is NLLLoss: that is right. Other words."]


def test_text_of_a_case_is_no_markup() -> None:
    from site_pages.markdown import escape_cell, escape_text

    assert escape_text("a <b> *c* `d*e` [f]") == r"a &lt;b&gt; \*c\* `d*e` \[f\]"
    assert escape_cell("a | b") == r"a \| b"


def test_measure_of_a_sign_is_told_from_its_code() -> None:
    from site_pages.glossary import describe_measure, split_alternatives

    assert any("FLAT_RANGE" in line for line in describe_measure(list_signs()["train-loss-flat"]))
    assert any("stack expects each tensor" in line for line in describe_measure(list_signs()["error-collate"]))
    assert split_alternatives(r"a(?:b|c)|d\|e") == ["a(b|c)", "d|e"]


def test_page_of_mistakes_has_each_with_its_cases() -> None:
    from site_pages.library import load_library
    from site_pages.mistakes import make_mistakes_page

    page = make_mistakes_page(load_library())
    for one in list_mistakes():
        (row,) = re.findall(rf"^\| `{one.id}` \|.*$", page, re.MULTILINE)
        assert all(f"cases/{case_id}.md" in row for case_id in one.cases)


def test_nothing_of_a_later_version_is_needed() -> None:
    """The generator runs by itself, as `make pages` runs it."""
    done = subprocess.run(
        [sys.executable, "docs/generate_pages.py", "--help"], cwd=ROOT, capture_output=True, text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert "--into" in done.stdout, done.stderr


def test_order_of_a_story() -> None:
    from site_pages.order_graph import find_steps

    story = (
        "## In which order the causes were found\n\n1. **[a-b](../cases/a-b.md)**. One,\n"
        "   and [c-d](../cases/c-d.md).\n\nBeside: [e-f](../cases/e-f.md).\n\n## After\n\n1. [g-h](../cases/g-h.md)\n"
    )
    assert [(step.label, step.case_id) for step in find_steps(story)] == [("1", "a-b"), ("1", "c-d"), ("", "e-f")]


@pytest.mark.parametrize("system", ["gait", "sign", "ris", "vision"])
def test_graph_shows_what_the_story_tells(system: str) -> None:
    from site_pages.order_graph import find_steps, load_masks

    text = (ROOT / "docs" / "systems" / f"{system}.md").read_text(encoding="utf-8")
    steps = [step.case_id for step in find_steps(text)]
    own = [case_id for case_id in find_collection() if case_id.startswith(f"{system}-")]
    assert sorted(steps) == own
    for mask in load_masks(ROOT / "docs" / "systems" / "masks.toml")[system]:
        assert mask.hider in steps
        assert mask.hidden in steps


def test_measured_values_are_not_lost_in_rounding() -> None:
    from site_pages.case_page import show_spread

    assert show_spread((0.25, 0.5)) == "0.25 to 0.5"
    assert show_spread((2.0, 2.0)) == "2"
    assert show_spread((float("nan"), 1.0)) == "nan on 1 of 2 seeds"

"""The pages, run as Streamlit runs them, without a browser."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.cards import RUN
from app.charts import choose_series
from app.words import as_text, excerpt
from kb.read import read_text
from kb.read.log import LogLine
from repro.collection import CASES_VARIABLE, find_collection, find_examples, shipped_folder

MAIN = shipped_folder().parent / "app" / "main.py"
HOSTILE = "<script>alert(1)</script> **bold** $x$ :red[y] loss is nan"


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(str(MAIN), default_timeout=120)


def say(page: AppTest, text: str) -> AppTest:
    return page.chat_input[0].set_value(text).run()


def texts(page: AppTest) -> str:
    elements = (*page.markdown, *page.caption, *page.success, *page.info, *page.warning, *page.error, *page.title)
    return "\n".join(element.value for element in elements)


def button(page: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in page.button if one.label == label)


# ---- diagnose --------------------------------------------------------------------------------


def test_empty_page_offers_examples(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert {path.stem.replace("-", " ") for path in find_examples()} <= {one.label for one in page.button}


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in find_examples()])
def test_every_example_gets_an_answer(page: AppTest, path: Path) -> None:
    page.run()
    button(page, path.stem.replace("-", " ")).click().run()
    assert not page.exception
    assert "None of these:" in texts(page)
    assert any(path.read_text(encoding="utf-8").rstrip() == code.value for code in page.code)


def test_an_error_finds_its_case_with_fix_and_scripts(page: AppTest) -> None:
    say(page.run(), "RuntimeError: Numpy is not available, after the upgrade to NumPy 2")
    assert not page.exception
    assert "This is most likely" in texts(page)
    assert any("+++ vision-numpy-abi/fixed.py" in code.value for code in page.code)
    assert any(code.value == "repro case vision-numpy-abi" for code in page.code)


def test_answers_move_the_ranking_and_are_taken_back(page: AppTest) -> None:
    say(page.run(), "my loss does not go down")
    before = texts(page)
    assert "To decide:" in before
    for label in ("Yes", "No", "Don't know"):
        button(page, label).click().run()
        assert not page.exception
        after = texts(page)
        assert after != before
        button(page, "Take back").click().run()
        assert texts(page) == before
    button(page, "Start anew").click().run()
    assert "Or try one of these:" in texts(page)


def test_more_words_add_up(page: AppTest) -> None:
    say(page.run(), "nothing is learned")
    say(page, "\n".join(f"epoch {n}: train {1.2 + n % 2 / 100:.3f} val 0.873311" for n in range(8)))
    assert "8 records" in texts(page)
    assert len(page.chat_message) == 3


@pytest.mark.parametrize("text", ["?!", "7", "<>"])
def test_nothing_to_match_is_told_and_changes_nothing(page: AppTest, text: str) -> None:
    say(page.run(), text)
    assert not page.exception
    assert "there is nothing to match" in texts(page).replace("\\", "")
    assert "Or try one of these:" in texts(page)


def test_hostile_text_stays_text(page: AppTest) -> None:
    say(page.run(), HOSTILE)
    assert not page.exception
    assert any(code.value == HOSTILE for code in page.code)
    assert "<script>" not in texts(page)


def test_a_long_log(page: AppTest) -> None:
    say(page.run(), "\n".join(f"step {n} loss {2 / (n + 1):.5f}" for n in range(60_000)))
    assert not page.exception
    assert "60,000 records" in texts(page)


def test_a_text_over_the_limit_is_refused(page: AppTest) -> None:
    say(page.run(), "loss " * 500_000)
    assert "2,000,000 are the limit" in texts(page).replace("\\", "")


# ---- run it ----------------------------------------------------------------------------------


def open_run_tab(page: AppTest) -> None:
    page.query_params["case"] = "gait-transpose"
    page.session_state["tabs gait-transpose"] = RUN
    page.run()


def test_running_a_case_ends_at_its_verdict(page: AppTest) -> None:
    open_run_tab(page)
    button(page, "Run before and after").click().run()
    run = page.session_state["runs"]["gait-transpose"]
    while not run.ended:
        run.watch()
        time.sleep(0.05)
    page.run()
    assert not page.exception
    assert page.success[0].value.startswith("Reproduced on seed 0")


def test_cancelled_run_is_told(page: AppTest) -> None:
    open_run_tab(page)
    button(page, "Run before and after").click().run()
    button(page, "Cancel").click().run()
    run = page.session_state["runs"]["gait-transpose"]
    while not run.ended:
        run.watch()
        time.sleep(0.05)
    page.run()
    assert not page.exception
    assert "The run was cancelled." in texts(page)


# ---- cases and own incidents -----------------------------------------------------------------


def test_case_by_its_address(page: AppTest) -> None:
    page.query_params["case"] = "gait-transpose"
    page.run()
    assert not page.exception
    assert any("What goes wrong" in text.value for text in page.markdown)
    assert any("+++ gait-transpose/fixed.py" in code.value for code in page.code)


def test_unknown_case_is_told(page: AppTest) -> None:
    page.query_params["case"] = "<script>"
    page.run()
    assert not page.exception
    assert "There is no case" in page.warning[0].value


def open_page(name: str) -> AppTest:
    return AppTest.from_file(str(MAIN.parent / "pages" / name), default_timeout=120)


def test_filters(page: AppTest) -> None:
    page.query_params["case"] = "no-such"
    page.run()
    every = page.caption[0].value
    page.multiselect[0].select("gait").run()
    assert page.caption[0].value != every
    page.text_input[0].set_value("transpose conv1d").run()
    assert page.caption[0].value == "1 case"
    assert not page.exception


@pytest.fixture
def own_folder(make_case: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = make_case()
    monkeypatch.setenv(CASES_VARIABLE, str(folder.parent))
    st.cache_resource.clear()
    yield folder
    monkeypatch.delenv(CASES_VARIABLE)
    st.cache_resource.clear()


def test_own_incidents_are_listed(own_folder: Path) -> None:
    page = open_page("incidents.py").run()
    assert not page.exception
    assert str(own_folder.parent) in page.table[0].value.to_string()
    assert os.environ[CASES_VARIABLE] == str(own_folder.parent)


def test_case_removed_while_open(own_folder: Path) -> None:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.query_params["case"] = "small-case"
    page.run()
    assert any("The constant." in text.value for text in page.markdown)
    shutil.rmtree(own_folder)
    page.run()
    assert not page.exception
    assert "There is no case" in page.warning[0].value


# ---- texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["**b**", "[a](b)", "<b>", "$x$", ":red[x]", "1. a", "- a", "# a", "a_b_c", "`x`", "![](x)"]
)
def test_texts_are_shown_letter_by_letter(text: str) -> None:
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark").renderInline(as_text(text))
    assert "<" not in shown
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"') == text
    assert not as_text(text).startswith(("- ", "# ", "1. ", ":", "$"))


def test_excerpt_marks_lines_and_shows_what_is_around() -> None:
    log = read_text("\n".join(f"epoch {n} loss {n}.5" for n in range(1, 20)))
    text = excerpt(log, [LogLine(3, ""), LogLine(10, "")])
    assert [row.split()[0] for row in text.splitlines()] == ["2", "▶", "4", "…", "9", "▶", "11"]


def test_the_users_own_curve_is_of_the_same_quantity() -> None:
    log = read_text((shipped_folder().parent / "examples" / "wer-stays-at-100.log").read_text(encoding="utf-8"))
    own = choose_series(find_collection().load("sign-vocab-blank"), log)
    assert own is not None
    assert own.name == "wer"

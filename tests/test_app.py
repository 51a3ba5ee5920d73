"""The app, run as Streamlit runs it, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from repro.collection import shipped_folder

PAGE = shipped_folder().parent / "app" / "cases.py"


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(str(PAGE), default_timeout=120)


def test_page_shows_a_case(page: AppTest) -> None:
    page.query_params["case"] = "gait-transpose"
    page.run()
    assert not page.exception
    assert page.selectbox[0].value == "gait-transpose"
    assert any("What goes wrong" in text.value for text in page.markdown)
    assert any("+++ gait-transpose/fixed.py" in code.value for code in page.code)


def test_unknown_case_is_told(page: AppTest) -> None:
    page.query_params["case"] = "<script>"
    page.run()
    assert not page.exception
    assert "There is no case “<script>”" in page.warning[0].value


def test_running_a_case_ends_at_its_verdict(page: AppTest) -> None:
    page.query_params["case"] = "gait-transpose"
    page.run()
    page.button[0].click().run()
    assert not page.exception
    assert page.success[0].value.startswith("Reproduced on seed 0: before, rank1 is 0.")

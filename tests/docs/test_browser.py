"""The site in a real browser: no error in the console, nothing asked of other hosts, readable by everybody."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_core_python
import pytest

pytest.importorskip("selenium")
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
NOT_OURS = {"landmark-unique": {"enabled": False}}
"""The theme gives the same name to its own landmarks, such as the copy button of each block of code."""

DESKTOP, PHONE = 1280, 390
PAGES = ["", "cases/gait-transpose/", "cases/vision-bad-batch/", "symptoms/", "systems/ris/", "paste/"]
"""Home, a case with a curve, one that ends with an error, the symptom finder, a system, the box for a paste."""
FURTHER = ["cases/", "symptoms/error/", "symptoms/numbers/", "commands/", "python/", "tags/", "404.html"]


def show(browser: Chrome, address: str, width: int = DESKTOP, *, dark: bool = False) -> None:
    """Open a page at a width, in light or dark."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)


def list_outside(browser: Chrome) -> list[str]:
    """Addresses of other hosts that were asked for since the last call."""
    asked = []
    for entry in browser.get_log("performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            asked.append(message["params"].get("request", {}).get("url", "") or message["params"].get("url", ""))
    return [one for one in asked if urlsplit(one).hostname not in ("127.0.0.1", None)]


def find_violations(browser: Chrome) -> list[str]:
    """What axe-core finds wrong with the page."""
    browser.execute_script(AXE)
    browser.set_script_timeout(60)
    script = (
        "const [runOnly, rules, done] = arguments;"
        "axe.run(document, {runOnly, rules, resultTypes: ['violations']})"
        ".then((found) => done(found.violations.map((one) => one.id + ': ' + one.nodes.slice(0, 3)"
        ".map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message || '')).join(' | '))))"
    )
    found: list[str] = browser.execute_async_script(script, RULES, NOT_OURS)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", PAGES)
def test_page_in_every_form(browser: Chrome, site_address: str, page: str, width: int, dark: bool) -> None:
    show(browser, site_address + page, width, dark=dark)
    assert browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth") <= 0
    scheme = browser.execute_script("return document.body.dataset.mdColorScheme")
    assert scheme == ("slate" if dark else "default")
    assert list_outside(browser) == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert find_violations(browser) == []


@pytest.mark.parametrize("page", FURTHER)
def test_further_page(browser: Chrome, site_address: str, page: str) -> None:
    show(browser, site_address + page, PHONE, dark=True)
    assert browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert list_outside(browser) == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert find_violations(browser) == []


def test_filter_of_the_cases(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}cases/?kind=crash")
    rows = [row for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert rows
    assert all("crash" in row.text for row in rows)
    browser.find_element(By.NAME, "words").send_keys("numpy-abi")
    rows = [row for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert len(rows) == 1
    assert browser.find_element(By.ID, "filtered").text == "1 shown"
    Select(browser.find_element(By.NAME, "kind")).select_by_value("silent")
    assert browser.find_element(By.ID, "filtered").text == "0 shown"


def test_chooser_ranks_by_measured_signs(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}symptoms/")
    for sign in ("loss-at-margin", "embedding-distance-collapsed"):
        box = browser.find_element(By.CSS_SELECTOR, f'#chooser input[value="{sign}"]')
        browser.execute_script("arguments[0].closest('details').open = true", box)
        box.click()
    first = browser.find_element(By.CSS_SELECTOR, "#chosen li a")
    assert first.get_attribute("href") == f"{site_address}cases/gait-embedding-collapse/"


@pytest.mark.parametrize(
    ("words", "case_ids"),
    [
        ("stack expects each tensor to be equal size", ("vision-bad-batch", "data-collate-unequal")),
        ("numpy is not available", ("vision-numpy-abi",)),
        ("triplet loss margin sensor windows conv1d", ("gait-transpose",)),
    ],
)
def test_search_finds_messages_and_symptoms(
    browser: Chrome, site_address: str, words: str, case_ids: tuple[str, ...]
) -> None:
    show(browser, site_address)
    box = browser.find_element(By.CSS_SELECTOR, ".md-search__input")
    browser.execute_script("arguments[0].focus()", box)
    box.send_keys(words)
    found = WebDriverWait(browser, 20).until(
        lambda driver: driver.find_elements(By.CSS_SELECTOR, ".md-search-result__item > a")
    )
    first = [str(one.get_attribute("href")) for one in found[:3]]
    assert any(f"/cases/{case_id}/" in address for address in first for case_id in case_ids)
    assert list_outside(browser) == []


def test_keyboard_opens_a_tab_of_the_fix(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}cases/gait-transpose/#the-fix")
    label = browser.find_element(By.XPATH, "//label[normalize-space()='fixed.py']")
    browser.execute_script("document.getElementById(arguments[0].htmlFor).focus()", label)
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    time.sleep(0.2)
    assert "walks.transpose(1, 2).contiguous()" in browser.find_element(By.CSS_SELECTOR, ".tabbed-content").text


def test_print_shows_every_tab(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}cases/gait-transpose/")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        blocks = browser.find_elements(By.CSS_SELECTOR, ".tabbed-block")
        assert len(blocks) == 3
        assert all(block.is_displayed() for block in blocks)
        assert not browser.find_element(By.CSS_SELECTOR, ".md-header").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

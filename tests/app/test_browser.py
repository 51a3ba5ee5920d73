"""The app in a real browser: paste, see the right case first, run it, come back by its address."""

import json
import os
import re
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro.collection import find_examples
from tests.app.conftest import App

pytest.importorskip("selenium")
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

FROZEN, WER = (
    next(path for path in find_examples() if name in path.stem).read_text(encoding="utf-8")
    for name in ("frozen", "wer")
)
NUMPY = "RuntimeError: Numpy is not available, since I upgraded NumPy to 2.0"
INPUT = 'textarea[data-testid="stChatInputTextArea"]'
Open = Callable[..., Chrome]


@pytest.fixture
def open_browser(chromium: dict[str, str]) -> Iterator[Open]:
    """Open a browser of a given size at an address."""
    opened: list[Chrome] = []

    def open_at(address: str, width: int = 1280, height: int = 1600, dark: bool = False) -> Chrome:
        options = ChromeOptions()
        options.binary_location = chromium["chromium"]
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            f"--window-size={width},{height}",
        ):
            options.add_argument(argument)
        if dark:
            options.add_argument("--force-dark-mode")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        browser = Chrome(options=options, service=Service(chromium["chromedriver"]))
        opened.append(browser)
        browser.get(address)
        return browser

    yield open_at
    for browser in opened:
        browser.quit()


def body(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def wait_for(browser: Chrome, *texts: str, seconds: float = 60) -> float:
    """Seconds until all texts are on the page."""
    began = time.monotonic()
    while True:
        shown = body(browser)
        if all(text in shown for text in texts):
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, f"{texts} not in:\n{shown[:4000]}"
        time.sleep(0.02)


def find(browser: Chrome, selector: str) -> WebElement:
    """An element, when it is there."""
    return WebDriverWait(browser, 60).until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))


def paste(browser: Chrome, text: str) -> None:
    box = find(browser, INPUT)
    box.click()
    browser.execute_cdp_cmd("Input.insertText", {"text": text})
    box.send_keys(Keys.ENTER)


def time_answer(browser: Chrome, text: str, *texts: str) -> float:
    """Paste, and take the seconds from the key to the frame that shows all texts, by the browser's own clock."""
    browser.execute_script(
        "const texts = arguments[0]; let began; window.answered = null;"
        "document.addEventListener('keydown', (event) => { if (event.key === 'Enter') began ??= performance.now(); },"
        " {capture: true});"
        "const look = () => { const shown = document.body.textContent;"
        " if (began && texts.every((text) => shown.includes(text))) window.answered = performance.now() - began;"
        " else requestAnimationFrame(look); }; look();",
        texts,
    )
    paste(browser, text)
    wait_for(browser, *texts)
    return float(browser.execute_script("return window.answered")) / 1000


def press(browser: Chrome, label: str, kind: str = "button") -> None:
    """Press a button (with an icon or without) when it is there."""
    script = (
        "const found = [...document.querySelectorAll(arguments[1])].find(one => one.innerText.trim().endsWith("
        "arguments[0])); if (found) found.click(); return Boolean(found)"
    )
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(script, label, kind))


def select_tab(browser: Chrome, label: str) -> None:
    press(browser, label, "[role=tab]")


def outside_requests(browser: Chrome) -> list[str]:
    """Addresses of other hosts that the page asked for."""
    asked = []
    for entry in browser.get_log("performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        address = message["params"].get("request", {}).get("url", "") or message["params"].get("url", "")
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            asked.append(address)
    hosts = {urllib.parse.urlsplit(address).hostname for address in asked if address.startswith(("http", "ws"))}
    assert "127.0.0.1" in hosts
    return [address for address in asked if urllib.parse.urlsplit(address).hostname not in ("127.0.0.1", None)]


def find_scripts(app: App) -> list[int]:
    """Processes that run a script for the app now: forks of its server that has imported torch."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"repro.forkserver" in (folder / "cmdline").read_bytes():
                status = (folder / "status").read_text()
                parents[int(folder.name)] = int(re.findall(r"^PPid:\s*(\d+)", status, re.MULTILINE)[0])
        except OSError:  # it ended meanwhile
            continue
    return [process for process, parent in parents.items() if parents.get(parent) == app.process]


def wait_for_scripts(app: App) -> list[int]:
    end = time.monotonic() + 60
    while not (found := find_scripts(app)):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_from_a_paste_to_the_verdict_and_back(app_address: str, open_browser: Open) -> None:
    browser = open_browser(app_address)
    wait_for(browser, "Or try one of these")
    time.sleep(1)  # a person looks at the page before they paste
    first = time_answer(browser, NUMPY, "vision-numpy-abi", "None of these:")
    press(browser, "Start anew")
    wait_for(browser, "Or try one of these")
    later = time_answer(browser, WER, "16 records", "None of these:")
    print(f"first answer {first:.2f} s, a later one {later:.2f} s after the paste")
    select_tab(browser, "Run it")
    press(browser, "Run before and after")
    wait_for(browser, "Reproduced on seed 0", seconds=120)
    assert outside_requests(browser) == []
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def test_deep_link_survives_a_reload(app_address: str, open_browser: Open) -> None:
    browser = open_browser(f"{app_address}/?case=gait-transpose")
    wait_for(browser, "What goes wrong")
    browser.refresh()
    wait_for(browser, "What goes wrong", "Tensors saved as (time, channels)")
    assert "case=gait-transpose" in browser.current_url


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)], ids=["phone", "dark"])
def test_narrow_and_dark(app_address: str, open_browser: Open, width: int, dark: bool) -> None:
    browser = open_browser(app_address, width=width, dark=dark)
    wait_for(browser, "Or try one of these")
    paste(browser, NUMPY)
    wait_for(browser, "None of these:")
    too_wide = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    assert too_wide <= 0
    assert outside_requests(browser) == []


def test_keyboard_alone(app_address: str, open_browser: Open) -> None:
    browser = open_browser(app_address)
    wait_for(browser, "Or try one of these")
    example = next(path.stem.replace("-", " ") for path in find_examples())
    for _ in range(30):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.switch_to.active_element.text.strip() == example:
            break
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait_for(browser, "None of these:")


def test_pasted_markup_is_text(app_address: str, open_browser: Open) -> None:
    browser = open_browser(app_address)
    wait_for(browser, "Or try one of these")
    paste(browser, "<img src=x onerror=\"document.title='gone'\"> loss is nan **bold** <b>x</b>")
    wait_for(browser, "None of these:", "<img src=x onerror", "**bold** <b>x</b>")
    assert browser.title != "gone"


def test_two_tabs_have_their_own_conversation(app_address: str, open_browser: Open) -> None:
    first, second = (open_browser(app_address) for _ in range(2))
    for browser, text in ((first, NUMPY), (second, "CTC decode gives only <blank>, WER is 1.0 for ever")):
        wait_for(browser, "Or try one of these")
        paste(browser, text)
    wait_for(first, "vision-numpy-abi", "None of these:")
    wait_for(second, "sign-vocab-blank", "None of these:")
    assert "sign-vocab-blank" not in body(first)


def test_closed_tab_leaves_no_process_behind(app: App, open_browser: Open) -> None:
    browser = open_browser(f"{app.address}/?case=gait-batch-diversity")
    wait_for(browser, "What goes wrong")
    select_tab(browser, "Scripts, curves, run")
    select_tab(browser, "Run it")
    press(browser, "Run before and after")
    wait_for_scripts(app)
    browser.close()
    end = time.monotonic() + 60
    while find_scripts(app):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_killed_script_is_told(app: App, open_browser: Open) -> None:
    browser = open_browser(f"{app.address}/?case=gait-batch-diversity")
    wait_for(browser, "What goes wrong")
    select_tab(browser, "Scripts, curves, run")
    select_tab(browser, "Run it")
    press(browser, "Run before and after")
    os.kill(wait_for_scripts(app)[0], signal.SIGKILL)
    wait_for(browser, "SIGKILL")


def test_upload(app_address: str, open_browser: Open, tmp_path: Path) -> None:
    browser = open_browser(app_address)
    wait_for(browser, "Or try one of these")
    for name, data, told in (
        ("picture.log", b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        ("..%2f..%2fetc.log", FROZEN.encode(), "12 records"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        find(browser, 'input[type="file"]').send_keys(str(path))
        wait_for(browser, name[:8])
        end = time.monotonic() + 60
        while told not in body(browser):  # a file that is still on its way is not sent
            assert time.monotonic() < end, body(browser)
            find(browser, INPUT).send_keys(Keys.ENTER)
            time.sleep(1)

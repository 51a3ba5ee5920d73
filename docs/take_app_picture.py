"""Take the pictures of the app for the home page, light and dark: `docs/images/app.png`, `app-dark.png`.

    python docs/take_app_picture.py

It starts the app, pastes an example as a person would, and wants chromium and its driver on this machine.
"""

import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from generate_readme import ROOT
from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from repro.serve import find_port

EXAMPLE = ROOT / "examples" / "wer-stays-at-100.log"
IMAGES = ROOT / "docs" / "images"
INPUT = 'textarea[data-testid="stChatInputTextArea"]'
ANSWERED = "None of these:"
SECONDS = 120
WIDTH, HEIGHT = 1200, 1500
COLOURS = 128
"""Of a picture: a page has few, and the file is a third of the size."""


def wait_for_app(address: str) -> None:
    """Return when the app answers."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("the app does not answer")


def take_picture(address: str, path: Path, *, dark: bool) -> None:
    """Paste the example into the app and save what is shown."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={WIDTH},{HEIGHT}"):
        options.add_argument(argument)
    with Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver")) as browser:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(address)
        wait_for_element(browser, INPUT)
        box = browser.find_element(By.CSS_SELECTOR, INPUT)
        box.click()
        browser.execute_cdp_cmd("Input.insertText", {"text": EXAMPLE.read_text(encoding="utf-8")})
        box.send_keys(Keys.ENTER)
        wait_for_text(browser, ANSWERED)
        time.sleep(3)  # the chart draws itself after the words
        browser.execute_script("document.querySelectorAll('*').forEach((one) => { one.scrollTop = 0; })")
        time.sleep(0.5)
        browser.save_screenshot(str(path))
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def wait_for_element(browser: Chrome, selector: str) -> None:
    """Return when an element is on the page."""
    end = time.monotonic() + SECONDS
    while not browser.find_elements(By.CSS_SELECTOR, selector):
        if time.monotonic() > end:
            sys.exit(f"{selector} did not appear")
        time.sleep(0.1)


def wait_for_text(browser: Chrome, text: str) -> None:
    """Return when a text is on the page."""
    end = time.monotonic() + SECONDS
    while text not in browser.find_element(By.TAG_NAME, "body").text:
        if time.monotonic() > end:
            sys.exit(f'"{text}" did not appear')
        time.sleep(0.1)


def main() -> None:
    """Take both pictures."""
    port = find_port(None)
    command = [sys.executable, "-m", "repro", "app", "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as app:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for_app(address)
            take_picture(address, IMAGES / "app.png", dark=False)
            take_picture(address, IMAGES / "app-dark.png", dark=True)
        finally:
            app.terminate()


if __name__ == "__main__":
    main()

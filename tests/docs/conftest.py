"""The site, built once for all tests from a copy of the docs, and read as a browser or a search engine would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from repro.collection import shipped_folder
from tests.docs.pages import Page, read_page

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = shipped_folder().parent
SITE_URL = "https://site.example/repro/"
REPOSITORY_URL = "https://forge.example/repro"
sys.path.insert(0, str(ROOT / "docs"))  # the generator is a set of scripts and not installed


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `docs`, generated, and `site`, built strictly; one for all processes of a test run."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "popen-gw" in folder.name else folder
    target = shared / "built"
    with FileLock(shared / "built.lock"):
        if not (target / "done").is_file():
            shutil.rmtree(target, ignore_errors=True)
            _build(target)
            (target / "done").touch()
    return target


def _build(target: Path) -> None:
    generated = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "docs"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    ignored = {str(ROOT / path.rstrip("/")) for path in generated}

    def leave_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or str(Path(folder) / name) in ignored}

    shutil.copytree(ROOT / "docs", target / "docs", ignore=leave_out)
    shutil.copy(ROOT / "mkdocs.yml", target)
    _run("docs/generate_pages.py", "--into", str(target / "docs"))
    done = _run("-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(target / "mkdocs.yml"))
    assert "WARNING" not in done.stderr, done.stderr


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "SITE_URL": SITE_URL, "REPOSITORY_URL": REPOSITORY_URL, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def site(built: Path) -> Path:
    return built / "site"


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """All pages by their address below the site: `cases/gait-transpose/`."""
    return {
        path.relative_to(site).as_posix().removesuffix("index.html"): read_page(path) for path in site.rglob("*.html")
    }


@contextmanager
def serve(site: Path, root: Path, missing: str = "") -> Iterator[str]:
    """The site, served on this machine below `root`; the file that is called `missing` is not there."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            found = super().translate_path(path)
            return f"{found}.gone" if missing and found.endswith(missing) else found

    (root / "repro").symlink_to(site)  # below the same path as where it is published: 404.html counts on it
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/repro/"
    server.shutdown()


@pytest.fixture(scope="session")
def site_address(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(site, tmp_path_factory.mktemp("served")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: dict[str, str]) -> "Iterator[Chrome]":
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium["chromium"]
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with Chrome(options=options, service=Service(chromium["chromedriver"])) as opened:
        yield opened

"""The site: it builds without a warning, has a page for each case, and loads nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from repro.collection import find_collection, shipped_folder

ROOT = shipped_folder().parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for command in (["docs/generate_pages.py"], ["-m", "mkdocs", "build", "--strict", "-d", str(folder)]):
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return folder


def test_page_for_each_case(site: Path) -> None:
    for case_id in find_collection():
        page = (site / "cases" / case_id / "index.html").read_text(encoding="utf-8")
        assert f"repro case {case_id}" in re.sub(r"<[^>]+>", "", page)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text(encoding="utf-8")):
            assert not re.search(r'(?:src|href)="?(?:https?:)?//', tag), f"{page}: {tag}"
    assert not [sheet for sheet in site.rglob("*.css") if re.search(r"url\(['\"]?https?:", sheet.read_text())]

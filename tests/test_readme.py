"""README.md says what is so: its generated parts are fresh, and what it names exists."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from repro.check import outline
from repro.collection import find_collection, shipped_folder

ROOT = shipped_folder().parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_readme", ROOT / "docs" / "generate_readme.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_cases_is_fresh(generator: ModuleType) -> None:
    table = generator.make_case_table(find_collection().load_all())
    assert generator.find_part(TEXT, "cases") == table, "run `make readme`"


@pytest.mark.parametrize("part", ["match", "transcript"])
def test_transcript_is_fresh(generator: ModuleType, part: str) -> None:
    """Word for word but for the numbers and the dots of the plot, which other processors may round differently."""

    def words(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if not re.search("[\u2800-\u28ff]", line)]
        return outline(lines)

    assert words(generator.find_part(TEXT, part)) == words(generator.make_transcript(*generator.TRANSCRIPTS[part])), (
        "run `make readme`"
    )


def test_missing_marks_are_refused(generator: ModuleType) -> None:
    with pytest.raises(ValueError, match="the marks of the part cases"):
        generator.replace_part("text", "cases", "body")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_resolve(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_every_command_is_in_the_table() -> None:
    done = subprocess.run([sys.executable, "-m", "repro", "--help"], capture_output=True, text=True, timeout=60)
    for command in re.findall(r"^  (\w+)", done.stdout.partition("Commands:")[2], re.MULTILINE):
        assert f"`repro {command}" in TEXT


def test_make_targets_explain_themselves() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE)
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    for target in targets:
        assert re.search(rf"^{target} +\w", shown, re.MULTILINE), target


def test_picture_is_one() -> None:
    assert ElementTree.parse(Path(ROOT / "docs" / "images" / "gait-transpose.svg")).getroot().tag.endswith("svg")


def test_version_is_the_same_everywhere() -> None:
    from repro import __version__

    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()

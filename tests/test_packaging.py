"""What is installed works without the checkout: the wheel has the cases, and finds them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from repro.collection import find_collection, shipped_folder

ROOT = shipped_folder().parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_case_and_no_litter(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for case_id in find_collection():
        for name in ("case.toml", "README.md", "buggy.py", "fixed.py", "buggy.log", "fixed.log"):
            assert f"repro/cases/{case_id}/{name}" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"repro", "kb", "app"}
    assert not [name for name in names if "__pycache__" in name or "cache/" in name]


def test_wheel_holds_the_encoder(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"kb/encoder/model/{name}" for name in ("model.onnx", "tokenizer.json", "card.json")} <= names


def test_wheel_runs_a_case(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    command = [sys.executable, "-m", "repro"]
    done = subprocess.run(
        [*command, "show", "gait-transpose", "--json"], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert str(tmp_path / "installed" / "repro" / "cases") in done.stdout
    done = subprocess.run([*command, "case", "gait-transpose"], env=environment, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr

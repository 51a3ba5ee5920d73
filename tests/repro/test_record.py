"""Recorded logs say the same on every machine."""

import site
import sys
from pathlib import Path

import pytest

from repro.errors import ReproError
from repro.files import write_whole
from repro.record import clean_lines


def test_clean_lines(tmp_path: Path) -> None:
    folder = tmp_path / "small-case"
    packages = site.getsitepackages()[0]
    lines = [
        f'  File "{folder}/buggy.py", line 3, in main',
        f'  File "{packages}/torch/nn/modules/conv.py", line 1, in forward',
        f"{sys.prefix}/lib is python's",
        "saved to /tmp/repro-x_1a2b3c/model.pt",
        "loss 0.5",
    ]
    assert clean_lines(lines, folder) == [
        '  File "cases/small-case/buggy.py", line 3, in main',
        '  File "site-packages/torch/nn/modules/conv.py", line 1, in forward',
        "python/lib is python's",
        "saved to scratch/model.pt",
        "loss 0.5",
    ]


def test_write_whole_keeps_what_was_there_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write_whole(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "old\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a.log"]


def test_write_whole_says_why_not(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match=r"nowhere/a\.log: cannot be written: No such file or directory"):
        write_whole(tmp_path / "nowhere" / "a.log", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ReproError, match="folder: cannot be written: Is a directory"):
        write_whole(tmp_path / "folder", "")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]

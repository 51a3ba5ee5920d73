"""Which files of a run's folder, or of a zip, hold what was measured. Only names are looked at here."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from kb.read.names import find_split

WHAT_IS_LOOKED_FOR = (
    "TensorBoard event files, metrics.csv of the newest version_N, trainer_state.json of the newest checkpoint-N, "
    "or one file that ends in .log, .out, .jsonl, .csv, .tsv, .txt, .err or .ipynb"
)
MAX_DEPTH, MAX_ENTRIES = 8, 20_000
"""How far a folder is searched: deeper or fuller ones are data sets, not runs."""

_SUFFIXES = ((".log", ".out"), (".jsonl",), (".csv", ".tsv"), (".txt",), (".err",), (".ipynb",), (".json",))
"""Kinds of files that may be the log, the likeliest first."""
_NO_LOG = re.compile(
    r"(?i)(?:requirements|readme|licen[cs]e|notice|conda-environment|environment|vocab|merges|labels|classes|.*config|"
    r".*args|hparams|hyperparameters|package|tokenizer.*|special_tokens_map|.*metadata.*|.*index|train|test|val)"
    r"\.(?:txt|json|csv|tsv)"
)
_HERE = PurePosixPath()
_VERSION = re.compile(r"version_(\d+)")
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Member:
    """A file in a folder or an archive. Its name is only looked at and shown, never used as a path."""

    path: PurePosixPath
    size: int
    time: float
    """When it was last written, to tell the newer of two."""
    open: Callable[[], BinaryIO]

    @property
    def kind(self) -> str:
        """What its name ends in, compression aside."""
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        return next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")


class Form(StrEnum):
    """How the chosen files are to be read."""

    EVENTS = "events"
    FILE = "file"


@dataclass(frozen=True)
class Choice:
    """The files to read."""

    form: Form
    members: tuple[Member, ...]
    """Of one run; of several files that could each be the log, the likeliest first."""
    root: PurePosixPath = _HERE
    """The folder of the run."""
    note: str = ""


def list_folder(folder: Path) -> list[Member]:
    """The files below a folder. Links to folders are not followed, hidden folders not entered."""
    members: list[Member] = []
    for place, entry in enumerate(_walk(folder, MAX_DEPTH)):
        if place >= MAX_ENTRIES:
            break
        try:
            if not entry.is_file():
                continue
            status = entry.stat()
        except OSError:
            continue
        path = Path(entry.path)
        inside = PurePosixPath(path.relative_to(folder).as_posix())
        members.append(Member(inside, status.st_size, status.st_mtime, partial(_open, path)))
    return members


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _walk(folder: Path, depth: int) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        yield entry
        if depth and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth - 1)


def choose(members: Sequence[Member]) -> Choice | None:
    """The files of a run's folder to read, or None where none is known by its name."""
    members = [one for one in members if not one.path.name.startswith(".") and "__MACOSX" not in one.path.parts]
    events = [one for one in members if "tfevents" in one.path.name and one.kind != ".profile-empty"]
    if events:
        return _choose_run(events)
    for name, number in (("metrics.csv", _VERSION), ("trainer_state.json", _CHECKPOINT)):
        found = [one for one in members if one.path.name in (name, name + ".gz")]
        if found:
            newest = max(found, key=lambda one: (_read_number(one.path, number), one.time))
            return Choice(Form.FILE, (newest,), note=_note_others(newest, len(found)))
    for suffixes in _SUFFIXES:
        logs = [one for one in members if one.kind in suffixes and one.size and not _NO_LOG.fullmatch(one.path.name)]
        if logs:
            return Choice(Form.FILE, tuple(sorted(logs, key=lambda one: -one.size)))
    return None


def _read_number(path: PurePosixPath, pattern: re.Pattern[str]) -> float:
    """The number of the version or checkpoint that a file belongs to; one outside of them is the run's last."""
    found = pattern.search(path.parent.name)
    return float(found[1]) if found else float("inf")


def _note_others(chosen: Member, count: int) -> str:
    return f"{chosen.path} is read, the newest of {count}" if count > 1 else ""


def _choose_run(events: Sequence[Member]) -> Choice:
    """The event files of the newest run: of its folder, and of the folders of its splits below."""
    homes = {_leave_split(one.path.parent) for one in events}
    # `add_scalars` and hyperparameter records make folders below that of the run they belong to.
    roots = {home for home in homes if homes.isdisjoint(home.parents)}
    runs: dict[PurePosixPath, list[Member]] = {}
    for one in events:
        home = _leave_split(one.path.parent)
        root = home if home in roots else next(parent for parent in home.parents if parent in roots)
        runs.setdefault(root, []).append(one)
    root, members = max(runs.items(), key=lambda run: _rank_run(*run))
    note = f"{root} is read, the newest of {len(runs)} runs" if len(runs) > 1 else ""
    kept = [one for one in members if not _is_hyperparameter_record(one.path.relative_to(root))]
    return Choice(Form.EVENTS, tuple(sorted(kept or members, key=lambda one: one.path.name)), root, note)


def _rank_run(root: PurePosixPath, members: Sequence[Member]) -> tuple[float, float]:
    version = _VERSION.fullmatch(root.name)
    return float(version[1]) if version else -1.0, max(one.time for one in members)


def _leave_split(folder: PurePosixPath) -> PurePosixPath:
    """The run's folder above `train`, `validation` and the like."""
    return folder.parent if find_split(folder.name) else folder


def _is_hyperparameter_record(path: PurePosixPath) -> bool:
    """`add_hparams` writes to a folder named by the time."""
    return bool(re.fullmatch(r"\d{9,}\.\d+", path.parent.name))

"""What all sessions share. Nothing here changes once it is made, but for the queue of runs."""

import gc
from pathlib import Path

import streamlit as st

from kb.match import Matcher
from repro.case import Case
from repro.collection import Collection, find_collection, find_examples
from repro.launch import make_launcher
from repro.runs import RunQueue

RUNS_AT_ONCE = 2
MAX_PASTE = 2_000_000
"""Characters of a paste."""


@st.cache_resource(show_spinner=False)
def share_collection() -> Collection:
    """The case folders that were in reach when the app started."""
    return find_collection()


@st.cache_resource(show_spinner="Loading the cases…")
def share_matcher() -> Matcher:
    """Encoder and index, loaded once for all sessions."""
    matcher = Matcher.load(share_collection().load_readable()[0])
    matcher.diagnose("warm up")
    gc.collect()
    gc.freeze()  # Streamlit collects garbage after each run of a page, and would look through the whole library
    return matcher


@st.cache_resource(show_spinner=False)
def share_queue() -> RunQueue:
    """One queue of runs: the machine is the same for all who use it."""
    return RunQueue(make_launcher, RUNS_AT_ONCE)


@st.cache_resource(show_spinner=False)
def share_examples() -> dict[str, str]:
    """What the empty chat offers to try, by name."""
    return {path.stem.replace("-", " "): _read(path) for path in find_examples()}


def find_case(case_id: str) -> Case | None:
    """The case as it is now, or None when there is none: its folder may have gone while the app runs."""
    collection = share_collection()
    folder = collection.folders.get(case_id)
    if folder is None or not folder.is_dir():
        return None
    return collection.load(case_id)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\n")

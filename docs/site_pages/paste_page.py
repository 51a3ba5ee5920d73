"""The page for pasting a log: what it does, what it loads, and how well it was measured to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from site_pages.markdown import make_front_matter
from site_pages.paste_data import PasteData


def make_paste_page(data: PasteData, measured: Path) -> str:
    """The page; its box is made by a script, and without one the command is what remains."""
    all_of_it, words = show_megabytes(data.bytes_all), show_megabytes(data.bytes_words)
    return "\n".join([
        make_front_matter({
            "title": "Paste your log",
            "description": "Paste a training log or an error and get the closest cases, matched in your browser.",
            "source": "docs/site_pages/paste_page.py",
            "hide": ["navigation", "toc"],
        }),
        "# Paste your log\n",
        "Paste a log or an error message, or say what you see. It is compared with the cases in your browser; nothing "
        "is sent anywhere.\n",
        f'<div id="paste-log" data-version="{data.version}" data-megabytes="{all_of_it}"></div>\n',
        "<noscript>The box needs JavaScript. The command below does the same, and more.</noscript>\n",
        "## What this page cannot do\n",
        "It reads words and error messages, not curves, and looks for no mistakes in code. The command does, and tells "
        "which lines speak for and against each case:\n",
        "```sh\nrepro match train.log\n```\n",
        f"Loaded when you press Match: {words} MB for words and messages, {all_of_it} MB with the encoder that "
        "compares by meaning. Your browser may keep them for the next time.\n",
        _tell_measured(measured, data.version),
        "[How matching works](matching.md) tells what is compared, and [the symptom finder](symptoms/index.md) begins "
        "with what you see.\n",
    ])  # fmt: skip


def show_megabytes(count: int) -> str:
    """Bytes as megabytes, one place after the point."""
    return f"{count / 1e6:.1f}"


def _tell_measured(path: Path, version: str) -> str:
    """What `measure_paste.py` found, unless that was another library."""
    if not path.is_file():
        return ""
    measured: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if measured["version"] != version:
        return ""
    good = measured["fits"]["good"]
    shares = {way: f"{one['top1']:.0%}" for way, one in measured["ways"].items()}
    return (
        f"Measured on {measured['in_scope']} pastes that have a case: the right one comes first for "
        f"{shares['meaning']} of them, and for {shares['words']} by words and messages alone. Where the first case is "
        f"said to fit well, it was right for {good['right']} of {good['count']}. The weights were fitted on them "
        "among others, so new pastes do a little worse: see [measured accuracy](accuracy.md).\n"
    )

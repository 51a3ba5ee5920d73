"""Start a new case: a folder with every file and key of the form, to be filled in."""

import os
import shutil
import tempfile
from enum import StrEnum
from pathlib import Path

from repro.case import ID_PATTERN, Case, System
from repro.errors import ReproError
from repro.form import MAX_LINES, MIN_LINES, SECTIONS

_VALUES = {
    "seeds": "[0, 1, 2, 3, 4]",
    "keywords": "[]",
    "symptoms": "[]",
}
_OPTIONAL = {
    "references": "[]",
    "rule_out_first": "[]",
    "lookalikes": "[]",
    "simulated": '""',
    "diff_reason": '""',
}

_TABLES = """
# The curve that shows the failure best. The pattern's one group captures the value in a log line.
# [curve]
# name = "training loss"
# pattern = 'loss (\\S+)'

# Each number of the scripts' metrics line: what it measures, and which way is better.
[metrics.accuracy]
meaning = ""
higher_is_better = true

# What each script must measure: min, max, both, or {{ finite = false }}; on every listed seed, with room for other
# machines. The bounds of the two sides may not overlap. For a crash, instead: error = "ValueError: part of the message"
[expect.buggy]
accuracy = {{}}

[expect.fixed]
accuracy = {{}}

# What the bug does not change.
# [expect.both]
"""

_SCRIPT = '''"""TODO: one line on what this script trains."""

# {min_lines} to {max_lines} lines; torch, numpy and scipy only; data made here by a seeded generator; 2 s of work at
# best. The order inside: constants, data, model, train, evaluate, main.

import argparse
import json

import torch

EPOCHS = 10


# ---- data ------------------------------------------------------------------------------------


# ---- model -----------------------------------------------------------------------------------


# ---- train -----------------------------------------------------------------------------------


# ---- evaluate --------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    for epoch in range(1, EPOCHS + 1):
        print(f"epoch {{epoch}} loss {{0.0:.4f}}")
    metrics = {{"accuracy": 0.0}}{mark}
    print("metrics", json.dumps(metrics))


if __name__ == "__main__":
    main()
'''

_HINTS = {
    SECTIONS[0]: "Symptom first: what somebody with the broken run sees. Quote the recorded log in a ```log block.",
    SECTIONS[1]: "The cause, what follows from it, and why nothing complained.",
    SECTIONS[2]: "What to change, and what has to be made anew. The diff is computed, do not repeat it.",
    SECTIONS[3]: "A probe of a few lines in a ```python block, run with the script's names in scope on both sides, "
    "and what each lookalike shows instead.",
    SECTIONS[4]: "One assertion in a ```python block that fails on buggy.py and passes on fixed.py.",
    SECTIONS[5]: "The facts and figures of the incident.",
}


def create_case(case_id: str, parent: Path) -> Path:
    """Write the template of a case below `parent`. It does not validate until it is filled in.

    Raises:
        ReproError: the id is not one, the folder exists, or it cannot be written. Nothing is left behind.

    """
    if not ID_PATTERN.fullmatch(case_id):
        raise ReproError(f'"{case_id}" is not an id; write lower case words joined by hyphens, such as gait-transpose')
    folder = parent / case_id
    if folder.exists():
        raise ReproError(f"{folder}: exists already; choose another id, or edit it")
    if not parent.is_dir():
        raise ReproError(f'"{parent}" is no folder; name one with --into')
    files = {
        "case.toml": _make_toml(case_id),
        "README.md": _make_readme(),
        "buggy.py": _make_script(f"  # [{case_id}] TODO: say why in a few words"),
        "fixed.py": _make_script(""),
    }
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{case_id}.", dir=parent))
        try:
            aside.chmod(0o755)
            for name, text in files.items():
                (aside / name).write_text(text, encoding="utf-8")
            os.rename(aside, folder)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    except OSError as error:
        raise ReproError(f"{folder}: cannot be written: {error.strerror}") from None
    return folder


def _make_toml(case_id: str) -> str:
    family = case_id.partition("-")[0]
    lines = ["# Fill in every value; `repro verify` names what is still missing.", ""]
    for name, field in Case.model_fields.items():
        if name in ("metrics", "expect", "curve"):
            continue
        choices = ""
        value = _VALUES.get(name, '""')
        if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
            choices = f": {' | '.join(field.annotation)}"
        if name == "id":
            value = f'"{case_id}"'
        if name == "system" and family in list(System):
            value = f'"{family}"'
        lines.append(f"# {field.description}{choices}")
        lines.append(f"# {name} = {_OPTIONAL[name]}" if name in _OPTIONAL else f"{name} = {value}")
    return "\n".join(lines) + "\n" + _TABLES.format()


def _make_readme() -> str:
    parts = ["# TODO: the title of case.toml"]
    parts += [f"## {name}\n\n<!-- {_HINTS[name]} -->" for name in SECTIONS]
    return "\n\n".join(parts) + "\n"


def _make_script(mark: str) -> str:
    return _SCRIPT.format(min_lines=MIN_LINES, max_lines=MAX_LINES, mark=mark)

"""Fixtures for all tests: small cases that run in milliseconds, and one fork server a worker."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.case import Case, load_case
from repro.launch import ForkLauncher, FreshLauncher, Launcher, can_fork

MakeCase = Callable[..., Path]
Repro = Callable[..., "subprocess.CompletedProcess[str]"]

TOML = """
id = "{id}"
title = "A small case"
summary = "A case that runs in no time."
system = "other"
kind = "silent"
severity = "minor"
stage = "loop"
keywords = ["small"]
symptoms = ["a", "b", "c", "d", "e", "f", "g", "h"]
origin = "made for a test"
seeds = [0, 1]
[curve]
name = "loss"
pattern = 'loss (\\S+)'
[metrics.accuracy]
meaning = "share that is right"
higher_is_better = true
[expect.buggy]
accuracy = {{ max = 0.5 }}
[expect.fixed]
accuracy = {{ min = 0.9 }}
"""

SCRIPT = '''
"""Train nothing at all."""

import argparse
import json

{constants}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    for epoch in range(3):
        print(f"epoch {{epoch}} loss {{1 / (epoch + 1):.4f}}")
    print("metrics", json.dumps({{"accuracy": ACCURACY + seed / 1000}}))


if __name__ == "__main__":
    main()
'''

README = """# A small case

## What you see

```log
epoch 0 loss 1.0000
```

## What goes wrong

The constant.

## The fix

Another constant.

## How to be sure it is this one

```python
print(ACCURACY)
```

## Catch it earlier

```python
assert ACCURACY > 0.5
```

## Where it happened

Here.
"""


def write_script(accuracy: str) -> str:
    """A script that measures `accuracy`, long enough for the form of a case."""
    filler = "\n".join(f"FILLER_{number} = {number}" for number in range(30))
    return SCRIPT.format(constants=f"ACCURACY = {accuracy}\n{filler}").lstrip()


@pytest.fixture
def make_case(tmp_path: Path) -> MakeCase:
    """Write a valid case folder; any file can be given in other words, None leaves it out."""

    def make(case_id: str = "small-case", **files: str | None) -> Path:
        folder = tmp_path / "cases" / case_id
        folder.mkdir(parents=True)
        contents: dict[str, str | None] = {
            "case.toml": TOML.format(id=case_id).lstrip(),
            "README.md": README,
            "buggy.py": write_script(f"0.1  # [{case_id}] too low"),
            "fixed.py": write_script("0.95"),
        } | {name.replace("__", "."): text for name, text in files.items()}
        for name, text in contents.items():
            if text is not None:
                (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return folder

    return make


@pytest.fixture
def small_case(make_case: MakeCase) -> Case:
    return load_case(make_case())


@pytest.fixture(scope="session")
def fork_launcher() -> Iterator[Launcher]:
    if not can_fork():
        pytest.skip("this platform cannot fork a process that has loaded torch")
    with ForkLauncher() as launcher:
        yield launcher


@pytest.fixture(params=["fork", "fresh"])
def launcher(request: pytest.FixtureRequest) -> Iterator[Launcher]:
    """Both ways of starting a script."""
    if request.param == "fork":
        yield request.getfixturevalue("fork_launcher")
    else:
        with FreshLauncher() as fresh:
            yield fresh


@pytest.fixture
def repro(tmp_path: Path) -> Repro:
    """Run the command as a user does, in an empty folder."""

    def run(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
        settings: dict[str, object] = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 300}
        command = [sys.executable, "-m", "repro", *map(str, arguments)]
        return subprocess.run(command, **(settings | options))  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture(scope="session")
def chromium() -> dict[str, str]:
    """Where Debian's chromium and its driver are."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if not all(found.values()):
        pytest.skip("needs chromium and chromium-driver: apt-get install chromium chromium-driver")
    return {name: path for name, path in found.items() if path}

"""`repro chat` as a person at a terminal and as a pipe meet it."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kb.chat import split_turns

COMMAND = [sys.executable, "-m", "repro", "chat"]
PROBLEM = "RuntimeError: Numpy is not available, since I upgraded numpy to 2.0 it says it was compiled using NumPy 1.x"


def talk(text: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(COMMAND, input=text, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_from_words_to_the_fix_and_the_run(tmp_path: Path) -> None:
    done = talk(f"{PROBLEM}\n\nyes\n/save talk.md\n", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "This is most likely vision-numpy-abi." in done.stdout
    assert "+++ vision-numpy-abi/fixed.py" in done.stdout
    assert "Run it here, before and after?" in done.stdout
    assert "Reproduced on seed 0" in done.stdout
    assert PROBLEM in (tmp_path / "talk.md").read_text(encoding="utf-8")


def test_commands(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("".join(f"epoch {n} loss nan\n" for n in range(4)), encoding="utf-8")
    done = talk(
        "/read train.log\n/back\n/read nowhere.log\n/help\n/diff gait-transpose\n/diff no-such\n/quit\n", tmp_path
    )
    assert done.returncode == 0, done.stderr
    for part in ("4 lines, 4 records", "nowhere.log: no such file", "/save FILE", "gait-transpose/fixed.py", 'no case "no-such"'):  # fmt: skip
        assert part in done.stdout, part
    assert done.stderr == ""


def test_questions_are_asked_and_answered(tmp_path: Path) -> None:
    done = talk("my loss does not go down\n\nno\n?\n", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("yes, no or don't know") >= 2


def test_hostile_text_is_text(tmp_path: Path) -> None:
    done = talk("[bold]ignore all instructions[/bold] \x1b]0;x\x07 loss is nan\n\n", tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("a\nb\n\nc\n", ["a\nb", "c"]),
        ("yes\nno\n", ["yes", "no"]),
        ("/help\nwords\nmore\n", ["/help", "words\nmore"]),
        ("\n\n", []),
    ],
)
def test_turns_of_a_pipe(text: str, turns: list[str]) -> None:
    assert list(split_turns(text.splitlines(keepends=True))) == turns


def test_a_paste_of_many_lines_at_a_terminal_is_one_turn(tmp_path: Path) -> None:
    """In a real terminal, with the marks that terminals put around a paste."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "50"}
    process = subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment, start_new_session=True)  # fmt: skip
    os.close(theirs)
    try:
        read_until(ours, "Say what you see")
        paste = "".join(f"epoch {n}: train loss {1.0 - n / 50:.3f}, val loss nan\r" for n in range(1, 7))
        os.write(ours, f"\x1b[200~{paste}\x1b[201~\r".encode())
        shown = read_until(ours, "none of these")
        assert "6 records, epoch 1 to 6" in shown
        os.write(ours, b"/quit\r")
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(ours)


def read_until(terminal: int, wanted: str, seconds: float = 60) -> str:
    shown, end = "", time.monotonic() + seconds
    while wanted not in shown:
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 1)[0]:
            data = os.read(terminal, 65536).decode(errors="replace")
            if "\x1b[6n" in data:  # the program asks where the cursor is
                os.write(terminal, b"\x1b[1;1R")
            shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data)
    return shown

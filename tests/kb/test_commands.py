"""`repro read` and `repro bench logs` as a user meets them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Repro = Callable[..., "subprocess.CompletedProcess[str]"]

FROZEN = "".join(f"Epoch {n:03d}/006: train {0.2 + n % 2 / 1000:.6f}  val 1.921642\n" for n in range(1, 7))
CRASH = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n    f()\nValueError: bad shape\n'


def test_reading_is_shown(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(FROZEN + CRASH, encoding="utf-8")
    done = repro("read", str(path))
    assert done.returncode == 0
    for part in ("10 lines, 6 records, epoch 1 to 6", "train_loss", "1.92164", "val-loss-identical", "ValueError: bad shape", "train.py:3"):  # fmt: skip
        assert part in done.stdout, part


def test_reading_as_json(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(FROZEN, encoding="utf-8")
    read = json.loads(repro("read", str(path), "--json").stdout)
    assert (read["records"], read["x"], read["x_first"], read["x_last"]) == (6, "epoch", 1, 6)
    assert read["series"]["val_loss"] == {"first": 1.921642, "last": 1.921642, "n": 6}
    assert (read["has_nan"], read["error"]) == (False, None)
    frozen = next(sign for sign in read["signs"] if sign["id"] == "val-loss-identical")
    assert frozen["lines"][0] == {"number": 1, "text": FROZEN.splitlines()[0]}


def test_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "repro", "read", "-", "--json"], input=FROZEN.encode(), capture_output=True, timeout=60
    )
    assert json.loads(done.stdout)["records"] == 6


def test_hostile_text_is_shown_as_text(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("epoch 1 loss nan [bold]x[/bold] \x1b]0;title\x07\nepoch 2 loss nan <script>\n", encoding="utf-8")
    done = repro("read", str(path))
    assert done.returncode == 0
    assert "[bold]x[/bold]" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "PNG"),
        (lambda path: path.mkdir(), "metrics.csv"),
    ],
    ids=["missing", "empty", "binary", "folder"],
)
def test_bad_input(repro: Repro, tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "input"
    make(path)
    done = repro("read", str(path))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_logs(repro: Repro, tmp_path: Path) -> None:
    row = {
        "id": "a", "format": "ris", "text": FROZEN,
        "expected": {
            "records": 6, "x_first": 1, "x_last": 7, "has_nan": False, "error": None,
            "series": {"val_loss": {"first": 1.921642, "last": 1.921642, "n": 6}},
        },
    }  # fmt: skip
    path = tmp_path / "logs.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    done = repro("bench", "logs", str(path))
    assert done.returncode == 0
    assert "0.857" in done.stdout
    assert "x_last: read 6.0, right is 7" in done.stdout
    assert json.loads(repro("bench", "logs", str(path), "--json").stdout)["fields"] == 7


def test_bench_logs_on_a_bad_file(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "logs.jsonl"
    path.write_text("{}", encoding="utf-8")
    done = repro("bench", "logs", str(path))
    assert done.returncode == 2
    assert "line 1" in done.stderr


def test_reading_loads_neither_torch_nor_pandas() -> None:
    code = "import sys, kb.read; print([m for m in ('torch', 'pandas', 'numpy', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "[]\n"

"""Files as people have them, read through `read_path` and `read_bytes`."""

import gzip
import io
import json
import math
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import LogError
from kb.read import TrainingLog, read_bytes, read_path
from kb.read.rows import _RowBuilder

TEXT = "Epoch 1 loss: 0.75 val_loss: 0.875\nEpoch 2 loss: 0.5 val_loss: 0.625\n"
KERAS = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,0.75,0.5,0.875\n1,0.625,0.5,0.5,0.625\n"
LIGHTNING = """\
epoch,lr-Adam,step,train_loss_epoch,train_loss_step,val_acc,val_loss
,0.001,49,,,,
0,,49,,0.75,,
0,,99,,0.5,,
0,,99,,,0.5,0.875
0,,99,0.625,,,
1,,149,,0.25,,
1,,199,,0.125,,
1,,199,,,0.75,0.625
1,,199,0.1875,,,
"""
TRAINER_STATE = {
    "best_metric": None,
    "global_step": 40,
    "log_history": [
        {"epoch": 0.5, "grad_norm": 2.5, "learning_rate": 3e-05, "loss": 1.5, "step": 10},
        {"epoch": 1.0, "grad_norm": 1.5, "learning_rate": 2e-05, "loss": 1.25, "step": 20},
        {"epoch": 1.0, "eval_loss": 1.375, "eval_runtime": 3.1, "eval_samples_per_second": 90.0, "step": 20},
        {"epoch": 1.5, "grad_norm": math.nan, "learning_rate": 1e-05, "loss": "1.125", "step": 30},
        {"epoch": 2.0, "grad_norm": 1.0, "learning_rate": 0.0, "loss": 1.0, "step": 40},
        {"epoch": 2.0, "eval_loss": 1.5, "eval_runtime": 3.0, "step": 40},
        {"epoch": 2.0, "step": 40, "total_flos": 1e15, "train_loss": 1.2, "train_runtime": 99.0},
    ],
}


def list_values(log: TrainingLog) -> dict[str, list[float]]:
    return {name: list(one.values) for name, one in log.series.items()}


def zip_files(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


# ---- CSV -------------------------------------------------------------------------------------


def test_keras_csv_has_the_names_of_text() -> None:
    log = read_bytes(KERAS.encode())
    assert (log.x_name, list(log.x)) == ("epoch", [0, 1])
    assert list_values(log) == {
        "train_acc": [0.5, 0.625],
        "train_loss": [0.75, 0.5],
        "val_acc": [0.5, 0.5],
        "val_loss": [0.875, 0.625],
    }
    assert [(line.number, line.text) for line in log.lines][1] == (2, "0,0.5,0.75,0.5,0.875")
    assert list(log.series["val_loss"].lines) == [2, 3]


def test_sparse_rows_of_lightning_are_joined() -> None:
    log = read_bytes(LIGHTNING.encode(), "metrics.csv")
    assert (log.x_name, list(log.x)) == ("step", [49, 99, 149, 199])
    values = list_values(log)
    assert values["train_loss"] == [0.75, 0.5, 0.25, 0.125]
    assert values["val_loss"] == [0.875, 0.625]
    assert [log.x[row] for row in log.series["val_loss"].rows] == [99, 199]


def test_quoted_cells_hold_commas_quotes_and_line_ends() -> None:
    text = 'epoch,"note, free",loss,val_loss\n1,"a ""b"", c",0.75,0.5\n2,"two\nlines",0.5,0.25\n'
    log = read_bytes(text.encode(), "run.csv")
    assert list_values(log) == {"train_loss": [0.75, 0.5], "val_loss": [0.5, 0.25]}
    assert list(log.series["train_loss"].lines) == [2, 4]


def test_semicolon_goes_with_decimal_comma() -> None:
    text = "\ufeffepoch;loss;val_loss\r\n1;0,75;1,5e-1\r\n2;0,5;\r\n"
    log = read_bytes(text.encode())
    assert list_values(log) == {"train_loss": [0.75, 0.5], "val_loss": [0.15]}


def test_tabs_and_utf16_of_a_spreadsheet() -> None:
    text = "epoch\ttrain_loss\tval_loss\n1\t0.75\tnan\n2\t0.5\t-inf\n"
    log = read_bytes(text.encode("utf-16"), "export.tsv")
    assert log.has_nan
    assert log.series["val_loss"].last == -math.inf


def test_cells_that_were_printed_carelessly() -> None:
    text = "epoch,loss,acc\n1,\"tensor(0.75, device='cuda:0')\",50%\n2,[0.5],62.5 %\n3,None,n/a\n"
    log = read_bytes(text.encode(), "run.csv")
    assert list_values(log) == {"train_loss": [0.75, 0.5], "train_acc": [50, 62.5]}


def test_exports_of_tensorboard_and_wandb() -> None:
    log = read_bytes(b"Wall time,Step,Value\n1.7e9,10,0.75\n1.7e9,20,0.5\n", "run_v3-tag-Loss_val.csv")
    assert list_values(log) == {"val_loss": [0.75, 0.5]}
    columns = ["Step", *(f"{run} - train/loss{end}" for run in ("calm-1", "wild-2") for end in ("", "__MIN", "__MAX"))]
    rows = ["10,0.75,0.7,0.8,9,9,9", "20,0.5,0.5,0.5,9,9,9"]
    log = read_bytes("\n".join([",".join(f'"{name}"' for name in columns), *rows]).encode())
    assert list_values(log) == {"train_loss": [0.75, 0.5]}
    assert log.notes == ("of 2 runs in the export the first is read",)


def test_an_index_without_a_name_counts() -> None:
    log = read_bytes(b",loss,val_loss\n0,0.75,0.5\n1,0.5,0.25\n", "history.csv")
    assert list(log.x) == [0, 1]


def test_a_row_cut_off_at_the_end_is_kept_as_unread() -> None:
    log = read_bytes(KERAS.encode() + b"2,0.", "log.csv")
    assert log.count == 2
    assert [line.number for line in log.unread] == [4]


def test_a_quote_that_is_never_closed_costs_a_few_rows() -> None:
    rows = "".join(f"{epoch},0.5,0.25\n" for epoch in range(3, 60_000))
    log = read_bytes(f'epoch,loss,val_loss\n1,0.75,0.5\n2,"0.5,0.25\n{rows}'.encode(), "log.csv")
    assert log.count > 40_000
    assert "a quote that is never closed" in log.notes[0]


def test_a_log_named_csv_is_read_as_text() -> None:
    assert list_values(read_bytes(TEXT.encode(), "log.csv")) == list_values(read_bytes(TEXT.encode()))


def test_of_a_long_file_the_rows_in_between_are_not_kept() -> None:
    text = "step,loss,val_loss\n" + "".join(f"{step},{1 / (step + 1)},0.5\n" for step in range(90_000))
    log = read_bytes(text.encode())
    assert log.count == 90_000
    assert len(log.lines) == 40_000
    assert log.lines[-1].number == 90_001
    assert len(log.notes) == 1


CELL = st.sampled_from(["", "0.5", "0.25", "nan"])


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), CELL, CELL, CELL), min_size=1, max_size=25))
def test_rows_read_at_once_equal_rows_read_one_by_one(rows: list[tuple[int, int, str, str, str]]) -> None:
    text = "epoch,step,loss,val_loss,lr\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    fast = read_bytes(text.encode(), "a.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_RowBuilder, "can_repeat", lambda builder, table: False)
        slow = read_bytes(text.encode(), "a.csv")
    assert repr(fast.series) == repr(slow.series)
    assert (repr(fast.x), fast.x_name) == (repr(slow.x), slow.x_name)


# ---- JSON ------------------------------------------------------------------------------------


def test_json_lines_are_flattened() -> None:
    rows = [
        {"epoch": 1, "train": {"loss": 0.75}, "val": {"loss": "0.5", "acc": True}, "note": "x"},
        {"epoch": 2, "train": {"loss": math.nan}, "val": {"loss": None}},
        {"epoch": 3, "train": {"loss": math.inf}, "val": {"loss": [0.25]}},
    ]
    log = read_bytes("\n".join(map(json.dumps, rows)).encode())
    assert (log.x_name, list(log.x)) == ("epoch", [1, 2, 3])
    assert log.series["val_loss"].values.tolist() == [0.5, 0.25]
    assert log.has_nan
    assert log.series["train_loss"].last == math.inf


def test_lines_that_are_no_json_are_unread() -> None:
    good = "".join(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in range(9))
    log = read_bytes((good + '{"step": 9, "lo').encode(), "log.jsonl")
    assert log.count == 9
    assert [line.number for line in log.unread] == [10]


def test_texts_of_a_structured_logger_are_read_as_text() -> None:
    docker = "".join(json.dumps({"log": line + "\n", "stream": "stderr"}) + "\n" for line in TEXT.splitlines())
    assert list_values(read_bytes(docker.encode())) == list_values(read_bytes(TEXT.encode()))
    logger = "".join(json.dumps({"level": "INFO", "message": line}) + "\n" for line in TEXT.splitlines())
    assert list_values(read_bytes(logger.encode())) == list_values(read_bytes(TEXT.encode()))


def test_trainer_state_has_the_names_and_x_of_text() -> None:
    log = read_bytes(json.dumps(TRAINER_STATE, indent=2).encode())
    assert (log.x_name, list(log.x)) == ("epoch", [0.5, 1.0, 1.5, 2.0])
    values = list_values(log)
    assert values["train_loss"] == [1.5, 1.25, 1.125, 1.0]
    assert values["val_loss"] == [1.375, 1.5]
    assert values["lr"] == [3e-05, 2e-05, 1e-05, 0.0]
    assert math.isnan(values["grad_norm"][2])
    assert '"loss": 1.5' in log.lines[0].text


def test_a_trainer_state_cut_off_gives_its_whole_rows() -> None:
    text = json.dumps(TRAINER_STATE, indent=2)
    log = read_bytes(text[: text.index('"total_flos"')].encode())
    assert list_values(log)["val_loss"] == [1.375, 1.5]
    assert "cut off" in log.notes[0]


@pytest.mark.parametrize(
    "value",
    [
        {"loss": [0.75, 0.5], "val_loss": [0.875, 0.625]},
        {"history": {"loss": [0.75, 0.5], "val_loss": [0.875, 0.625]}, "params": {"epochs": 2}},
        {"train": {"loss": [0.75, 0.5]}, "val": {"loss": [0.875, 0.625]}},
        [{"loss": 0.75, "val_loss": 0.875}, {"loss": 0.5, "val_loss": 0.625}],
    ],
    ids=["dict of lists", "with a heading", "by split", "list of dicts"],
)
def test_histories_of_every_shape(value: object) -> None:
    log = read_bytes(json.dumps(value).encode(), "history.json")
    assert list_values(log) == {"train_loss": [0.75, 0.5], "val_loss": [0.875, 0.625]}


def test_names_and_rows_with_lone_surrogates_can_be_written() -> None:
    log = read_bytes(b'[{"step": 1, "lo\\ud83dss": 0.5, "note": "\\ud83d"}, {"step": 2, "lo\\ud83dss": 0.25}]')
    for text in (*log.series, *(line.text for line in log.lines)):
        text.encode()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "{" + "9" * 6000 + "}", '{"a": 1' + "0" * 5000 + "}"]
)
def test_json_made_to_hurt_is_read_as_text(text: str) -> None:
    assert read_bytes(text.encode(), "a.json").count == 0


# ---- notebooks -------------------------------------------------------------------------------


def test_notebook_outputs_are_read_in_order() -> None:
    table = (
        "<table><thead><tr><th>epoch</th><th>train_loss</th><th>valid_loss</th></tr></thead>"
        "<tr><td>0</td><td>0.750000</td><td>0.875000</td></tr><tr><td>1</td><td>0.500000</td><td>0.625000</td></tr>"
        "</table>"
    )
    notebook = {
        "nbformat": 4,
        "cells": [
            {"cell_type": "markdown", "source": ["loss 9"]},
            {"outputs": [{"output_type": "stream", "name": "stderr", "text": ["\x1b[31mWarning: slow\x1b[0m\n"]}]},
            {"outputs": [{"output_type": "display_data", "data": {"text/html": [table], "text/plain": "<HTML>"}}]},
            {
                "outputs": [
                    {
                        "output_type": "error",
                        "ename": "ValueError",
                        "evalue": "bad shape",
                        "traceback": [
                            "\x1b[0;31m-----\x1b[0m",
                            "\x1b[0;31mValueError\x1b[0m     Traceback (most recent call last)",
                            "\x1b[0;31mValueError\x1b[0m: bad shape",
                        ],
                    }
                ]
            },
        ],
    }
    log = read_bytes(json.dumps(notebook).encode(), "train.ipynb")
    assert list_values(log) == {"train_loss": [0.75, 0.5], "val_loss": [0.875, 0.625]}
    assert log.lines[0].text == "Warning: slow"
    assert str(log.error) == "ValueError: bad shape"


def test_notebook_without_outputs_says_so() -> None:
    with pytest.raises(LogError, match="notebook without outputs"):
        read_bytes(json.dumps({"cells": [{"outputs": []}]}).encode())


# ---- packed files ----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [TEXT.encode(), KERAS.encode(), json.dumps(TRAINER_STATE).encode()])
def test_gzip_and_zip_change_nothing(data: bytes) -> None:
    plain = read_bytes(data)
    for packed in (gzip.compress(data), zip_files({"x": data}), gzip.compress(zip_files({"x": gzip.compress(data)}))):
        log = read_bytes(packed)
        assert repr(log.series) == repr(plain.series)
        assert log.notes == plain.notes


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_every_method(method: int) -> None:
    assert read_bytes(zip_files({"a.log": TEXT.encode()}, method)).count == 2


def test_joined_gzip_files_are_read_as_one() -> None:
    first, second = TEXT.splitlines(keepends=True)
    assert read_bytes(gzip.compress(first.encode()) + gzip.compress(second.encode()) + b"\0" * 9).count == 2


def test_a_gzip_cut_off_is_read_up_to_there() -> None:
    text = "".join(f"Epoch {epoch} loss: {1 / epoch:.9f}\n" for epoch in range(1, 5000))
    packed = gzip.compress(text.encode())
    log = read_bytes(packed[: len(packed) // 2])
    assert 1000 < log.count < 4999
    assert "the gzip file is cut off" in log.notes[0]


def test_of_a_zip_the_file_with_measurements_is_read() -> None:
    files = {
        "../../etc/passwd": b"root:x:0:0\n",
        "run/requirements.txt": b"torch==2.6\n" * 99,
        "run/console.log": b"nothing measured\n" * 99,
        "run/metrics.csv": KERAS.encode(),
        "__MACOSX/._metrics.csv": b"\0\1\2",
    }
    log = read_bytes(zip_files(files), "run.zip")
    assert log.series["val_loss"].last == 0.625
    assert log.notes == ("of 5 files run/metrics.csv is read",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "an empty zip"),
        ({"archive/data.pkl": b"\x80\x02}q\0.", "archive/version": b"3"}, "a checkpoint of weights"),
        ({"a.png": b"\x89PNG\r\n\x1a\n", "b.bin": b"\0\1\2"}, "no file in it can be read"),
    ],
)
def test_zips_without_a_log_say_so(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(LogError, match=message):
        read_bytes(zip_files(files))


def test_a_damaged_zip_is_refused_or_partly_read() -> None:
    data = zip_files({"a.log": TEXT.encode() * 50})
    with pytest.raises(LogError, match="the zip cannot be read"):
        read_bytes(data[:-10])
    broken = bytearray(data)
    broken[60] ^= 0xFF
    with pytest.raises(LogError):
        read_bytes(bytes(broken))


def test_bombs_are_read_to_the_limit_in_little_memory(tmp_path: Path) -> None:
    block = (b"x" * 1023 + b"\n") * 1024
    with gzip.open(tmp_path / "bomb.log.gz", "wb", compresslevel=1) as file:
        file.write(b"Epoch 1 loss: 0.5\n")
        for _ in range(300):
            file.write(block)
    (tmp_path / "bomb.zip").write_bytes(zip_files({"a.log": (tmp_path / "bomb.log.gz").read_bytes()}))
    script = (
        "import sys; from kb.read import read_path; log = read_path(sys.argv[1]);"
        "status = open('/proc/self/status').read() if sys.platform == 'linux' else 'VmHWM: 0 kB';"
        "print(log.count, int(status.partition('VmHWM:')[2].split()[0]) // 1024, log.notes)"
    )
    for name in ("bomb.log.gz", "bomb.zip"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / name)], capture_output=True, text=True, check=True
        )
        count, megabytes, notes = done.stdout.split(maxsplit=2)
        assert count == "1"
        assert "only the first 256 MiB are read" in notes
        assert int(megabytes) < 250


def test_files_packed_without_end_are_refused() -> None:
    data = TEXT.encode()
    for _ in range(6):
        data = gzip.compress(data)
    with pytest.raises(LogError, match="packed more than"):
        read_bytes(data)


# ---- folders ---------------------------------------------------------------------------------


def test_the_newest_version_of_lightning_is_read(tmp_path: Path) -> None:
    for version in (0, 2, 10):
        folder = tmp_path / f"version_{version}"
        folder.mkdir()
        (folder / "metrics.csv").write_text(f"epoch,step,val_loss\n0,1,{version}\n")
        (folder / "hparams.yaml").write_text("lr: 0.1\n")
    log = read_path(tmp_path)
    assert log.series["val_loss"].first == 10
    assert any("version_10" in note for note in log.notes)


def test_the_newest_checkpoint_is_read(tmp_path: Path) -> None:
    for steps in (500, 1500, 1000):
        folder = tmp_path / f"checkpoint-{steps}"
        folder.mkdir()
        state = {"log_history": [{"loss": 0.5, "epoch": 1.0, "step": steps}]}
        (folder / "trainer_state.json").write_text(json.dumps(state))
    assert "1500" in read_path(tmp_path).lines[0].text


def test_the_one_log_of_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print('loss: 9')\n")
    (tmp_path / "requirements.txt").write_text("torch\n")
    (tmp_path / "out.log.gz").write_bytes(gzip.compress(TEXT.encode()))
    log = read_path(tmp_path)
    assert log.count == 2
    assert log.notes == ("out.log.gz is read",)


def test_a_folder_without_a_log_says_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(
        LogError, match=r"no log found in the folder; looked for: TensorBoard event files, metrics\.csv"
    ):
        read_path(tmp_path)


def test_a_folder_with_several_logs_names_them(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(TEXT)
    with pytest.raises(LogError, match=r"2 files may be the log \([ab]\.log, [ab]\.log\); give one of them"):
        read_path(tmp_path)


def test_a_folder_that_links_to_itself_and_holds_a_pipe_ends(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    (tmp_path / "train.log").write_text(TEXT)
    assert read_path(tmp_path).count == 2


# ---- what cannot be read ---------------------------------------------------------------------


@contextmanager
def as_nobody() -> Iterator[None]:
    """Take away the rights of root, where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.log"
    path.write_text(TEXT)
    path.chmod(0)
    with as_nobody(), pytest.raises(LogError, match=r"secret\.log: no permission to read it"):
        read_path(path)


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="is a pipe, not a file"):
        read_path(tmp_path / "pipe")
    with pytest.raises(LogError, match="is a device, not a file"):
        read_path("/dev/zero")


@pytest.mark.parametrize("path", ["no/such.log", "a\0b", "x" * 5000, ""])
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(LogError, match=r"no such file|cannot be read"):
        read_path(path)


@pytest.mark.parametrize(
    "data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", gzip.compress(b"")], ids=["nothing", "blanks", "BOM", "gzip"]
)
def test_empty_input_says_so(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(LogError, match="the input is empty"):
        read_bytes(data)
    (tmp_path / "a.log").write_bytes(data)
    with pytest.raises(LogError, match=r"a\.log is empty"):
        read_path(tmp_path / "a.log")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x80\x04\x95\x10", "a pickle, which is never loaded"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"BZh91AY", "packed with bzip2; unpack it first"),
        (b":W&B\x43", "a W&B run file"),
        (b"x" * 257 + b"ustar\x00", "a tar archive"),
    ],
)
def test_files_that_are_often_given_in_place_of_a_log(start: bytes, kind: str) -> None:
    with pytest.raises(LogError, match=kind):
        read_bytes(start + b"\0" * 100, "given")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from(
            [
                KERAS.encode(),
                json.dumps(TRAINER_STATE).encode(),
                gzip.compress(LIGHTNING.encode()),
                zip_files({"a/b.csv": KERAS.encode(), "c.jsonl": b'{"loss": 1, "step": 2}\n' * 9}),
            ]
        )
    )
    place = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 20))
    damaged = whole[:place] + data.draw(st.binary(max_size=8)) + whole[place + length :]
    try:
        log = read_bytes(damaged, data.draw(st.sampled_from(["", "a.csv", "a.json", "a.zip", "events.tfevents"])))
    except LogError as error:
        str(error).encode()
    else:
        for line in log.lines:
            line.text.encode()


def test_import_brings_nothing_heavy() -> None:
    script = (
        "import sys, kb.read; heavy = {'torch', 'pandas', 'numpy', 'scipy', 'ftfy', 'charset_normalizer', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

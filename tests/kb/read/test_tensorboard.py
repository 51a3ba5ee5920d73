"""Event files as torch's SummaryWriter writes them, and what happens to them later."""

import gzip
import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from kb.errors import LogError
from kb.read import EventKind, read_bytes, read_path
from kb.read.tensorboard import is_event_file, iter_records, mask_crc, read_event

Write = Callable[[SummaryWriter], None]


def write_run(folder: Path, write: Write, suffix: str = "") -> Path:
    """Write one event file into a folder; its path."""
    before = set(folder.glob("*tfevents*")) if folder.exists() else set()
    writer = SummaryWriter(str(folder), filename_suffix=suffix)
    write(writer)
    writer.close()
    (path,) = set(folder.glob("*tfevents*")) - before
    return path


def write_curve(tag: str, values: range | list[float], start: int = 0) -> Write:
    def write(writer: SummaryWriter) -> None:
        for step, value in enumerate(values, start):
            writer.add_scalar(tag, value, step)

    return write


@pytest.mark.parametrize(
    "style",
    [{}, {"new_style": True}, {"new_style": True, "double_precision": True}],
    ids=["simple_value", "float tensor", "double tensor"],
)
def test_scalars_of_every_style_are_read(tmp_path: Path, style: dict[str, bool]) -> None:
    def write(writer: SummaryWriter) -> None:
        for step in range(5):
            writer.add_scalar("Loss/train", 1 / (step + 1), step, **style)
            writer.add_scalar("val/accuracy", 0.1 * step, step, **style)

    log = read_path(write_run(tmp_path, write))
    assert log.x_name == "step"
    assert list(log.x) == [0, 1, 2, 3, 4]
    assert list(log.series["train_loss"].values) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert list(log.series["val_acc"].values) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert log.lines[1].text == "step 1  Loss/train 0.5  val/accuracy 0.1"


def test_what_is_no_scalar_is_left_out(tmp_path: Path) -> None:
    def write(writer: SummaryWriter) -> None:
        import torch

        writer.add_text("notes", "loss 0.5", 0)
        writer.add_histogram("weights", torch.arange(10.0), 0)
        writer.add_scalar("loss", 0.5, 0)

    log = read_path(write_run(tmp_path, write))
    assert {name: list(one.values) for name, one in log.series.items()} == {"train_loss": [0.5]}


def test_nan_and_infinity_are_values(tmp_path: Path) -> None:
    log = read_path(write_run(tmp_path, write_curve("loss", [0.5, math.nan, math.inf])))
    assert log.has_nan
    assert log.series["train_loss"].last == math.inf


def test_keras_folders_give_the_split_and_epochs(tmp_path: Path) -> None:
    for split, offset in (("train", 0.0), ("validation", 1.0)):

        def write(writer: SummaryWriter, offset: float = offset) -> None:
            for epoch in range(3):
                writer.add_scalar("epoch_loss", offset + 1 / (epoch + 1), epoch, new_style=True)
                writer.add_scalar("epoch_accuracy", 0.5, epoch, new_style=True)
                writer.add_scalar("epoch_learning_rate", 0.01, epoch, new_style=True)

        write_run(tmp_path / split, write)
    log = read_path(tmp_path)
    assert (log.x_name, list(log.x)) == ("epoch", [0, 1, 2])
    assert set(log.series) == {"train_loss", "train_acc", "lr", "val_loss", "val_acc"}
    assert log.series["val_loss"].first == 2.0


def test_add_scalars_folders_belong_to_their_run(tmp_path: Path) -> None:
    def write(writer: SummaryWriter) -> None:
        for step in range(3):
            writer.add_scalar("lr", 0.1, step)
            writer.add_scalars("Loss", {"train": 1.0 - step / 10, "val": 2.0}, step)
        writer.add_hparams({"width": 3}, {"hparam/accuracy": 0.5})

    write_run(tmp_path, write)
    log = read_path(tmp_path)
    assert set(log.series) == {"lr", "train_loss", "val_loss"}
    assert list(log.series["train_loss"].values) == pytest.approx([1.0, 0.9, 0.8])


def test_validation_by_epoch_is_placed_beside_the_iterations(tmp_path: Path) -> None:
    def write(writer: SummaryWriter) -> None:
        for step in range(100):
            writer.add_scalar("train/loss", 1.0, step, walltime=step)
            if step % 20 == 19:
                writer.add_scalar("val/loss", 2.0, step // 20, walltime=step + 0.5)

    log = read_path(write_run(tmp_path, write))
    assert list(log.x) == list(range(100))
    assert [log.x[row] for row in log.series["val_loss"].rows] == [19, 39, 59, 79, 99]


def test_a_resume_replaces_the_points_that_were_done_again(tmp_path: Path) -> None:
    first = write_run(tmp_path, write_curve("loss", range(0, 70)), ".0")
    second = write_run(tmp_path, write_curve("loss", range(50, 100), start=50), ".1")
    first.rename(tmp_path / "events.out.tfevents.1000000000.host")
    second.rename(tmp_path / "events.out.tfevents.1000000001.host")
    log = read_path(tmp_path)
    assert list(log.series["train_loss"].values) == list(range(100))
    assert [(event.kind, event.line.text) for event in log.events] == [(EventKind.RESUMED, "step 50  loss 50")]
    assert any("taken up again at step 50" in note for note in log.notes)


def test_steps_that_begin_anew_in_each_epoch_are_counted_on(tmp_path: Path) -> None:
    def write(writer: SummaryWriter) -> None:
        for value in range(12):
            writer.add_scalar("loss", value, value % 4)

    log = read_path(write_run(tmp_path, write))
    assert list(log.series["train_loss"].values) == list(range(12))
    assert list(log.x) == list(range(12))


def test_points_without_a_step_are_counted(tmp_path: Path) -> None:
    def write(writer: SummaryWriter) -> None:
        for value in (3.0, 2.0, 1.0):
            writer.add_scalar("loss", value)

    log = read_path(write_run(tmp_path, write))
    assert list(log.series["train_loss"].values) == [3.0, 2.0, 1.0]


def test_of_several_runs_the_newest_version_is_read(tmp_path: Path) -> None:
    for version in (2, 10, 9):
        write_run(tmp_path / f"version_{version}", write_curve("loss", [float(version)]))
    log = read_path(tmp_path)
    assert log.series["train_loss"].first == 10.0
    assert "version_10 is read, the newest of 3 runs" in log.notes


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_file_cut_in_the_middle_is_read_up_to_there(tmp_path: Path, share: float) -> None:
    data = write_run(tmp_path, write_curve("loss", range(100))).read_bytes()
    log = read_bytes(data[: int(len(data) * share)])
    values = list(log.series["train_loss"].values)
    assert values == list(range(len(values)))
    assert share * 90 < len(values) < share * 101
    assert "cut off" in log.notes[0]


def test_every_cut_is_survived(tmp_path: Path) -> None:
    data = write_run(tmp_path, write_curve("loss", range(4))).read_bytes()
    counts = []
    for end in range(1, len(data) + 1):
        try:
            counts.append(read_bytes(data[:end], "events.out.tfevents.1").count)
        except LogError:
            counts.append(0)
    assert counts == sorted(counts)
    assert counts[-1] == 4


def test_a_damaged_length_ends_the_reading(tmp_path: Path) -> None:
    data = bytearray(write_run(tmp_path, write_curve("loss", range(20))).read_bytes())
    starts = [0]
    for record in iter_records([bytes(data)], []):
        starts.append(starts[-1] + len(record) + 16)
    data[starts[10]] ^= 1
    log = read_bytes(bytes(data))
    assert log.count == 9  # the first record holds the version of the file
    assert "damaged after 10 records" in log.notes[0]


def test_packed_files_and_packed_folders_are_read(tmp_path: Path) -> None:
    data = write_run(tmp_path / "run", write_curve("loss", range(9))).read_bytes()
    assert read_bytes(gzip.compress(data)).count == 9
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "events.out.tfevents.1.gz").write_bytes(gzip.compress(data))
    assert read_path(folder).count == 9


def test_a_file_without_scalars_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path, lambda writer: writer.add_text("a", "b"))
    with pytest.raises(LogError, match="holds no scalars"):
        read_path(path)


def test_a_name_alone_makes_no_event_file() -> None:
    with pytest.raises(LogError, match="holds no scalars: the event file is damaged after 0 records"):
        read_bytes(b"this is no event file at all", "events.out.tfevents.1")


def test_checksum_is_that_of_the_format() -> None:
    crc = 0xE3069283  # CRC-32C of "123456789", as its standard gives it
    assert mask_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert not is_event_file(b"0" * 12)


def test_half_precision_tensors_and_odd_messages() -> None:
    def pack(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    def event(tensor: bytes) -> bytes:
        value = pack(1, b"loss") + pack(8, tensor)
        return b"\x09" + struct.pack("<d", 5.0) + b"\x10\x07" + pack(5, pack(1, value))

    content = read_event(event(b"\x08\x13" + pack(4, struct.pack("<e", 0.5))))
    assert content is not None
    assert (content.time, content.step, content.values) == (5.0, 7, (("loss", 0.5),))
    assert read_event(event(b"\x08\x13" + bytes([13 << 3 | 2, 2]) + b"\x80\x70")) is not None
    assert read_event(event(b"\x08\x01" + pack(4, b"\0" * 8))) is None  # two elements
    assert read_event(event(b"\x08\x07" + pack(8, b"text"))) is None
    assert read_event(b"\xff" * 40) is None

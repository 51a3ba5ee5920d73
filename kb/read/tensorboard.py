"""TensorBoard event files, without TensorFlow: the framing of records, and the few fields that hold scalars.

A file is a sequence of records: length (8 bytes), its checksum (4), the data, its checksum (4). The data is a protobuf
message `Event`; of it are read wall_time, step and the scalars of its summary, as `simple_value` (TF1, torch) or as a
tensor of one element (TF2).
"""

import heapq
import math
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from pathlib import PurePosixPath

from kb.errors import LogError
from kb.read.log import Event, EventKind, TrainingLog
from kb.read.names import SPLITLESS, Name, Role, find_split, understand_key
from kb.read.rows import RowReader, name_key

MAX_RECORD = 32 << 20
"""Bytes of one record: larger ones hold images or graphs, and are skipped."""
MAX_TAGS = 1_000
"""Scalars that are told apart."""

_HERE = PurePosixPath()
_FRAME = struct.Struct("<QI")
_HEAD_SIZE = 12


def _make_table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC_TABLE = _make_table()


@lru_cache(maxsize=4096)
def mask_crc(data: bytes) -> int:
    """The checksum of TFRecord: CRC-32C, rotated and offset."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def is_event_file(head: bytes) -> bool:
    """Whether bytes begin a file of records, by the checksum of the first length."""
    return len(head) >= _HEAD_SIZE and mask_crc(head[:8]) == int.from_bytes(head[8:12], "little")


# ---- records ---------------------------------------------------------------------------------


@dataclass
class _ByteReader:
    """Reads exact numbers of bytes from chunks of any size."""

    chunks: Iterator[bytes]
    _block: bytes = b""
    _place: int = 0

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end."""
        end = self._place + size
        if end <= len(self._block):
            data = self._block[self._place : end]
            self._place = end
            return data
        pieces = [self._block[self._place :]]
        missing = size - len(pieces[0])
        self._block, self._place = b"", 0
        while missing > 0 and (chunk := next(self.chunks, None)) is not None:
            if len(chunk) > missing:
                self._block, self._place = chunk, missing
                chunk = chunk[:missing]
            pieces.append(chunk)
            missing -= len(chunk)
        return b"".join(pieces)

    def skip(self, size: int) -> bool:
        """Leave out `size` bytes; whether there were as many."""
        while size > 0:
            data = self.read(min(size, 1 << 20))
            if not data:
                return False
            size -= len(data)
        return True


def iter_records(chunks: Iterable[bytes], notes: list[str]) -> Iterator[bytes]:
    """The data of each record, up to the end or to where the file is cut off or damaged."""
    reader = _ByteReader(iter(chunks))
    count = 0
    while head := reader.read(_HEAD_SIZE):
        if len(head) < _HEAD_SIZE:
            notes.append(f"the event file is cut off after {count:,} records")
            return
        length, crc = _FRAME.unpack(head)
        if mask_crc(head[:8]) != crc:
            notes.append(f"the event file is damaged after {count:,} records; what follows is not read")
            return
        if length > MAX_RECORD:
            if not reader.skip(length + 4):
                notes.append(f"the event file is cut off after {count:,} records")
                return
            notes.append(f"a record of {length:,} bytes is left out")
            continue
        data = reader.read(length + 4)
        if len(data) < length + 4:
            if len(data) >= length:  # all but the checksum is there
                yield data[:length]
            notes.append(f"the event file is cut off after {count:,} records")
            return
        count += 1
        yield data[:length]


# ---- protobuf --------------------------------------------------------------------------------

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_Field = tuple[int, int, int, int]
"""Number, wire type, and of bytes begin and end; of a varint the value; of fixed ones the place."""


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise IndexError("a varint that does not end")


def _iter_fields(data: bytes, place: int, end: int) -> Iterator[_Field]:
    """The fields of a message between two places; it ends early where the message is damaged."""
    while place < end:
        key, place = _read_varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            value, place = _read_varint(data, place)
            yield key >> 3, wire, value, place
        elif wire == _BYTES:
            length, place = _read_varint(data, place)
            if place + length > end:
                return
            yield key >> 3, wire, place, place + length
            place += length
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            if place + size > end:
                return
            yield key >> 3, wire, place, place + size
            place += size
        else:
            return


@dataclass(frozen=True, slots=True)
class Scalars:
    """The scalars of one event."""

    time: float
    step: int
    values: tuple[tuple[str, float], ...]


def read_event(data: bytes) -> Scalars | None:
    """The scalars of a record, or None where it holds none: graphs, images, texts."""
    time, step = 0.0, 0
    values: list[tuple[str, float]] = []
    try:
        for number, wire, begin, end in _iter_fields(data, 0, len(data)):
            if number == 1 and wire == _FIXED64:
                (time,) = struct.unpack_from("<d", data, begin)
            elif number == 2 and wire == _VARINT:
                step = begin - (1 << 64) if begin >> 63 else begin
            elif number == 5 and wire == _BYTES:
                values += _iter_values(data, begin, end)
    except (IndexError, struct.error):
        return None
    return Scalars(time, step, tuple(values)) if values else None


def _iter_values(data: bytes, place: int, end: int) -> Iterator[tuple[str, float]]:
    for number, wire, begin, stop in _iter_fields(data, place, end):
        if number != 1 or wire != _BYTES:
            continue
        tag, value = "", None
        for inner, kind, first, last in _iter_fields(data, begin, stop):
            if inner == 1 and kind == _BYTES:
                tag = data[first:last].decode("utf-8", "replace")
            elif inner == 2 and kind == _FIXED32:
                (value,) = struct.unpack_from("<f", data, first)
            elif inner == 8 and kind == _BYTES:
                value = _read_tensor(data, first, last)
        if tag and value is not None:
            yield tag, value


_CONTENT = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""By DataType: float, double, int32, int64, half."""
_FLOATS, _DOUBLES, _HALVES = 5, 6, 13


def _read_tensor(data: bytes, place: int, end: int) -> float | None:
    """The value of a tensor of one element."""
    kind, value = 0, None
    for number, wire, begin, stop in _iter_fields(data, place, end):
        size = stop - begin
        if number == 1 and wire == _VARINT:
            kind = begin
        elif number == 2 and wire == _BYTES and not _is_scalar_shape(data, begin, stop):
            return None
        elif number == 4 and wire == _BYTES:
            form = _CONTENT.get(kind)
            if form is None or size != struct.calcsize(form):
                return None
            value = float(struct.unpack_from(form, data, begin)[0])
        elif number == _FLOATS and kind == 1 and size == 4:
            (value,) = struct.unpack_from("<f", data, begin)
        elif number == _DOUBLES and kind == 2 and size == 8:
            (value,) = struct.unpack_from("<d", data, begin)
        elif number == _HALVES and kind == 19 and wire in (_BYTES, _VARINT):
            bits = begin if wire == _VARINT else _read_varint(data, begin)[0]
            (value,) = struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))
    return value


def _is_scalar_shape(data: bytes, place: int, end: int) -> bool:
    for number, wire, begin, stop in _iter_fields(data, place, end):
        if number == 2 and wire == _BYTES:
            for inner, kind, size, _ in _iter_fields(data, begin, stop):
                if inner == 1 and kind == _VARINT and size != 1:
                    return False
    return True


# ---- curves ----------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Curve:
    """The points of one tag."""

    name: Name
    tag: str
    """As it is quoted."""
    by_epoch: bool
    """Whether its steps are epochs, as Keras counts its `epoch_` tags."""
    steps: "array[float]" = field(default_factory=lambda: array("d"))
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    file: int = 0
    """Index of the file that the last point came from."""
    offset: float = 0.0
    """Added to each step, where a script counts from the beginning again in each epoch."""
    restarts: int = 0

    def put(self, step: float, time: float, value: float, file: int) -> int:
        """Add a point; how many points it replaces because the run was taken up again before them."""
        replaced = 0
        if file != self.file:
            self.file, self.offset = file, 0.0
            while self.steps and self.steps[-1] >= step:
                self.steps.pop(), self.times.pop(), self.values.pop()
                replaced += 1
        elif self.steps and step + self.offset < self.steps[-1]:
            self.restarts += 1
            self.offset = self.steps[-1] + 1 - step
        step += self.offset
        if self.steps and self.steps[-1] == step != self.steps[0]:
            self.times[-1], self.values[-1] = time, value  # logged twice: by two ranks, or before and after a resume
            return replaced
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)
        return replaced

    def settle(self) -> bool:
        """Mend the steps once all points are in; whether they were only counted here, because none was given."""
        first = next((place for place, step in enumerate(self.steps) if step != self.steps[0]), len(self.steps))
        if first == len(self.steps) > 1:
            self.steps = array("d", range(first))
            return True
        if first > 1:
            del self.steps[: first - 1], self.times[: first - 1], self.values[: first - 1]
        return False


@dataclass(frozen=True)
class EventFile:
    """An event file and what its folder says of it."""

    chunks: Iterable[bytes]
    folder: PurePosixPath = _HERE
    """From the folder of the run: `validation`, or a curve's name as `add_scalars` writes it."""


def read_events(files: Sequence[EventFile], notes: list[str], name: str = "") -> TrainingLog:
    """Read the event files of one run, given in the order in which they were written.

    Raises:
        LogError: they hold no scalars.

    """
    curves: dict[tuple[PurePosixPath, str], _Curve] = {}
    gone_back: dict[float, int] = {}
    for place, file in enumerate(files):
        for record in iter_records(file.chunks, notes):
            event = read_event(record)
            if event is not None:
                _put_event(event, place, file.folder, curves, gone_back)
    if not curves:
        why = "; ".join(notes)
        raise LogError(f"{name or 'the event file'} holds no scalars" + (f": {why}" if why else ""))
    if len(curves) >= MAX_TAGS:
        notes.append(f"only the first {MAX_TAGS:,} tags are read")
    reader = RowReader()
    if gone_back:
        step, count = min(gone_back), max(gone_back.values())
        reader.notes.append(
            f"the run was taken up again at step {step:g}: up to {count:,} points of a metric were logged anew, "
            "the later ones count"
        )
    unstepped = [curve for curve in curves.values() if curve.settle()]
    if unstepped:
        reader.notes.append("a metric was logged without a step: its points are counted from 0")
    if restarts := max(curve.restarts for curve in curves.values()):
        reader.notes.append(f"steps begin anew {restarts:,} times within a file: they are counted on")
    _feed_curves(list(curves.values()), reader, gone_back)
    return reader.build()


def _put_event(
    event: Scalars,
    file: int,
    folder: PurePosixPath,
    curves: dict[tuple[PurePosixPath, str], _Curve],
    gone_back: dict[float, int],
) -> None:
    for tag, value in event.values:
        curve = curves.get((folder, tag))
        if curve is None:
            if len(curves) >= MAX_TAGS:
                continue
            curve = curves[folder, tag] = _begin_curve(tag, folder, file)
        replaced = curve.put(event.step, event.time, value, file)
        if replaced:
            gone_back[event.step] = gone_back.get(event.step, 0) + replaced


def _begin_curve(tag: str, folder: PurePosixPath, file: int) -> _Curve:
    own = folder.name
    split = find_split(own)
    if own and not split:  # add_scalars: the folder is named by the tag and the curve
        split = understand_key(own).split
        name = name_key(tag) if split else name_key(own)
    else:
        name = name_key(tag)
    if split and not name.split and name.base not in SPLITLESS and name.role in (Role.METRIC, Role.OTHER):
        name = replace(name, split=split)
    shown = f"{own}: {tag}" if own else tag
    return _Curve(name, shown, tag.startswith("epoch_"), file=file)


# ---- rows ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Row:
    """Points of several tags that belong together."""

    step: float
    by_epoch: bool
    own_axis: bool
    """Whether its step is on the run's axis."""
    points: list[tuple[_Curve, float]] = field(default_factory=list)


def _feed_curves(curves: list[_Curve], reader: RowReader, gone_back: Iterable[float]) -> None:
    """Feed the points of all tags as rows in the order of the run."""
    main = max(curves, key=lambda one: (len(one.steps), one.steps[-1]))
    same = [curve for curve in curves if _share_axis(main, curve)]
    others = [curve for curve in curves if curve not in same]
    resumed = sorted(gone_back)
    rows = heapq.merge(_iter_rows(same, main), _iter_foreign_rows(others, main), key=itemgetter(0))
    for number, (_, row) in enumerate(rows, 1):
        counter = "epoch" if row.by_epoch else "step"
        text = f"{counter} {row.step:g}  " + "  ".join(f"{curve.tag} {value:.6g}" for curve, value in row.points)
        line = reader.keep_line(number, text)
        if row.own_axis and resumed and row.step >= resumed[0]:
            resumed.pop(0)
            reader.events.append(Event(EventKind.RESUMED, line))
        values = [(curve.name, value) for curve, value in row.points]
        if row.own_axis or row.by_epoch:
            values.insert(0, (Name(Role.EPOCH if row.by_epoch else Role.STEP, counter, own=counter), row.step))
        form = "event" if row.own_axis else "event apart"
        reader.feed(_drop_repeated_counters(values), number, form, follows=not row.own_axis)


def _drop_repeated_counters(values: list[tuple[Name, float]]) -> list[tuple[Name, float]]:
    """Without a logged step beside the event's own one; a logged epoch stays."""
    return [one for place, one in enumerate(values) if not place or one[0].role is not Role.STEP]


def _share_axis(main: _Curve, other: _Curve) -> bool:
    """Whether two tags count the same steps.

    Many scripts log the training by iteration and the validation by epoch: when the other tag ends, the main one has
    then gone far beyond its step.
    """
    if other is main:
        return True
    if other.by_epoch != main.by_epoch:
        return False
    place = bisect_right(main.times, other.times[-1]) - 1
    then = main.steps[max(place, 0)]
    return then <= 2 * other.steps[-1] + 2 * _find_stride(main) + 1


def _find_stride(curve: _Curve) -> float:
    return (curve.steps[-1] - curve.steps[0]) / max(len(curve.steps) - 1, 1)


def _iter_rows(curves: Sequence[_Curve], main: _Curve) -> Iterator[tuple[float, _Row]]:
    """The points that share the main tag's axis, by step."""
    row: _Row | None = None
    points = heapq.merge(*[_iter_points(curve) for curve in curves], key=itemgetter(0))
    for step, curve, value in points:
        if row is None or row.step != step:
            if row is not None:
                yield row.step, row
            row = _Row(step, main.by_epoch, own_axis=True)
        row.points.append((curve, value))
    if row is not None:
        yield row.step, row


def _iter_points(curve: _Curve) -> Iterator[tuple[float, _Curve, float]]:
    return ((step, curve, value) for step, value in zip(curve.steps, curve.values, strict=True))


def _iter_foreign_rows(curves: Sequence[_Curve], main: _Curve) -> Iterator[tuple[float, _Row]]:
    """The points on other axes, each behind the step that the main tag had reached by then."""
    placed: list[tuple[float, float, int, _Curve, float]] = []
    for index, curve in enumerate(curves):
        for step, time, value in zip(curve.steps, curve.times, curve.values, strict=True):
            reached = main.steps[max(bisect_right(main.times, time) - 1, 0)]
            placed.append((reached, step, index, curve, value))
    placed.sort(key=lambda point: point[:3])
    row: _Row | None = None
    at = math.nan
    for reached, step, _, curve, value in placed:
        if row is None or (at, row.step, row.by_epoch) != (reached, step, curve.by_epoch):
            if row is not None:
                yield at, row
            row, at = _Row(step, curve.by_epoch, own_axis=False), reached
        row.points.append((curve, value))
    if row is not None:
        yield at, row

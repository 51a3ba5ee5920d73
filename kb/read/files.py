"""Read what people have: a file or folder of any of the known kinds, or the bytes of an upload.

The content decides what a file is; its name decides only where the content leaves it open. Everything is read as a
stream of chunks, so that neither a large log nor a bomb takes more memory than a small one.
"""

import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from kb.errors import LogError
from kb.read.decode import CHUNK, MAX_BYTES, WHAT_IS_READ, Decoder
from kb.read.folders import WHAT_IS_LOOKED_FOR, Choice, Form, Member, choose, list_folder
from kb.read.log import TrainingLog
from kb.read.text import TextReader

if TYPE_CHECKING:
    import zipfile

MAX_JSON = 48 << 20
"""Characters of a JSON file that are parsed as a whole; a larger one is read as text."""
MAX_MEMBERS = 20
"""Files of a zip that are tried."""
_MAX_DIRECTORY = 4 << 20
"""Bytes that the directory of a zip may have: it is read as a whole."""
_MAX_LAYERS = 3
"""How often a file may be packed."""
_HEAD = 512
_TEXT_HEAD = 1 << 16

_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF"),
    (b"\x89HDF", "an HDF5 file, as Keras saves weights"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet table; save it as .csv"),
    (b":W&B", "a W&B run file; give output.log of the run, or export its history as .csv"),
    (b"BZh", "packed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "packed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
)
"""How files begin that are often given in place of a log."""
_PICKLES = tuple(bytes([0x80, version]) for version in range(2, 6))


@dataclass
class _Input:
    """One input while it is read."""

    name: str
    """As it is shown and as its suffix decides; never used as a path."""
    notes: list[str] = field(default_factory=list)
    left: int = MAX_BYTES
    """Bytes that may still be read, after decompression, of all files in the input together."""
    layers: int = 0
    """How often it was unpacked so far."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.name or "the input"

    @property
    def suffix(self) -> str:
        """What the name ends in, compression aside."""
        return PurePosixPath(self.name.lower().removesuffix(".gz")).suffix


def read_path(path: str | os.PathLike[str]) -> TrainingLog:
    """Read a log file of any known kind, or the log in a run's folder.

    Raises:
        LogError: nothing there can be read; the message says what would be right.

    """
    shown = os.fspath(path).encode(errors="replace").decode()
    try:
        kind = os.stat(path).st_mode
        if stat.S_ISDIR(kind):
            return _read_folder(Path(path), shown)
        if not stat.S_ISREG(kind):
            raise LogError(f"{shown} is {_name_kind(kind)}, not a file; save what it gives to a file, and give that")
        with open(path, "rb") as file:
            return _read_stream(file, _Input(shown))
    except FileNotFoundError:
        raise LogError(f"{shown}: no such file or folder") from None
    except PermissionError:
        raise LogError(f"{shown}: no permission to read it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise LogError(f"{shown}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_bytes(data: bytes, name: str = "") -> TrainingLog:
    """Read the bytes of an upload or a paste.

    Args:
        data: the content, which decides what it is.
        name: of the file, if there is one.

    Raises:
        LogError: it cannot be read; the message says what would be right.

    """
    return _read_stream(BytesIO(data), _Input(PurePosixPath(name).name.encode(errors="replace").decode()))


def _name_kind(kind: int) -> str:
    if stat.S_ISFIFO(kind):
        return "a pipe"
    if stat.S_ISSOCK(kind):
        return "a socket"
    return "a device"


def _read_stream(stream: BinaryIO, source: _Input) -> TrainingLog:
    """Read a file that can be read from its beginning again."""
    log = _read_layer(_iter_chunks(stream), source, stream)
    return replace(log, notes=(*source.notes, *log.notes)) if source.notes else log


def _iter_chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _limit(chunks: Iterable[bytes], source: _Input) -> Iterator[bytes]:
    """The chunks, up to what may be read of the input as a whole."""
    for chunk in chunks:
        if len(chunk) > source.left:
            yield chunk[: source.left]
            source.left = 0
            source.notes.append(f"only the first {MAX_BYTES >> 20} MiB are read")
            return
        source.left -= len(chunk)
        yield chunk


# ---- layers ----------------------------------------------------------------------------------


def _read_layer(chunks: Iterator[bytes], source: _Input, stream: BinaryIO | None = None) -> TrainingLog:
    """Read what may be packed. A zip needs the stream itself, because its directory is at its end."""
    head = _peek(chunks)
    chunks = chain([head], chunks)
    if not head:
        raise LogError(f"{source.shown} is empty")
    if source.layers > _MAX_LAYERS:
        raise LogError(f"{source.shown} is packed more than {_MAX_LAYERS} times; unpack it first")
    if head.startswith(b"\x1f\x8b"):
        source.layers += 1
        return _read_layer(_gunzip(chunks, source), source)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        source.layers += 1
        if stream is None:
            stream = _hold(chunks, source)
        return _read_zip(stream, source)
    _refuse_binary(head, source)
    from kb.read.tensorboard import EventFile, is_event_file, read_events

    if is_event_file(head) or "tfevents" in PurePosixPath(source.name).name:
        return read_events([EventFile(_limit(chunks, source))], source.notes, source.shown)
    decoder = Decoder(source.notes, source.shown)
    return _read_text(decoder.decode(_limit(chunks, source)), source)


def _peek(chunks: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < _HEAD and (chunk := next(chunks, None)) is not None:
        head += chunk
    return head


def _refuse_binary(head: bytes, source: _Input) -> None:
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    if head.startswith(_PICKLES):
        kind = "a pickle, which is never loaded"
    if head[257:262] == b"ustar":
        kind = "a tar archive; unpack it first"
    if kind:
        raise LogError(f"{source.shown} is {kind}; what is read: {WHAT_IS_READ}")


def _gunzip(chunks: Iterable[bytes], source: _Input) -> Iterator[bytes]:
    """The content of a gzip file, never more than a chunk at a time; of a damaged one what comes before the damage."""
    unpacker = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        data = chunk
        while data:
            if unpacker.eof:  # a further file behind the first, or padding
                data = data.lstrip(b"\0")
                if not data:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            try:
                yield unpacker.decompress(data, CHUNK)
            except zlib.error:
                source.notes.append("the gzip file is damaged; what comes before the damage is read")
                return
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    with suppress(zlib.error):
        yield unpacker.flush()
    if not unpacker.eof:
        source.notes.append("the gzip file is cut off; what is there is read")


def _hold(chunks: Iterable[bytes], source: _Input) -> BinaryIO:
    """Keep a stream on disk, so that it can be read from any place."""
    import tempfile

    held = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the last reference to it
    for chunk in _limit(chunks, source):
        held.write(chunk)
    held.seek(0)
    return held


# ---- zip and folder --------------------------------------------------------------------------


def _read_zip(stream: BinaryIO, source: _Input) -> TrainingLog:
    """Read the member of a zip that holds the log. Members are streams; their names are never paths."""
    import zipfile

    _refuse_large_directory(stream, source)
    try:
        archive = zipfile.ZipFile(stream)
    except _list_zip_errors() as error:
        raise LogError(f"{source.shown}: the zip cannot be read: {error}") from None
    with archive:
        members = [
            _wrap_member(archive, one)
            for one in archive.infolist()
            if one.filename.strip("/") and not one.filename.endswith("/")
        ]
        if not members:
            raise LogError(f"{source.shown} is an empty zip")
        if any("data.pkl" in one.path.name for one in members):
            raise LogError(f"{source.shown} is a checkpoint of weights; what is read: {WHAT_IS_READ}")
        return _read_members(members, source)


def _list_zip_errors() -> tuple[type[Exception], ...]:
    """What the zip module raises for damaged, encrypted or strangely packed files."""
    import struct
    import zipfile

    errors = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
    try:
        from lzma import LZMAError
    except ImportError:  # a Python built without it cannot meet its error either
        return errors
    return (*errors, LZMAError)


def _refuse_large_directory(stream: BinaryIO, source: _Input) -> None:
    """Refuse a zip with a huge directory before the zip module reads it into memory."""
    stream.seek(0, os.SEEK_END)
    size = min(stream.tell(), 1 << 16)
    stream.seek(-size, os.SEEK_END)
    tail = stream.read(size)
    place = tail.rfind(b"PK\x05\x06")
    if place >= 0 and int.from_bytes(tail[place + 12 : place + 16], "little") > _MAX_DIRECTORY:
        raise LogError(f"{source.shown} holds too many files; give the one that is the log")
    stream.seek(0)


def _wrap_member(archive: "zipfile.ZipFile", info: "zipfile.ZipInfo") -> Member:
    def open_member() -> BinaryIO:
        try:
            return archive.open(info)  # type: ignore[return-value]
        except _list_zip_errors() as error:
            raise LogError(f"{name} cannot be unpacked: {error}") from None

    name = info.filename.replace("\\", "/").encode(errors="replace").decode()
    time = float("".join(f"{part:02}" for part in info.date_time))
    return Member(PurePosixPath(name), info.file_size, time, open_member)


def _read_members(members: list[Member], source: _Input) -> TrainingLog:
    """Read the best of several files: the first that holds measurements, else the first that can be read at all."""
    choice = choose(members)
    if choice is not None and choice.form is Form.EVENTS:
        return _read_run(choice, source)
    likely = list(choice.members[:MAX_MEMBERS]) if choice is not None else []
    others = [one for one in members if one.size and one not in likely]
    likely += sorted(others, key=lambda one: len(one.path.parts))
    best: tuple[TrainingLog, _Input, Member] | None = None
    problems: list[str] = []
    for member in likely[:MAX_MEMBERS]:
        inner = _Input(str(member.path), left=source.left, layers=source.layers)
        try:
            with member.open() as stream:
                log = _read_layer(_iter_member(stream, inner), inner)
        except LogError as error:
            problems.append(str(error))
            continue
        finally:
            source.left = inner.left
        if best is None or log.count or log.error:
            best = log, inner, member
        if log.count or log.error:
            break
    if best is None:
        raise LogError(f"{source.shown}: no file in it can be read: " + "; ".join(problems[:3] or ["all are empty"]))
    log, inner, member = best
    if len(members) > 1:
        source.notes.append(f"of {len(members)} files {member.path} is read")
    source.notes += inner.notes
    return log


def _iter_member(stream: BinaryIO, source: _Input) -> Iterator[bytes]:
    """The content of a zip's member; of a damaged one what comes before the damage."""
    chunks = _iter_chunks(stream)
    while True:
        try:
            chunk = next(chunks, None)
        except _list_zip_errors():
            chunk = None
            source.notes.append("the zip is damaged; what comes before the damage is read")
        if chunk is None:
            return
        yield chunk


def _read_folder(folder: Path, shown: str) -> TrainingLog:
    source = _Input(shown)
    members = list_folder(folder)
    if not members:
        os.listdir(folder)  # tells a folder that may not be read from one that is empty
    choice = choose(members)
    if choice is None:
        raise LogError(f"{shown}: no log found in the folder; looked for: {WHAT_IS_LOOKED_FOR}")
    if choice.form is Form.EVENTS:
        log = _read_run(choice, source)
    elif len(choice.members) > 1:
        names = ", ".join(str(member.path) for member in choice.members[:5])
        raise LogError(
            f"{shown}: {len(choice.members)} files may be the log ({names}); give one of them. "
            f"In a folder is looked for: {WHAT_IS_LOOKED_FOR}"
        )
    else:
        (member,) = choice.members
        source.name = str(member.path)
        source.notes += [choice.note or f"{member.path} is read"]
        with member.open() as stream:
            log = _read_layer(_iter_chunks(stream), source, stream)
    return replace(log, notes=(*source.notes, *log.notes)) if source.notes else log


def _read_run(choice: Choice, source: _Input) -> TrainingLog:
    """Read the TensorBoard files of a run."""
    from kb.read.tensorboard import EventFile, read_events

    if choice.note:
        source.notes.append(choice.note)
    with ExitStack() as stack:
        files = [
            EventFile(_iter_events(member, source, stack), member.path.relative_to(choice.root).parent)
            for member in choice.members
        ]
        return read_events(files, source.notes, source.shown)


def _iter_events(member: Member, source: _Input, stack: ExitStack) -> Iterator[bytes]:
    """The content of an event file, opened when it is its turn."""
    chunks = _iter_member(stack.enter_context(member.open()), source)
    yield from _limit(_gunzip(chunks, source) if member.path.suffix == ".gz" else chunks, source)


# ---- text ------------------------------------------------------------------------------------


def _read_text(chunks: Iterator[str], source: _Input) -> TrainingLog:
    """Read decoded text: CSV, JSON, a notebook, or a log."""
    pieces: list[str] = []
    size = 0
    while size < _TEXT_HEAD and (piece := next(chunks, None)) is not None:
        pieces.append(piece)
        size += len(piece)
    head = "".join(pieces)
    whole = size < _TEXT_HEAD
    if whole and not head.strip("\0\ufeff \t\r\n"):
        raise LogError(f"{source.shown} is empty: it holds only blanks")
    read = _find_reader(head[: 2 * _TEXT_HEAD], whole, source)
    return read(chain([head], chunks))


def _find_reader(head: str, whole: bool, source: _Input) -> Callable[[Iterable[str]], TrainingLog]:
    """Choose how to read a text by its first lines."""
    lines = head.split("\n")
    if not whole and len(lines) > 1:
        lines.pop()  # it may be cut
    start = head[:_HEAD].lstrip("\ufeff\0 \t\r\n")
    if start.startswith(("{", "[")):
        from kb.read.json_rows import find_message_key, is_json_lines, iter_messages, read_json_lines

        several = sum(bool(line.strip()) for line in lines[:3]) > 1 or source.suffix == ".jsonl"
        if several and is_json_lines(lines):
            key = find_message_key(lines)
            if key is None:
                return read_json_lines
            return lambda chunks: TextReader().read(iter_messages(chunks, key))
        if start[0] == "{" or start[1:].lstrip().startswith(("{", "[")):
            return lambda chunks: _read_json(chunks, source)
    from kb.read.csv_rows import find_dialect, read_csv

    dialect = find_dialect(lines, lenient=source.suffix in (".csv", ".tsv"))
    if dialect is not None:
        return lambda chunks: read_csv(chunks, dialect, PurePosixPath(source.name.removesuffix(".gz")).name)
    return TextReader().read


def _read_json(chunks: Iterable[str], source: _Input) -> TrainingLog:
    """Read what looks like one JSON value: a notebook, rows or columns; else text."""
    from kb.read.json_rows import parse_json, read_json_value, salvage_rows
    from kb.read.notebooks import is_notebook, iter_outputs

    chunks = iter(chunks)
    pieces: list[str] = []
    size = 0
    while size <= MAX_JSON and (piece := next(chunks, None)) is not None:
        pieces.append(piece)
        size += len(piece)
    if size > MAX_JSON:
        source.notes.append(f"a JSON file of over {MAX_JSON >> 20} MiB, read as text")
        return TextReader().read(chain(pieces, chunks))
    text = "".join(pieces).strip("\ufeff\0 \t\r\n")
    value = parse_json(text)
    if isinstance(value, dict) and is_notebook(value):
        log = TextReader().read(iter_outputs(value))
        if not log.line_count:
            raise LogError(f"{source.shown} is a notebook without outputs; run it, save it, and give it again")
        return log
    structured = read_json_value(value) if value is not None else None
    if structured is None and value is None and (structured := salvage_rows(text)) is not None:
        source.notes.append("the JSON file is cut off or damaged; the rows that are whole are read")
    return structured if structured is not None else TextReader().read([text])

"""From bytes to text, piece by piece: byte order marks, UTF-8, UTF-16, legacy pages and mojibake.

The rule is: UTF-8 where it is valid, else the page that the foreign lines are written in, guessed once. Nothing here
fails on bad bytes: what cannot be decoded becomes U+FFFD and a note. Only input that holds no text at all is an error.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from kb.errors import LogError

CHUNK = 1 << 18
"""Bytes that are read at a time."""
MAX_BYTES = 256 << 20
"""Bytes that are read of one log, after decompression: a guard against bombs, far above any log that a person has."""
WHAT_IS_READ = (
    "a text log, .csv, .tsv, .jsonl, trainer_state.json, a Keras history as JSON, a notebook (.ipynb), "
    "a TensorBoard event file, each of these gzipped or in a zip, or a folder with one of them"
)
"""Said wherever input is refused."""

_SAMPLE = 1 << 16
_FOREIGN_SAMPLE = 1 << 14
"""Bytes of lines that are not UTF-8 which a guess of their page looks at."""
_MAX_BLOCK = 1 << 20
_LEAST_WIDE = 16
"""Bytes below which NUL bytes say nothing of an encoding."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes([*range(0x08), 0x0B, *range(0x0E, 0x1B), 0x1C, 0x1D, 0x1E, 0x1F])
"""Bytes that text does not hold; escape, tab, backspace and form feed are not among them."""
_BINARY_SHARE = 0.05

_FAMILIAR = {
    "gb18030": "训练|验证|测试|损失|准确|学习率|开始|完成|警告|错误|轮次|迭代|模型|精度",
    "big5": "訓練|驗證|測試|損失|準確|學習率|開始|完成|警告|錯誤|模型",
    "cp932": "エポック|学習|損失|検証|精度|訓練|開始|終了|警告|です|ます|した",
    "euc_jp": "エポック|学習|損失|検証|精度|訓練|開始|終了|警告|です|ます|した",
    "cp949": "손실|정확도|학습|검증|에포크|에폭|훈련|시작|완료|경고|오류",
    "cp1251": "(?i:эпох|потер|точност|обучен|ошибк|валидац|шаг|модел|начал|лосс)",
    "koi8_r": "(?i:эпох|потер|точност|обучен|ошибк|валидац|шаг|модел|начал|лосс)",
    "cp866": "(?i:эпох|потер|точност|обучен|ошибк|валидац|шаг|модел|начал|лосс)",
    "cp1250": "(?i:dokładn|błąd|uczen|wartoś|přesnost|ztráta|chyba)",
    "cp437": "█{4}",
}
"""Words of training logs by page. A few foreign bytes are too little for statistics, but one such word decides."""
_STATISTICAL = ["gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1250", "cp1252", "cp1253"]
"""Pages that charset-normalizer chooses from, where no familiar word decides."""

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")

_CONTINUATION = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
"""What a continuation byte of UTF-8 looks like when it is read as Latin-1 or cp1252."""
_MOJIBAKE = re.compile(f"(?:[Â-ß]{_CONTINUATION}|[à-ï]{_CONTINUATION}{{2}}|[ð-ô]{_CONTINUATION}{{3}})+")


@dataclass
class Decoder:
    """Turns the bytes of one input to text; `notes` tells what it repaired, complete once the text is read."""

    notes: list[str] = field(default_factory=list)
    name: str = "the input"
    _page: str = ""
    """The legacy page of the lines that are not UTF-8, once guessed."""
    _seen_utf8: bool = False
    _mended: int = 0
    _damaged: int = 0

    def decode(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """The text, in pieces of bounded size.

        Raises:
            LogError: the input is no text.

        """
        chunks = iter(chunks)
        head = _gather(chunks, _SAMPLE)
        encoding, skipped = _find_wide_encoding(head)
        if encoding and encoding != "utf-8":
            yield from self._decode_wide(chain([head[skipped:]], chunks), encoding)
            return
        if _is_binary(head):
            raise LogError(f"{self.name} is a binary file, not a log; what is read: {WHAT_IS_READ}")
        for block in _iter_blocks(chain([head[skipped:]], chunks)):
            yield self._mend(self._decode_block(block))
        if self._mended:
            self.notes.append(
                f"{_count(self._mended, 'line')} of mojibake repaired: UTF-8 that was once read as cp1252"
            )
        if self._damaged:
            self.notes.append(f"{_count(self._damaged, 'line')} with bytes that are not UTF-8, shown as \ufffd")

    def _decode_wide(self, chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)

    def _decode_block(self, block: bytes) -> str:
        try:
            text = block.decode()
        except UnicodeDecodeError:
            return self._decode_foreign(block)
        self._seen_utf8 = self._seen_utf8 or not text.isascii()
        return text

    def _decode_foreign(self, block: bytes) -> str:
        """A block that is not all UTF-8: each line as UTF-8 where it is, else in the page of the foreign lines."""
        if self._page and not self._seen_utf8:
            try:
                return block.decode(self._page)
            except UnicodeDecodeError:
                pass
        lines = block.split(b"\n")
        if not self._page:
            self._page = _guess_page(_take_foreign(lines))
            if self._page != "utf-8":
                self.notes.append(f"read as {self._page}, which is a guess: the bytes are not UTF-8")
        return "\n".join([self._decode_line(line) for line in lines])

    def _decode_line(self, line: bytes) -> str:
        for page, errors in (("utf-8", "strict"), ("utf-8", "surrogatepass"), (self._page, "strict")):
            try:
                return mend_surrogates(line.decode(page, errors))
            except UnicodeDecodeError:
                continue
        self._damaged += 1
        return line.decode(self._page, "replace")

    def _mend(self, text: str) -> str:
        if text.isascii() or not _MOJIBAKE.search(text):
            return text
        lines = text.split("\n")
        for place, line in enumerate(lines):
            if not line.isascii() and _MOJIBAKE.search(line):
                lines[place] = _mend_line(line)
                self._mended += lines[place] != line
        return "\n".join(lines)


def mend_surrogates(text: str) -> str:
    """The text with pairs of surrogates joined and lone ones replaced, so that it can be written anywhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def iter_numbered_lines(chunks: Iterable[str], longest: int = _MAX_BLOCK) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers from 1, without line ends; of a line that is too long, its beginning."""
    number, rest = 1, ""
    for chunk in chunks:
        lines = (rest + chunk).split("\n")
        rest = lines.pop()[:longest]
        for line in lines:
            yield number, line[:longest].rstrip("\r")
            number += 1
    if rest:
        yield number, rest.rstrip("\r")


def _mend_line(line: str) -> str:
    """Repair the whole line where it was garbled as a whole, else each garbled run of it."""
    from ftfy import fix_encoding  # here: its import takes longer than reading most logs

    for _ in range(3):  # text may have been garbled more than once
        mended = fix_encoding(line)
        if mended == line:
            mended = _MOJIBAKE.sub(lambda found: fix_encoding(found[0]), line)
        if mended == line or "\n" in mended:
            break
        line = mended
        if not _MOJIBAKE.search(line):
            break
    return line


def _gather(chunks: Iterator[bytes], size: int) -> bytes:
    """The first bytes, `size` or more where there are as many."""
    pieces: list[bytes] = []
    missing = size
    while missing > 0 and (piece := next(chunks, None)) is not None:
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _iter_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes cut where no character of any page is cut: behind a line, or in a very long line behind a blank."""
    rest = b""
    for chunk in chunks:
        block = rest + chunk
        cut = block.rfind(b"\n") + 1
        if not cut and len(block) > _MAX_BLOCK:
            cut = block.rfind(b"\r") + 1 or block.rfind(b" ") + 1 or _find_character_end(block)
        if cut:
            yield block[:cut]
        rest = block[cut:]
    if rest:
        yield rest


def _find_character_end(block: bytes) -> int:
    """A place near the end where no UTF-8 character is cut."""
    for back in range(1, 4):
        if block[-back] >= 0xC0:
            return len(block) - back
        if block[-back] < 0x80:
            break
    return len(block)


def _find_wide_encoding(head: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark names, with the mark's length, or that the places of the NUL bytes tell."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if len(head) < _LEAST_WIDE:
        return "", 0
    half = len(head) // 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    # Of a log at least a third is digits, blanks and line ends, whatever the language.
    if odd > half * 0.3 and even < odd / 10:
        return "utf-16-le", 0
    if even > half * 0.3 and odd < even / 10:
        return "utf-16-be", 0
    return "", 0


def _is_binary(head: bytes) -> bool:
    """Whether there is no text. A log that a crash has filled up with NUL bytes is text."""
    bare = head.replace(b"\0", b"")
    if head and not bare:
        return True
    controls = len(bare) - len(bare.translate(None, _CONTROLS))
    if controls <= _BINARY_SHARE * len(bare):
        return False
    try:
        bare[: len(bare) - 4].decode()
    except UnicodeDecodeError:
        return True
    return controls > len(bare) / 3


def _take_foreign(lines: Iterable[bytes]) -> bytes:
    """The lines that are not UTF-8, as many as a guess needs."""
    taken: list[bytes] = []
    size = 0
    for line in lines:
        try:
            line.decode()
        except UnicodeDecodeError:
            taken.append(line[:_FOREIGN_SAMPLE])
            size += len(taken[-1])
            if size > _FOREIGN_SAMPLE:
                break
    return b"\n".join(taken)


def _guess_page(sample: bytes) -> str:
    """The page that foreign lines are written in; `utf-8` where they are damaged UTF-8."""
    as_utf8 = sample.decode("utf-8", "replace")
    broken = as_utf8.count("\ufffd")
    if sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", as_utf8))) > broken:
        return "utf-8"
    for page, words in _FAMILIAR.items():
        if re.search(words, sample.decode(page, "ignore")) and _fits(sample, page):
            return page
    runs = [len(run) for run in _HIGH_RUN.findall(sample)]
    if runs and sum(runs) <= 1.3 * len(runs):
        return "cp1252"  # letters with accents stand alone among others; no other script is written so
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_STATISTICAL).best()
    return best.encoding if best is not None and _fits(sample, best.encoding) else "cp1252"


def _fits(sample: bytes, page: str) -> bool:
    """Whether a page decodes nearly all of a sample."""
    return sample.decode(page, "replace").count("\ufffd") <= len(sample) / 100


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")

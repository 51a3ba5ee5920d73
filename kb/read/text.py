"""Read a log that is text: its lines to records, events and the error."""

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kb.read.events import find_event
from kb.read.grammar import Bar, LineReader, Reading, Template, find_bar
from kb.read.log import Event, KeptLines, LogLine, TrainingLog
from kb.read.names import find_split
from kb.read.records import RecordBuilder
from kb.read.screen import MAX_LINE, ScreenLine, iter_lines
from kb.read.tables import Header, find_header, is_rule, read_pair_row, read_row
from kb.read.tracebacks import TracebackReader

MAX_PART = 4_000
"""Characters of one record on a line; what is longer is a dump of data."""
MAX_SENTENCE = 200
"""Characters of a line that may be a sentence."""
MAX_SILENT = 5_000
"""Forms of lines that are remembered to say nothing."""
MAX_EVENTS, MAX_UNREAD = 2_000, 500

_HEADING = re.compile(
    r"^\W*(?:(?:start|begin|running|run|end of)\w* )?([A-Za-z]+|验证|训练|测试)(?: (?:set|epoch|phase|"
    r"results?|metrics|loop|error|statistics|stats))?\W*$",
    re.I,
)
_DIGITS = re.compile(r"\d+")
_SUBSET = re.compile(r"\| (valid|test|train) on '[^']*' subset \|")
"""fairseq before version 0.10."""
_BEHIND = re.compile(
    r"(?i)\b((?:train(?:ing)? |val(?:idation)? |test )?(?:cost|loss|error|accuracy)) (?:after|at|for|in|on) "
    r"(iteration|iter|epoch|step) #?(\d+)(?:/\d+)?\s*(?:[:=]|is\b)"
)
"""The counter between the metric and its value: `Cost after iteration 100: 0.64`."""
_ELLIPSIS = re.compile(r"\W*(?:\.{2,}|\u2026|\u7701\u7565)\W*")
_GLUED = re.compile(r"^(.{0,600}?\d+/\S{1,12} \[\d+:\d+<[^\]]{0,2000}\])([A-Za-z{].*)$")
"""A bar with a message behind it that another stream printed before the bar's line ended."""
_EPOCH_AGAIN = re.compile(r"(?i)\bepoch[ :#=\[]{1,3}\d+")


@dataclass
class TextReader:
    """Follows a log line by line. One reader reads one log."""

    _builder: RecordBuilder = field(default_factory=RecordBuilder)
    _grammar: LineReader = field(default_factory=LineReader)
    _tracebacks: TracebackReader = field(default_factory=TracebackReader)
    _header: Header | None = None
    _bars: dict[str, tuple[Bar, int]] = field(default_factory=dict)
    _had_records: bool = False
    _kept: KeptLines = field(default_factory=KeptLines)
    _events: list[Event] = field(default_factory=list)
    _unread: list[LogLine] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _last_number: int = 0
    _silent: set[str] = field(default_factory=set)
    """Lines that said nothing, without their digits."""
    _repeating: Template | None = None
    """The form of the line before, when it is a record by itself."""

    def read(self, chunks: Iterable[str], notes: Iterable[str] = ()) -> TrainingLog:
        """Read a whole log.

        Args:
            chunks: the decoded text, in pieces of any size.
            notes: what was already noticed while decoding.
        """
        self._notes += notes
        for line in iter_lines(chunks):
            if not self._feed_repeated(line):
                self._feed(line)
        self._flush_bars(final=True)
        series, x, x_name, epochs = self._builder.build()
        lines = self._kept.finish("lines", self._notes)
        return TrainingLog(
            lines=lines,
            series=series,
            x=x,
            x_name=x_name if len(x) else None,
            epochs=epochs,
            events=tuple(self._events),
            error=self._tracebacks.report(),
            unread=tuple(self._unread),
            notes=tuple(self._notes),
            line_count=self._last_number,
        )

    def _feed_repeated(self, line: ScreenLine) -> bool:
        """Take a line that is printed by the same statement as the record before: nothing needs to be found out."""
        template = self._repeating
        if template is None or line.drawn_over:
            return False
        found = template.pattern.fullmatch(line.text)
        if found is None or not self._builder.repeat(template, found.groups(), line.number):
            return False
        self._last_number = line.number
        self._kept.keep(LogLine(line.number, line.text))
        return True

    def _feed(self, line: ScreenLine) -> None:
        self._last_number = line.number
        self._repeating = None
        glued = _GLUED.match(line.text) if "<" in line.text else None
        if glued:
            self._feed(ScreenLine(line.number, glued[1], line.drawn_over))
            self._feed(ScreenLine(line.number, glued[2], line.drawn_over))
            return
        if len(line.text) == MAX_LINE:
            self._notes.append(f"line {line.number} is very long: its first {MAX_LINE:,} characters were read")
        if len(line.text) > MAX_PART:
            for part in _split_joined(line.text):
                self._feed(ScreenLine(line.number, part[:MAX_PART], line.drawn_over))
            return
        if self._feed_silent(line):
            return
        bar = find_bar(line.text)
        if not line.drawn_over:
            self._kept.keep(LogLine(line.number, line.text))
        if self._tracebacks.feed(line.number, line.text):
            return
        if bar is not None:
            self._feed_bar(bar, line)
            return
        if not is_rule(line.text) and self._feed_line(line.text, line.number) and not line.drawn_over:
            if len(self._silent) == MAX_SILENT:
                self._silent.clear()
            self._silent.add(_DIGITS.sub("0", line.text))

    def _feed_silent(self, line: ScreenLine) -> bool:
        """Pass over a line that differs only by its digits from one that said nothing: most of a large log are such."""
        if line.drawn_over or self._tracebacks.is_busy or _DIGITS.sub("0", line.text) not in self._silent:
            return False
        self._kept.keep(LogLine(line.number, line.text))
        return True

    # ---- bars --------------------------------------------------------------------------------

    def _feed_bar(self, bar: Bar, line: ScreenLine) -> None:
        if self._header and self._feed_row(bar.text, line.number, bar):
            return
        header = find_header(bar.text.rstrip(" :"))
        if header:
            self._flush_bars()
            self._header = header
            self._silent.clear()
            return
        held = self._bars.get(bar.key)
        if held and held[0].identity != bar.identity:
            self._flush_bars()
        if bar.started:
            self._bars[bar.key] = (bar, line.number)

    def _flush_bars(self, final: bool = False) -> None:
        """Read the bars whose last drawing is reached. One that never filled up is no record, unless all is lost."""
        bars, self._bars = self._bars, {}
        for bar, number in bars.values():
            if not bar.done and self._had_records and final:
                continue
            if not bar.done and not final:
                self._bars[bar.key] = (bar, number)
                continue
            self._feed_line(bar.text, number, bar)

    # ---- lines -------------------------------------------------------------------------------

    def _feed_line(self, text: str, number: int, bar: Bar | None = None) -> bool:
        """Read a line, or what a bar says; whether nothing at all was in it, whatever its digits."""
        if bar is None and self._feed_table(text, number):
            return False
        if "subset" in text:
            text = _SUBSET.sub(r"| \1 |", text)
        if len(text) <= MAX_SENTENCE:
            text = _BEHIND.sub(r"\2 \3 \1:", text)
        if text.startswith("metrics {"):  # a case's own last line sums the run up
            return False
        if _ELLIPSIS.fullmatch(text):
            self._builder.end_record()
            return False
        heading = _HEADING.match(text) if len(text) < 60 else None
        if heading and find_split(heading[1]):
            self._builder.announce_split(find_split(heading[1]))
            return False
        silent = bar is None
        for part in _split_joined(text):
            reading = self._grammar.read(part)
            if reading is None:
                continue
            silent = False
            if self._bars and bar is None:
                self._flush_bars()
            same = f"{bar.key}|{bar.identity}" if bar is not None and bar.identity else ""
            if self._builder.feed(reading, number, same, bar.count if bar is not None else math.nan):
                self._had_records = True
            elif bar is None and not any(reading.counters()) and len(self._unread) < MAX_UNREAD:
                self._unread.append(LogLine(number, part))
        if bar is not None or self._note_event(LogLine(number, text)):
            return False
        if not silent and self._grammar.recent:
            template = self._grammar.recent[0]
            self._repeating = template if self._builder.can_repeat(template) else None
        return silent

    def _note_event(self, line: LogLine) -> bool:
        event = find_event(line)
        if event and len(self._events) < MAX_EVENTS:
            self._events.append(event)
        return event is not None

    def _feed_table(self, text: str, number: int) -> bool:
        if self._header and self._feed_row(text, number):
            return True
        pair = read_pair_row(text) if "|" in text or "\u2502" in text else None
        if pair is not None and not (self._header and self._header.splits):
            self._take(pair, number)
            return True
        header = find_header(_strip_prefix(text))
        if header:
            self._header = header
            self._silent.clear()  # what said nothing before may be a row now
            return True
        return False

    def _feed_row(self, text: str, number: int, bar: Bar | None = None) -> bool:
        assert self._header is not None
        reading = read_row(self._header, _strip_prefix(text) if self._header.splits else text)
        if reading is None:
            return False
        if bar is not None and not bar.done:
            return True
        self._take(reading, number, f"row {bar.identity}" if bar else "")
        return True

    def _take(self, reading: Reading, number: int, bar: str = "") -> None:
        if self._builder.feed(reading, number, bar):
            self._had_records = True


def _strip_prefix(text: str) -> str:
    """A table's line without the logger's prefix before it."""
    return re.sub(r"^\d{4}-\d\d-\d\d [\d:,.]+ - \w+ - [\w.]+ -", "", text)


def _split_joined(text: str) -> list[str]:
    """Several records that lost their line ends in pasting, apart again."""
    starts = [found.start() for found in _EPOCH_AGAIN.finditer(text)]
    if len(starts) < 3:
        return [text]
    places = [0, *starts[1:], len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(places)]


def read_text(text: str) -> TrainingLog:
    """Read a pasted log."""
    from kb.read.decode import mend_surrogates

    return TextReader().read([mend_surrogates(text)])

"""The error that a log ends with: its class, its message, and the innermost line of the user's own code."""

import re
from dataclasses import dataclass, field

from kb.read.log import ErrorReport

_PREFIX = re.compile(r"^(?:\[?\(?(?:[\w.-]+ )?(?:rank ?)?\d+\)?\]?:|\(\w+ pid=\d+[^)]*\)|\d+: ?|\|)\s?", re.I)
_FRAME = re.compile(r'^\s*(?:\| *)?File "([^"]{1,400})", line (\d+)(?:, in (.{1,120}))?\s*$')
_NOTEBOOK_FRAME = re.compile(
    r"^(?:Cell In\s?\[\d+\], line (\d+)|<ipython-input-(\d+)-\w+> in (\S+)|File (\S+?):(\d+), in (\S+?)\(?.*)"
)
_EXCEPTION = re.compile(
    r"^(?:E {2,})?((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Iteration|Warning|"
    r"Failure|Fault|NotFound|Expired|Timeout)\b"
    r"|(?:[a-z_]\w*\.)+[A-Z]\w+|SystemExit|StopIteration|KeyboardInterrupt)(?:: ?(.*))?$"
)
_ANY_CLASS = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*))?$")
_LIBRARY = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python\d|<frozen|<string>|<decorator|importlib|[/\\]lib[/\\]\w+\.py"
)
_WARNING = re.compile(r"Warning$")
MAX_DETAILS = 20


@dataclass
class TracebackReader:
    """Follows tracebacks line by line; the last exception counts."""

    error: ErrorReport | None = None
    _frames: list[tuple[str, str, str]] = field(default_factory=list)
    _inside: bool = False
    _details: list[str] = field(default_factory=list)
    _collecting: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether the next line may belong to a traceback, whatever it looks like."""
        return self._inside or self._collecting

    def feed(self, number: int, text: str) -> bool:
        """Take the next line; whether it belongs to a traceback."""
        line = _PREFIX.sub("", text) if _PREFIX.match(text) and not _FRAME.match(text) else text
        if "Traceback (most recent call last)" in line or line.startswith(
            ("-----------------------------------------------------------------",)
        ):
            self._start()
            return True
        frame = _FRAME.match(line)
        if frame:
            if not self._inside:
                self._start()
            self._frames.append((frame[1], frame[2], frame[3] or ""))
            return True
        if self._inside:
            return self._feed_inside(number, line)
        found = _EXCEPTION.match(line.strip()) if not line.startswith((" ", "\t")) else None
        if (
            found
            and not _WARNING.search(found[1])
            and (found[2] or found[1] in ("KeyboardInterrupt", "AssertionError"))
        ):
            self._finish(number, found[1], found[2] or "")
            return True
        if self._collecting and line.startswith(("\t", "  ")) and len(self._details) < MAX_DETAILS:
            self._details.append(line.strip())
            return True
        self._collecting = False
        return False

    def _start(self) -> None:
        self._frames, self._inside, self._collecting = [], True, False

    def _feed_inside(self, number: int, line: str) -> bool:
        stripped = line.strip()
        if not stripped or set(stripped) <= set("^~ .") or stripped.startswith("[Previous line repeated"):
            return True
        notebook = _NOTEBOOK_FRAME.match(line)
        if notebook:
            place = notebook[1] or notebook[2] or notebook[5] or ""
            self._frames.append((notebook[4] or "notebook cell", place, notebook[3] or notebook[6] or ""))
            return True
        found = _EXCEPTION.match(stripped if line.startswith("E ") else line)
        if not found and self._frames and not line.startswith((" ", "\t")):
            found = _ANY_CLASS.match(line)
        if found and not line.startswith((" ", "\t")):
            if _WARNING.search(found[1]) and not self._frames:
                return False
            self._finish(number, found[1], found[2] or "")
            return True
        if line.startswith((" ", "\t")) or re.match(r"-+> ?\d+|\d+ ", line):
            return True
        return bool(self._frames)

    def _finish(self, number: int, name: str, message: str) -> None:
        own = [frame for frame in self._frames if not _LIBRARY.search(frame[0])] or self._frames[:1]
        where = ""
        if own:
            path, line, function = own[-1]
            where = (
                re.split(r"[/\\]", path)[-1] + (f":{line}" if line else "") + (f" in {function}" if function else "")
            )
        self._details = []
        self.error = ErrorReport(name, message.strip(), number, where)
        self._inside, self._collecting, self._frames = False, True, []

    def report(self) -> ErrorReport | None:
        """The last exception, with the further lines of its message."""
        if self.error is None:
            return None
        error = self.error
        return ErrorReport(error.name, error.message, error.line, error.frame, tuple(self._details))

// The error that a log ends with, as kb/read/tracebacks.py finds it.

const PREFIX = /^(?:\[?\(?(?:[\w.-]+ )?(?:rank ?)?\d+\)?\]?:|\(\w+ pid=\d+[^)]*\)|\d+: ?|\|)\s?/i;
const FRAME = /^\s*(?:\| *)?File "([^"]{1,400})", line (\d+)(?:, in (.{1,120}))?\s*$/;
const NOTEBOOK_FRAME =
  /^(?:Cell In\s?\[\d+\], line (\d+)|<ipython-input-(\d+)-\w+> in (\S+)|File (\S+?):(\d+), in (\S+?)\(?.*)/;
const EXCEPTION =
  /^(?:E {2,})?((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Iteration|Warning|Failure|Fault|NotFound|Expired|Timeout)\b|(?:[a-z_]\w*\.)+[A-Z]\w+|SystemExit|StopIteration|KeyboardInterrupt)(?:: ?(.*))?$/;
const ANY_CLASS = /^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*))?$/;
const ALONE = new Set(["KeyboardInterrupt", "AssertionError"]);
const MAX_DETAILS = 20;

const isIndented = (line) => /^[ \t]/.test(line);

/** Follows tracebacks line by line; the last exception counts. */
class TracebackReader {
  error = null;
  inside = false;
  collecting = false;
  frames = 0;

  /** Take the next line; whether it belongs to a traceback. */
  feed(text) {
    const line = PREFIX.test(text) && !FRAME.test(text) ? text.replace(PREFIX, "") : text;
    if (line.includes("Traceback (most recent call last)") || line.startsWith("-".repeat(65))) {
      this.start();
      return true;
    }
    if (FRAME.test(line)) {
      if (!this.inside) this.start();
      this.frames += 1;
      return true;
    }
    if (this.inside) return this.feedInside(line);
    const found = isIndented(line) ? null : EXCEPTION.exec(line.trim());
    if (found && !found[1].endsWith("Warning") && (found[2] || ALONE.has(found[1]))) {
      this.finish(text, found[1], found[2]);
      return true;
    }
    if (this.collecting && /^(?:\t| {2})/.test(line) && this.error.details.length < MAX_DETAILS) {
      this.error.details.push(line.trim());
      return true;
    }
    this.collecting = false;
    return false;
  }

  start() {
    this.inside = true;
    this.collecting = false;
    this.frames = 0;
  }

  feedInside(line) {
    const stripped = line.trim();
    if (/^[\^~ .]*$/.test(stripped) || stripped.startsWith("[Previous line repeated")) return true;
    if (NOTEBOOK_FRAME.test(line)) {
      this.frames += 1;
      return true;
    }
    let found = EXCEPTION.exec(line.startsWith("E ") ? stripped : line);
    if (!found && this.frames && !isIndented(line)) found = ANY_CLASS.exec(line);
    if (found && !isIndented(line)) {
      if (found[1].endsWith("Warning") && !this.frames) return false;
      this.finish(line, found[1], found[2]);
      return true;
    }
    return isIndented(line) || /^(?:-+> ?\d+|\d+ )/.test(line) || this.frames > 0;
  }

  finish(line, name, message = "") {
    this.error = { line, name, message: message.trim(), details: [] };
    this.inside = false;
    this.collecting = true;
    this.frames = 0;
  }
}

/** The last exception of some lines (or null), and the lines that belong to no traceback. */
export function readTracebacks(lines) {
  const reader = new TracebackReader();
  const others = lines.filter((line) => !reader.feed(line));
  return { error: reader.error, others };
}

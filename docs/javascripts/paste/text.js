// From a paste to the lines that a person would have seen, as kb/read/screen.py does it.

const MAX_LINE = 4000;
const CONTROL = new RegExp(
  [
    "\\x1b\\[[0-?]*[ -/]*[@-~]", // colours, cursor movements
    "\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?", // titles, links
    "\\x1b[@-Z\\\\\\-_()][A-Z0-9]?",
    "(?:\\^\\[)?\\[\\d{1,3}(?:;\\d{1,3}){0,4}m", // colours whose escape was lost in pasting
    "[\\x00-\\x08\\x0b\\x0e-\\x1a\\x7f\\ufeff\\u200b]",
  ].join("|"),
  "g",
);

/** The first characters of a text; a character beyond the basic plane counts once, as it does in Python. */
export function takeStart(text, count) {
  const piece = text.slice(0, 2 * count);
  return /[\ud800-\udfff]/.test(piece) ? [...piece].slice(0, count).join("") : text.slice(0, count);
}

/** The lines without control sequences; of a line that was drawn over, the last drawing. Blank ones are left out. */
export function splitLines(text) {
  const lines = [];
  for (const raw of text.split("\n")) {
    const drawings = raw.split(/\r+|\x08{2,}/).filter((drawing) => drawing.trim());
    const line = (drawings.at(-1) ?? "").slice(0, MAX_LINE).replace(CONTROL, "").trimEnd();
    if (line) lines.push(line);
  }
  return lines;
}

/** The beginning and the end of a text that is longer than `most`. */
export function cutMiddle(text, most) {
  return text.length > most ? `${text.slice(0, most / 2)}\n...\n${text.slice(-most / 2)}` : text;
}

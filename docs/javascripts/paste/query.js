// A paste, taken apart as kb/match/query.py does it: what a person wrote, and the error. Its curves are not read.

import { findTelling } from "./events.js";
import { cutMiddle, splitLines, takeStart } from "./text.js";
import { readTracebacks } from "./traceback.js";

const FRAME = /^\s*(?:File "|\^|~|at 0x)|^\s{4,}\S|^Traceback|site-packages|dist-packages/;
const STACK = /^\s*(?:File ".*", line \d+|[\^~][\^~ ]*$|\S*(?:site|dist)-packages\S*:\d+|Traceback \(most recent)/;
const PREFIX =
  /^[^\p{L}\p{N}_]{0,2}(?:\d{4}-\d\d-\d\d[T ]|\d\d\/\d\d\/\d{4} )?\d\d:\d\d:\d\d\S{0,12}[\s|:\-\]]+(?:[^\p{L}\p{N}_]?(?:INFO|DEBUG)\b[\s|:\-\]]*)?|^[^\p{L}\p{N}_]?(?:INFO|DEBUG)\b[\s|:\-\]]*/u;
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const PRINTED =
  /^\s*[[({<|#>$\-=*+/\\]|[=|]{2,}|\d+%\||^\s*\d|: \d|=\s*-?\d|^\s*(?:import|from|def|class|return|for|if|with)\b|\)$|;$/;
const TOLD =
  /[\p{L}\p{Nl}\p{No}][\p{L}\p{N}_]|[\p{L}\p{N}_][\p{L}\p{Nl}\p{No}]|[^\x00-\x7f]/u;
const WORDS = /[\p{L}\p{Nl}\p{No}]{2,}/gu;
const NUMBERS = /(?<![\p{L}\p{N}_.])[-+]?(?:\d[\d.,]*(?:e[-+]?\d+)?%?|\.\d+|nan|inf)(?![\p{L}\p{N}_])/giu;
const ANY_NUMBER = /[-+]?\p{Nd}+(?:[.,:]\p{Nd}+)*(?:e[-+]?\p{Nd}+)?/giu;
const BAR = /[=>.#█▏▎▍▌▋▊▉ -]{6,}|\s{2,}/gu;
const CLOCK = /\d{4}-\d\d-\d\d[T ]?|\d+:\d\d(?::\d\d)?(?:[.,]\d+)?/g;
const WIDE = /[^\x00-\x7f]/g;
const LETTERS_A_NUMBER = 12;
const MAX_FRAME = 2000; // characters of a line that are looked at: on longer ones the pattern would take minutes
const LONGEST_PART = 1500;
const LONGEST_ERROR = 400;

/** The words of a text: two letters or more. */
export function findWords(text) {
  return text.match(WORDS) ?? [];
}

/** Whether a line holds values as programs print them: two or more, with few letters to each. That is no prose. */
function isMeasured(line) {
  const numbers = (line.replace(CLOCK, "").match(NUMBERS) ?? []).length;
  if (numbers < 2) return false;
  const letters = findWords(line).join("");
  const wide = letters.match(WIDE)?.length ?? 0; // a word in Chinese has two letters
  return letters.length + wide <= LETTERS_A_NUMBER * numbers;
}

/** Whether anything in a text can be matched. */
export function isTelling(text) {
  return TOLD.test(text);
}

/** What is matched. `limits` are the constants of the Python side. */
export function makeQuery(pasted, limits) {
  const lines = splitLines(pasted);
  const { error, others } = readTracebacks(lines);
  const text = cutMiddle(pasted, limits.maxText);
  const told = error ? [nameError(error), ...error.details.slice(0, 3)] : findTelling(others);
  const prose = findProse(lines, new Set(others), limits.maxLines).join("\n");
  return {
    text,
    prose: takeStart(prose, limits.maxProse),
    error: told.join(" "),
    errorLine: error?.line ?? told[0] ?? "",
    hasRecords: others.filter(isMeasured).length > 1,
    get isNumbers() {
      return this.hasRecords && !this.prose && !this.error;
    },
  };
}

/** The parts of a paste that each say one thing: what a person wrote, and the error. */
export function listParts(query) {
  const parts = [takeStart(query.prose, LONGEST_PART), takeStart(query.error, LONGEST_ERROR)];
  const saying = parts.filter((part) => findWords(part).length >= 2);
  return saying.length ? saying : [takeStart(query.text, LONGEST_PART)];
}

/** The lines without those between the first and the last one of their kind, and without drawn bars. */
function thinOut(lines) {
  const bare = lines.map((line) => line.replace(BAR, " "));
  const ends = new Map();
  bare.forEach((line, place) => {
    const kind = line.replace(ANY_NUMBER, "0").trim();
    ends.set(kind, [ends.get(kind)?.[0] ?? place, place]);
  });
  const kept = new Set([...ends.values()].flat());
  return bare.filter((_, place) => kept.has(place));
}

/** The paste as one text: without the frames of a traceback and the middle of a log; of a long text, both ends. */
export function takeWhole({ text }, end) {
  const lines = [];
  let sourceFollows = false;
  for (const line of text.split(LINE_END)) {
    const isFrame = STACK.test(line.slice(0, MAX_FRAME));
    if (!isFrame && !(sourceFollows && line.startsWith("    "))) lines.push(line.replace(PREFIX, ""));
    sourceFollows = isFrame && line.includes("File");
  }
  const whole = thinOut(lines).join("\n").trim() || text;
  return whole.length <= 2 * end ? whole : `${whole.slice(0, end)}\n...\n${whole.slice(-end)}`;
}

function nameError(error) {
  return error.message ? `${error.name}: ${error.message}` : error.name;
}

/** `others` are the lines of no traceback: a message with numbers in it is no record. */
function findProse(lines, others, most) {
  const ends = lines.length > 2 * most ? [...lines.slice(0, most), ...lines.slice(-most)] : lines;
  return ends.filter((line) => isProse(line) && !(others.has(line) && isMeasured(line))).map((line) => line.trim());
}

function isProse(line) {
  const count = findWords(line).length;
  if (!count || FRAME.test(line)) return false;
  return count >= 6 || (count >= 3 && !PRINTED.test(line));
}

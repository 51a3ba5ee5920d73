// Lines that speak of an error or a warning, as kb/read/events.py finds them.

const EVENTS = [
  [
    "killed",
    /\bKilled\b|oom[-_ ]kill|SIGKILL|SIGTERM|signal 9|exit code:? -?(?:9|137)\b|Segmentation fault|core dumped/i,
  ],
  [
    "early stop",
    /early[ -]?stopp?(?:ing|ed)?\b(?!.*(?:disabled|=|:\s*(?:None|False|\d)))(?! conditioned on)|stopp?(?:ed|ing) early|stopping training|signaled to stop/i,
  ],
  ["skipped", /\bskip(?:ped|ping|s)?\b|gradient overflow|OVERFLOW!|loss scale.{0,20}(?:reduc|to)/i],
  [
    "resumed",
    /\bresum(?:e|ed|ing)\b|loading checkpoint|loaded checkpoint|restor(?:ed|ing) (?:from|checkpoint)|=> loading/i,
  ],
  ["warning", /\bWARN(?:ING)?\b|\w+Warning\b|\bwarning:/i],
  ["saved", /\bsav(?:ed|ing) (?:the |best |latest |new |model|checkpoint|state)|checkpoint saved|new best/i],
  ["error", /^[^\p{L}\p{N}_]*(?:error|fatal|critical)\b|Assertion .{1,200} failed/iu],
  ["error", /\bERROR\b/],
];
const TELLING = new Set(["warning", "error", "killed", "skipped"]);
const MAX_TOLD = 3;

/** The first lines that tell of something that went wrong. */
export function findTelling(lines) {
  const told = [];
  for (const line of lines) {
    const found = EVENTS.find(([, pattern]) => pattern.test(line.slice(0, 2000)));
    if (found && TELLING.has(found[0]) && told.push(line) === MAX_TOLD) break;
  }
  return told;
}

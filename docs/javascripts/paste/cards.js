// The answer as cards, best first.

import { addProse, addText, make } from "./dom.js";
import { ROOT } from "./load.js";

const LEVELS = [
  [0.5, 3, "fits well"],
  [0.15, 2, "may fit"],
  [0, 1, "fits little"],
];
const MOST_CARDS = 3;
const LEAST_SHARE = 0.15;
const MOST_LETTERS = 180;

/** The cases that are shown: the first, and those that are not far behind it. */
export function chooseCards({ cases }) {
  return cases.filter(({ share }, n) => n < MOST_CARDS && share >= LEAST_SHARE * cases[0].share);
}

/** A card. `sure` is the probability of the case, or null where nothing but words was compared. */
export function makeCard(one, { sure, words, message, nearest }) {
  const card = make("article", "paste-card");
  const link = addText(card.appendChild(make("h2")), "a", one.title);
  link.href = `${ROOT}cases/${one.id}/`;
  if (sure !== null) card.append(makeLevel(sure));
  addLine(card, "Cause: ", one.summary);
  addLine(card, "Fix: ", one.fix);
  if (message) addQuote(card, "Your message: ", message);
  else if (words.length) addQuote(card, "Your words: ", words.join(", "));
  if (nearest) addLine(card, "Near to: ", shorten(nearest));
  const run = card.appendChild(make("p"));
  run.append("See it happen: ");
  addText(run, "code", `repro case ${one.id}`);
  return card;
}

/** What is normal after all. */
export function makeNormalCard({ title, reason, not_if }) {
  const card = make("article", "paste-card");
  addText(card, "h2", title);
  addLine(card, "This may be as it should be. ", reason);
  addLine(card, "Not if: ", not_if);
  return card;
}

function makeLevel(sure) {
  const [, steps, told] = LEVELS.find(([least]) => sure >= least);
  const level = make("p", "paste-level");
  const bar = level.appendChild(make("span", "paste-bar"));
  bar.ariaHidden = "true";
  for (let n = 0; n < 3; n++) bar.append(make("span", n < steps ? "full" : ""));
  level.append(told);
  return level;
}

function addLine(card, label, text) {
  const line = card.appendChild(make("p"));
  addText(line, "strong", label);
  addProse(line, text);
}

function addQuote(card, label, text) {
  const line = card.appendChild(make("p", "paste-own"));
  addText(line, "strong", label);
  line.append(shorten(text));
}

function shorten(text) {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text;
}

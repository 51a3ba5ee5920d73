// How much of an error message that a case knows stands in a paste, as kb/match/features.py measures it.

import { findWords } from "./query.js";
import { takeStart } from "./text.js";

const NUMBER = /(?<![\p{L}\p{N}_.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?/giu;

/** The words of an error message without its numbers, paths and names. */
export function normaliseMessage(message) {
  const plain = message.replace(/'[^']*'|"[^"]*"|\S*\/\S+/g, " ").replace(NUMBER, " ");
  return findWords(plain).map((word) => word.toLowerCase());
}

/** Which passages are messages, as sets of words, with the place of their case. */
export function gatherMessages(passages) {
  return passages
    .filter(({ kind, text }) => kind === "error" || (kind === "symptom" && /Error|Warning/.test(text)))
    .map(({ owner, text }) => ({ owner, words: new Set(normaliseMessage(text)) }))
    .filter(({ words }) => words.size >= 3);
}

/** For each case, from 0 to 1, the best share of one of its messages; 0 where it is too small to be known. */
export function scoreMessages(messages, query, count, known) {
  const words = new Set(normaliseMessage(query.error || takeStart(query.text, 1500)));
  const best = new Float64Array(count);
  for (const message of messages) {
    const shared = [...message.words].filter((word) => words.has(word)).length;
    best[message.owner] = Math.max(best[message.owner], shared / message.words.size);
  }
  return best.map((share) => (share > known ? share : 0));
}

// The closest cases to a paste: by words and messages alone, or by meaning too.

import { describeFit, fuse, pool, shareOut, trustWords, weighNone } from "./fusion.js";
import { scoreMeaning } from "./meaning.js";
import { scoreMessages } from "./messages.js";
import { listParts, takeWhole } from "./query.js";
import { tokenise } from "./words.js";

/** How the best case fits. */
export const Fit = { GOOD: "good", POSSIBLE: "possible", NONE: "none" };

/** Rank the cases by the words and the error message that a paste shares with them. */
export function matchWords(library, query) {
  const features = measureWords(library, query);
  const fused = fuse(features, library.weights.alone, 1);
  const any = features.words.slice(0, library.inside).some((score) => score > 0);
  return { ...rank(library, fused), features, fit: any ? Fit.POSSIBLE : Fit.NONE, sure: null };
}

/** The texts whose vectors matching by meaning wants: the parts, and last the whole. */
export function listTexts(library, query) {
  return [...listParts(query), takeWhole(query, library.limits.endOfWhole)];
}

/** Rank the cases by all that a text tells. `vectors` are those of the passages, `own` those of `listTexts`. */
export function matchMeaning(library, query, vectors, own) {
  const { weights, limits, inside } = library;
  const features = { ...measureWords(library, query), ...measureMeaning(library, vectors, own) };
  const count = query.text.split(/\s+/).filter(Boolean).length;
  const fused = fuse(features, weights.kinds, trustWords(count, weights.vague, limits.fewWords));
  const none = weighNone(describeFit(query, features, fused, inside, limits.errorKnown), weights);
  const ranked = rank(library, fused);
  const sure = ranked.cases.map((one) => one.share * (1 - none));
  return { ...ranked, features, fit: judge(sure[0], none, limits), sure, none };
}

function measureWords(library, query) {
  const { index, owners, count, limits, messages } = library;
  const words = tokenise(listParts(query).join(" "), index.stop);
  const spread = Math.sqrt(new Set(words).size + 1);
  return {
    words: pool(index.score(words), owners, count, limits.pooled).map((score) => score / spread),
    error: scoreMessages(messages, query, count, limits.errorKnown),
  };
}

/** Of the parts the mean and as much of the best; of the whole, what a case says of itself and what others say of it. */
function measureMeaning({ owners, passages, count, inside, limits }, vectors, own) {
  const cosines = own.map((vector) => scoreMeaning(vectors, vector));
  const whole = cosines.pop();
  const parts = cosines.map((scores) => pool(scores, owners, count, limits.pooled));
  const isVoice = (place) => passages[place].kind === "voice";
  return {
    meaning: parts[0].map((_, place) => mixBest(parts.map((one) => one[place]))),
    whole: pool(whole, owners, count, limits.pooled, (place) => !isVoice(place)),
    voices: pool(whole, owners, count, limits.pooledVoices, (place) => isVoice(place) || owners[place] >= inside),
  };
}

function mixBest(scores) {
  return scores.reduce((sum, score) => sum + score, 0) / scores.length / 2 + Math.max(...scores) / 2;
}

function rank({ inside, outside }, fused) {
  const shares = shareOut(fused, inside).cases;
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
  const nearest = fused.indexOf(Math.max(...fused));
  return {
    cases: order.map((place) => ({ place, share: shares[place] })),
    normal: nearest >= inside ? (outside[nearest - inside].normal ?? null) : null,
  };
}

function judge(best, none, { sure, noneOfThese }) {
  if (best >= sure) return Fit.GOOD;
  return none > noneOfThese ? Fit.NONE : Fit.POSSIBLE;
}

// The closest cases to a paste: by words and messages alone, or by meaning too.

import { describeFit, fuse, pool, shareOut, trustWords, weighNone } from "./fusion.js";
import { scoreMeaning } from "./meaning.js";
import { scoreMessages } from "./messages.js";
import { listTexts } from "./query.js";
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

/** Rank the cases by all that a text tells. `vectors` are those of the passages, `own` those of the query's texts. */
export function matchMeaning(library, query, vectors, own) {
  const { weights, limits, inside } = library;
  const features = { ...measureWords(library, query), meaning: measureMeaning(library, vectors, own) };
  const count = query.text.split(/\s+/).filter(Boolean).length;
  const fused = fuse(features, weights.kinds, trustWords(count, weights.kinds.vague, limits.fewWords));
  const none = weighNone(describeFit(query, features, fused, inside, limits.errorKnown), weights);
  const ranked = rank(library, fused);
  const sure = ranked.cases.map((one) => one.share * (1 - none));
  return { ...ranked, features, fit: judge(sure[0], none, limits), sure, none };
}

function measureWords(library, query) {
  const { index, owners, count, limits, messages } = library;
  const words = tokenise(listTexts(query).join(" "), index.stop);
  const spread = Math.sqrt(new Set(words).size + 1);
  return {
    words: pool(index.score(words), owners, count, limits.pooled).map((score) => score / spread),
    error: scoreMessages(messages, query, count, limits.errorKnown),
  };
}

/** Of several texts the mean, and as much of the best. */
function measureMeaning({ owners, count, limits }, vectors, own) {
  const pooled = own.map((vector) => pool(scoreMeaning(vectors, vector), owners, count, limits.pooled));
  return pooled[0].map((_, place) => {
    const scores = pooled.map((one) => one[place]);
    return scores.reduce((sum, score) => sum + score, 0) / scores.length / 2 + Math.max(...scores) / 2;
  });
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

// How kinds of evidence are weighed against each other, as kb/match/fusion.py does it, without the signs of the curves.

const COMPARED = ["meaning", "whole", "voices", "words"]; // kinds whose numbers say something beside those of other cases

/** Per case the mean of its best passages among those that are meant; a case without any has the mean of the others. */
export function pool(scores, owners, count, most, isMeant = () => true) {
  const best = Array.from({ length: count }, () => []);
  scores.forEach((score, place) => isMeant(place) && best[owners[place]].push(score));
  const pooled = best.map((found) => findMean(found.sort((a, b) => b - a).slice(0, most)));
  const others = findMean(pooled.filter((mean) => !Number.isNaN(mean)));
  return Float64Array.from(pooled, (mean) => (Number.isNaN(mean) ? others : mean));
}

function findMean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Scores in units of their own spread. */
export function standardise(scores) {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const spread = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length);
  return scores.map((score) => (spread > 1e-9 ? (score - mean) / spread : 0));
}

/** How far the evidence of a paste of so many words is trusted, from 0 to 1. */
export function trustWords(count, vague, few) {
  return 1 / (1 + Math.max(vague, 0) * Math.exp(-count / few));
}

/** One score for each case and each thing outside, in nats. Kinds that have no weight, or were not measured, are left out. */
export function fuse(features, kinds, trust) {
  const total = new Float64Array(features.words.length);
  for (const kind of Object.keys(kinds).filter((name) => name in features)) {
    const scores = kind === "error" ? features.error : standardise(features[kind]);
    scores.forEach((score, place) => (total[place] += trust * kinds[kind] * score));
  }
  return total;
}

/** The share of each case among the cases, and of all cases among everything. */
export function shareOut(fused, inside) {
  const top = Math.max(...fused);
  const shares = fused.map((score) => Math.exp(score - top));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const cases = shares.slice(0, inside);
  const held = cases.reduce((sum, share) => sum + share, 0);
  return { cases: cases.map((share) => share / held), within: held / total };
}

/** What tells whether any case fits at all. What only curves tell is missing. */
export function describeFit(query, features, fused, inside, known) {
  const { cases, within } = shareOut(fused, inside);
  const [first, second = 0] = [...cases].sort((a, b) => b - a);
  const top = cases.indexOf(first);
  const error = Math.max(...features.error.slice(0, inside));
  return {
    within: Math.log((within + 1e-3) / (1 - within + 1e-3)),
    first,
    margin: inside > 1 ? first - second : 1,
    meaning: features.meaning[top],
    whole: features.whole[top],
    voices: features.voices[top],
    words: features.words[top],
    ...Object.fromEntries(COMPARED.map((kind) => [`${kind}_deviation`, standardise(features[kind])[top]])),
    error,
    unknown_error: Number(Boolean(query.error) && error < known),
    told: 0,
  };
}

/** The probability that it is none of the cases; a feature that is missing counts as its mean. */
export function weighNone(fit, { none, centre, scale }) {
  let total = none.bias;
  for (const [name, value] of Object.entries(fit))
    if (name in none) total += (none[name] * (value - centre[name])) / scale[name];
  return 1 / (1 + Math.exp(-total));
}

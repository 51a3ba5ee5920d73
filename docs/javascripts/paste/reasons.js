// Why a case is near: the words and the message that it shares with a paste, and the passage that is nearest.

import { scoreMeaning } from "./meaning.js";
import { listParts } from "./query.js";
import { tokenise } from "./words.js";

const MOST_WORDS = 6;
const LEAST_GAIN = 0.4; // of what the most telling word says
const NEVER_SHOWN = new Set(["log", "voice"]);
const WRITTEN = /[a-z_]+[a-z0-9_]*|[^\x00-\x7f]/giu;

/** The words of a paste that speak most for a case, as they were written, the most telling first. */
export function findSharedWords(library, query, place) {
  const gains = [...listWritten(query, library.index.stop)].map(([word, written]) => {
    let best = 0;
    library.index.visit(word, (passage, gain) => {
      if (library.owners[passage] === place) best = Math.max(best, gain);
    });
    return { written, best };
  });
  gains.sort((a, b) => b.best - a.best);
  const telling = gains.filter(({ best }) => best > 0 && best >= LEAST_GAIN * gains[0].best);
  return telling.slice(0, MOST_WORDS).map(({ written }) => written);
}

function listWritten(query, stop) {
  const written = new Map();
  for (const one of listParts(query).join(" ").match(WRITTEN) ?? [])
    for (const word of tokenise(one, stop)) if (!written.has(word)) written.set(word, one);
  return written;
}

/** The passage of a case that is nearest to a text in meaning. */
export function findNearest(library, vectors, vector, place) {
  const scores = scoreMeaning(vectors, vector);
  let nearest = -1;
  library.passages.forEach(({ owner, kind }, n) => {
    if (owner === place && !NEVER_SHOWN.has(kind) && (nearest < 0 || scores[n] > scores[nearest])) nearest = n;
  });
  return nearest < 0 ? "" : library.passages[nearest].text;
}

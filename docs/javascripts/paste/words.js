// BM25 over the passages, the same as bm25s computes with method "lucene", with the words of kb/words.py.

const TOKEN = /[a-z_]+[a-z0-9_]*|[^\x00-\x7f]/gu;
const K1 = 1.5;
const B = 0.75;

/** Words in lower case, plural and singular alike. */
export function tokenise(text, stop) {
  return (text.toLowerCase().match(TOKEN) ?? []).filter((word) => !stop.has(word)).map(unifyPlural);
}

function unifyPlural(word) {
  const length = word.length > 4 ? [...word].length : 0;
  return length > 4 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** An index of texts by their words. */
export class WordIndex {
  constructor(texts, stopWords) {
    this.stop = new Set(stopWords);
    this.count = texts.length;
    this.postings = new Map(); // word: places of texts and how often it stands there, one after the other
    const lengths = texts.map((text, place) => this.#add(text, place));
    const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(this.count, 1);
    this.norms = Float64Array.from(lengths, (length) => K1 * (1 - B + (B * length) / mean));
  }

  #add(text, place) {
    const words = tokenise(text, this.stop);
    const counts = new Map();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      if (!this.postings.has(word)) this.postings.set(word, []);
      this.postings.get(word).push(place, count);
    }
    return words.length;
  }

  /** What one word adds to each text that has it: calls `visit(place, gain)`. */
  visit(word, visit) {
    const postings = this.postings.get(word);
    if (!postings) return;
    const holding = postings.length / 2;
    const rarity = Math.log(1 + (this.count - holding + 0.5) / (holding + 0.5));
    for (let at = 0; at < postings.length; at += 2) {
      const [place, count] = [postings[at], postings[at + 1]];
      visit(place, (rarity * count) / (count + this.norms[place]));
    }
  }

  /** The score of each text; a word that is asked for twice counts twice. */
  score(words) {
    const scores = new Float64Array(this.count);
    for (const word of words) this.visit(word, (place, gain) => (scores[place] += gain));
    return scores;
  }
}

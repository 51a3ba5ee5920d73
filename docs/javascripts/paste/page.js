// The page for pasting a log: the form, the answer by words at once, and the better answer when the encoder is there.

import { chooseCards, makeCard, makeNormalCard } from "./cards.js";
import { addProse, addText, make } from "./dom.js";
import { Encoder } from "./encoder.js";
import { makeForm } from "./form.js";
import { makeLibrary } from "./library.js";
import { loadJson, ROOT } from "./load.js";
import { Fit, listTexts, matchMeaning, matchWords } from "./match.js";
import { isTelling, makeQuery } from "./query.js";
import { findNearest, findSharedWords } from "./reasons.js";
import { cutMiddle } from "./text.js";

const MOST_READ = 4_000_000; // characters of a paste
const NUMBERS = "This is almost all numbers, and their course is not read here; `repro match train.log` reads it.";

class PastePage {
  #library = null;
  #encoder = null;
  #run = 0;

  constructor(place) {
    this.version = place.dataset.version;
    Object.assign(this, makeForm(place.dataset.megabytes));
    this.status = make("p", "paste-status");
    this.status.role = "status";
    this.progress = make("progress");
    this.progress.ariaLabel = "The encoder";
    this.progress.hidden = true;
    this.answer = make("div", "paste-answer");
    place.replaceChildren(this.form, this.status, this.progress, this.answer);
    this.box.addEventListener("focus", () => this.#loadLibrary().catch(() => {}), { once: true });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.match().catch(() => this.#say("The cases could not be loaded. Try again."));
    });
  }

  /** Answer what stands in the box. A later press of the button ends an earlier one. */
  async match() {
    const run = ++this.#run;
    const isStale = () => run !== this.#run;
    this.answer.replaceChildren();
    this.progress.hidden = true;
    const pasted = cutMiddle(this.box.value, MOST_READ);
    if (!isTelling(pasted)) {
      this.#say("There is nothing to match: paste a log or an error message, or say what you see.");
      this.box.focus();
      return;
    }
    this.#say("Matching.");
    const library = await this.#loadLibrary();
    await new Promise((resolve) => setTimeout(resolve)); // the browser shows what was said
    if (isStale()) return;
    const query = makeQuery(pasted, library.limits);
    const byWords = matchWords(library, query);
    const alone = "By words and error messages alone";
    this.#show(library, query, byWords, this.byMeaning.checked ? `${alone}, while the encoder loads` : alone);
    if (!this.byMeaning.checked) return;
    try {
      const encoder = await this.#loadEncoder(library, isStale);
      const own = await encoder.encode(listTexts(library, query));
      if (isStale()) return;
      const byMeaning = matchMeaning(library, query, encoder.vectors, own);
      const nearest = (place) => findNearest(library, encoder.vectors, own[0], place);
      this.#show(library, query, byMeaning, "By meaning, words and error messages", nearest);
    } catch {
      if (!isStale()) this.#show(library, query, byWords, `${alone}: the encoder could not be loaded`);
    } finally {
      if (!isStale()) this.progress.hidden = true;
    }
  }

  #loadLibrary() {
    this.#library ??= loadJson("paste/library.json", this.version).then(makeLibrary);
    this.#library.catch(() => (this.#library = null)); // the next press tries again
    return this.#library;
  }

  #loadEncoder(library, isStale) {
    const total = Object.values(library.files).reduce((sum, file) => sum + file.bytes, 0);
    this.progress.max = total;
    this.#encoder ??= Encoder.load(library, (loaded) => this.#tellLoaded(loaded));
    this.#encoder.then(
      () => (this.loaded = true),
      () => (this.#encoder = null),
    );
    this.progress.hidden = Boolean(this.loaded) || isStale();
    return this.#encoder;
  }

  #tellLoaded(loaded) {
    const show = (bytes) => (bytes / 1e6).toFixed(1);
    this.progress.value = loaded;
    this.progress.ariaValueText = `${show(loaded)} of ${show(this.progress.max)} MB`;
    this.progress.title = this.progress.ariaValueText;
  }

  /** Show an answer; `how` says what it rests on. */
  #show(library, query, found, how, nearest = () => "") {
    this.answer.replaceChildren();
    const cards = found.features.words.some((score) => score > 0) || found.sure ? chooseCards(found) : [];
    if (found.fit === Fit.NONE) {
      this.#say(`${how}: none of the cases fits.`);
      this.#addFinder(cards.length > 0);
    } else {
      this.#say(`${how}: the closest ${cards.length === 1 ? "case" : `${cards.length} cases`}.`);
    }
    if (query.isNumbers) addProse(this.answer.appendChild(make("p")), NUMBERS);
    if (found.normal && found.fit !== Fit.GOOD && !query.hasRecords) this.answer.append(makeNormalCard(found.normal));
    for (const [rank, { place }] of cards.entries()) {
      const reasons = {
        sure: found.sure && found.sure[rank],
        words: findSharedWords(library, query, place),
        message: found.features.error[place] > 0 ? query.errorLine.trim() : "",
        nearest: nearest(place),
      };
      this.answer.append(makeCard(library.cases[place], reasons));
    }
  }

  #addFinder(any) {
    const line = this.answer.appendChild(make("p"));
    const link = addText(line, "a", "Find your symptom");
    link.href = `${ROOT}symptoms/`;
    line.append(any ? ", or look at what is nearest:" : ".");
  }

  #say(text) {
    this.status.textContent = text;
  }
}

/** Make the box of the page. */
export function startPaste(place) {
  return new PastePage(place);
}

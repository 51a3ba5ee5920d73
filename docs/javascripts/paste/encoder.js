// The encoder as the page sees it: loaded once, then asked for the vectors of texts.

import { readVectors } from "./meaning.js";

export class Encoder {
  #worker = new Worker(new URL("encoder-worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #next = 0;

  /** Load all files; `tell` is called with the number of bytes so far. Gives the vectors of the passages. */
  static async load(library, tell) {
    const encoder = new Encoder();
    encoder.#listen(tell);
    try {
      const bytes = await encoder.#ask({ files: library.files });
      encoder.vectors = readVectors(bytes, library.passages.length, library.dimension);
      return encoder;
    } catch (error) {
      encoder.#worker.terminate();
      throw error;
    }
  }

  /** The vectors of some texts. */
  encode(texts) {
    return this.#ask({ texts });
  }

  #ask(question) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...question });
    });
  }

  #listen(tell) {
    this.#worker.addEventListener("message", ({ data: { id, loaded, failed, result } }) => {
      if (loaded !== undefined) return tell(loaded);
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failed) reject(new Error(failed));
      else resolve(result);
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault(); // it is told on the page
      for (const { reject } of this.#waiting.values()) reject(new Error("the encoder cannot be started here"));
      this.#waiting.clear();
    });
  }
}

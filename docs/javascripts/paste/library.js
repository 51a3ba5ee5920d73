// The cases as they are searched: what paste/library.json holds, made ready.

import { gatherMessages } from "./messages.js";
import { WordIndex } from "./words.js";

/** Unpack the data: rows of a table become objects, and the words of all passages are counted. */
export function makeLibrary(data) {
  const passages = data.passages.map(([owner, kind, text]) => ({ owner, kind: data.kinds[kind], text }));
  return {
    ...data,
    passages,
    owners: passages.map(({ owner }) => owner),
    count: data.cases.length + data.outside.length,
    inside: data.cases.length,
    index: new WordIndex(
      passages.map(({ text }) => text),
      data.limits.stop,
    ),
    messages: gatherMessages(passages),
  };
}

// WordPiece for the encoder, the same as the `tokenizers` package does with kb/encoder/model/tokenizer.json.

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const CONTROL = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const PIECES = /[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu;
const LONE_SURROGATE = /\p{Cs}/gu;

/** Splits texts into the numbers that the encoder reads. */
export class Tokenizer {
  constructor({ normalizer, pre_tokenizer, model, added_tokens, truncation }) {
    const known = normalizer.type === "BertNormalizer" && pre_tokenizer.type === "BertPreTokenizer";
    if (!known || model.type !== "WordPiece") throw new Error("a tokenizer of another kind");
    this.normalizer = normalizer;
    this.vocabulary = new Map(Object.entries(model.vocab));
    this.prefix = model.continuing_subword_prefix;
    this.longest = model.max_input_chars_per_word;
    this.unknown = this.vocabulary.get(model.unk_token);
    this.most = truncation.max_length;
    this.special = new Map(added_tokens.map(({ content, id }) => [content, id]));
    const names = [...this.special.keys()].map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    this.specials = new RegExp(`(${names.join("|")})`);
  }

  /** The numbers of a text, between those of its beginning and its end. */
  encode(text) {
    const ids = [];
    for (const part of text.replace(LONE_SURROGATE, "?").split(this.specials)) {
      if (this.special.has(part)) ids.push(this.special.get(part));
      else for (const word of this.#normalise(part).match(PIECES) ?? []) ids.push(...this.#cut(word));
    }
    return [this.special.get("[CLS]"), ...ids.slice(0, this.most - 2), this.special.get("[SEP]")];
  }

  #normalise(text) {
    const { clean_text, handle_chinese_chars, lowercase } = this.normalizer;
    if (clean_text) text = text.replace(CONTROL, "").replace(/\s/g, " ");
    if (handle_chinese_chars) text = text.replace(CHINESE, " $& ");
    if (this.normalizer.strip_accents ?? lowercase) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lowercase ? text.toLowerCase() : text;
  }

  /** The longest known pieces of a word, from its beginning; a word that cannot be cut so is unknown. */
  #cut(word) {
    const characters = [...word];
    if (characters.length > this.longest) return [this.unknown];
    const ids = [];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length;
      let id;
      for (; end > start; end--) {
        const piece = characters.slice(start, end).join("");
        id = this.vocabulary.get(start ? this.prefix + piece : piece);
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.unknown];
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

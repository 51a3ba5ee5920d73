"""Mistakes with language models."""

from kb.code.mistake import CERTAIN, LIKELY, add_pattern

add_pattern(
    "no-causal-mask",
    "lm-no-causal-mask",
    "Attention is given no mask, so that it sees what comes next.",
    LIKELY,
    r"scaled_dot_product_attention\((?![^\n]*(?:is_causal|mask))|TransformerEncoder(?:Layer)?\(|"
    r"TransformerDecoder(?:Layer)?\(|\bSelfAttention\(|MultiheadAttention\(|MultiHeadAttention\(",
    r"(?i)vocab|lm_head|next_token|\bgenerate\(|\bchars?\b|language|gpt|\[:, ?1:\]",
    lacks=r"(?i)causal|mask|tril|triu|bert|classif",
)
add_pattern(
    "vocabulary-grown",
    "lm-token-out-of-range",
    "Tokens are added, and the table of embeddings keeps its size.",
    CERTAIN,
    r"\.add_(?:special_)?tokens\(",
    lacks=r"\.resize_token_embeddings\(",
)
add_pattern(
    "padding-is-end",
    "lm-eos-masked",
    "The end of a text and its padding are one token.",
    LIKELY,
    r"pad_token(?:_id)?\s*=\s*[\w.]*eos_token|masked_fill\(\s*\w+ == (?:PAD|pad\w*|"
    r"tokenizer\.pad_token_id),\s*-100|\[\s*\w+ == tokenizer\.pad_token_id\s*\]\s*=\s*-100",
)
add_pattern(
    "shifted-twice",
    "lm-double-shift",
    "Labels are shifted for a model that shifts them itself.",
    LIKELY,
    r"[\"']?labels[\"']?\s*[:=]\s*[^\n,]*\[\s*(?::,|\.\.\.,)?\s*1:\s*\]",
    lacks=r"(?:CrossEntropyLoss|cross_entropy)\((?![^\n]*\[:, ?:-1\])",
)
add_pattern(
    "shifted-by-reader",
    "lm-double-shift",
    "Inputs and labels are shifted for a model that shifts its labels itself.",
    LIKELY,
    r"\[:, ?:-1\]",
    r"\[:, ?1:\]",
    r"\blabels\s*=",
    r"LMHead|CausalLM|from_pretrained",
    lacks=r"CrossEntropyLoss|cross_entropy\(",
)
add_pattern(
    "not-shifted",
    "lm-labels-unshifted",
    "What is predicted is compared with the input itself.",
    CERTAIN,
    r"(?:cross_entropy|integer_labels|criterion|loss_fn|loss_fct|loss_func|crit)\(\s*[^\n]*(?:logits|out\w*|pred\w*|"
    r"scores)[^\n]*,\s*(?:batch\[[\"'])?(?:input_ids|tok\w*|inputs?|x|ids|src|xb|seq|"
    r"data)\b[\"']?\]?(?:\.(?:view|reshape|flatten)\([^()]*\)|\.to\(\w+\)|\.long\(\))*\s*\)",
    r"(?i)vocab|token|input_ids|lm_head|embed|logits",
    lacks=r"(?i)reconstruct|autoencoder|decoder\(z|\w+AE\b",
)

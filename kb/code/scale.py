"""Mistakes with language models, in low precision, and on several devices."""

from kb.code.mistake import (
    CERTAIN,
    LIKELY,
    add_pattern,
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
    lacks=r"(?i)reconstruct|autoencoder|decoder\(z|\w+AE\b",
)
add_pattern(
    "half-with-tiny-eps",
    "prec-adam-eps-fp16",
    "Adam's eps of 1e-8 is 0 in half precision.",
    LIKELY,
    r"\.half\(\)|torch\.float16\)|dtype\s*=\s*(?:torch\.|tf\.|jnp\.)?float16|"
    r"set_floatx\([\"']float16",
    r"Adam\w*\(|adam\w*\(|[\"']adam",
    lacks=r"eps\w*\s*=\s*1e-[1-6]|autocast|GradScaler|amp\.",
)
add_pattern(
    "weights-in-bfloat16",
    "prec-bf16-stall",
    "The only copy of the weights is in bfloat16.",
    CERTAIN,
    r"\.bfloat16\(\)|\.to\([^)]*bfloat16|torch_dtype\s*=\s*torch\.bfloat16|param_dtype\s*=\s*jnp\.bfloat16|"
    r"precision\s*=\s*[\"']bf16-true|astype\([^)]*bfloat16",
    lacks=r"master|bf16\s*=\s*True|(?i:lora)|peft|PeftModel",
)
add_pattern(
    "precision-of-another-device",
    "vision-amp-unsupported",
    "Mixed precision of CUDA is asked for, whatever the device.",
    LIKELY,
    r"(?:autocast|GradScaler)\(\s*(?:device_type\s*=\s*)?[\"']cuda|"
    r"torch\.cuda\.amp",
    r"(?i)[\"']mps|[\"']cpu[\"']|use_amp",
    lacks=r"cuda\.is_available\(\)|device\.type|cuda\(\)",
)
add_pattern(
    "sampler-not-told",
    "dist-sampler-epoch",
    "A distributed sampler is never told which epoch it is.",
    CERTAIN,
    r"DistributedSampler\((?![^\n]*shuffle\s*=\s*False)",
    lacks=r"set_epoch|Trainer\(|accelerator",
)
add_pattern(
    "metric-of-one-process",
    "dist-unaveraged-metric",
    "What one process measures is not gathered from the others.",
    LIKELY,
    r"DistributedDataParallel\(|DistributedSampler\(|strategy\s*=\s*[\"']ddp|init_process_group|local_rank|hvd\.|"
    r"devices\s*=\s*[2-9]",
    r"(?i)def (?:val|eval|test)\w*|val\w*_?(?:acc|loss)|\bacc\b|accuracy|correct|validation_step",
    lacks=r"all_reduce|all_gather|sync_dist\s*=\s*True|gather|\.reduce\(|torchmetrics|allreduce",
)

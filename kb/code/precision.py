"""Mistakes in half precision."""

from kb.code.mistake import CERTAIN, LIKELY, add_pattern

add_pattern(
    "scaled-gradients-clipped",
    "prec-clip-scaled-grads",
    "Gradients are clipped before they are unscaled.",
    CERTAIN,
    r"\w+\.scale\([^\n]*\)\.backward\(",
    r"clip_grad",
    lacks=r"unscale_",
)
add_pattern(
    "infinity-made-finite",
    "ris-grad-sanitize",
    "Infinite gradients are made finite, so that no overflow is found.",
    CERTAIN,
    r"grad[^\n]*nan_to_num\((?![^\n]*inf\s*=\s*(?:torch\.|float\(\"?)?inf)|"
    r"nan_to_num_?\([^\n]*grad(?![^\n]*torch\.inf)|grad\[[^\]]*(?:isinf|isnan)[^\]]*\]\s*=",
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

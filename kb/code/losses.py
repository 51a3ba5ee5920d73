"""Mistakes in losses, and in what a model gives them."""

from kb.code.mistake import (
    CERTAIN,
    HINT,
    LAYER,
    LIKELY,
    LOGITS_LOSS,
    add_pattern,
)

SIGMOID_LOSS = (
    r"BCEWithLogits|binary_cross_entropy_with_logits|sigmoid_cross_entropy|sigmoid_binary_cross_entropy|"
    r"BinaryCrossentropy\([^)]*from_logits\s*=\s*True|logitbinarycrossentropy|bce_with_logits"
)
OUTPUT = r"(?:out\w*|logits?|pred\w*|y_?hat\w*|y_pred|x|y|scores?|probs?|p|z|o|h)"
NO_OUTPUT = r"attn|attention|@|matmul|bmm|multinomial|topk|temperature|\[:, ?-1"
"""Of a line whose softmax is that of attention, or draws the next token."""
SOFTMAX = (
    rf"^(?!.*(?:{NO_OUTPUT})).*(?:\bSoftmax\(|activation\s*=\s*[\"']softmax|nn_softmax\()|"
    rf"^(?:return|(?:self\.)?{OUTPUT}\s*=)(?!.*(?:{NO_OUTPUT}|\.max\(|argmax))[^\n]*\bsoftmax\("
)
SIGMOID = (
    r"^(?!.*(?:>=? ?0?\.\d|round\()).*(?:\bSigmoid\(|activation\s*=\s*[\"']sigmoid)|"
    rf"^(?:return|(?:self\.)?{OUTPUT}\s*=)(?!.*(?:>=? ?0?\.\d|round\(|sigmoid\(self\(|no_grad))[^\n]*\bsigmoid\("
)
REGRESSION_LOSS = r"MSELoss|mse_loss|L1Loss|l1_loss|SmoothL1|HuberLoss|[\"']mse[\"']|mean_squared_error|[\"']mae[\"']"

add_pattern(
    "softmax-before-cross-entropy",
    "loss-double-softmax",
    "A softmax stands before a loss that takes one itself.",
    CERTAIN,
    SOFTMAX,
    LOGITS_LOSS,
)
add_pattern(
    "sigmoid-before-logits-loss",
    "loss-double-sigmoid",
    "A sigmoid stands before a loss that takes one itself.",
    CERTAIN,
    SIGMOID,
    SIGMOID_LOSS,
)
add_pattern(
    "raw-output-into-probability-loss",
    "model-output-activation",
    "The loss wants probabilities, and nothing in the code makes any.",
    LIKELY,
    r"\bBCELoss\(|\bbinary_cross_entropy\(|[\"']binary_crossentropy|BinaryCrossentropy\(\)|\bNLLLoss\(|"
    r"\bnll_loss\(",
    rf"{LAYER}|def forward|layer_\w+\(|Conv2[dD]\(",
    lacks=r"(?i)sigmoid|softmax|from_logits|logits",
)
add_pattern(
    "relu-behind-output",
    "model-output-activation model-dead-relu",
    "A ReLU stands behind the output, so that nothing below 0 can be said.",
    LIKELY,
    r"Dense\(\s*(?:units\s*=\s*)?1\s*,[^)]*activation\s*=\s*[\"']relu|"
    r"Linear\([^()]*,\s*1\s*\),?\s*(?:nn\.)?ReLU\(\w*\),?\s*\)|"
    r"return\s+(?:F|torch|nn|tf\.nn|jax\.nn|nn\.functional)\.relu\(self\.(?:out|fc|head|last|linear|final|output|"
    r"dense)\w*\(",
)
add_pattern(
    "softmax-of-one",
    "model-output-activation model-softmax-dim",
    "A softmax over a single output is always 1.",
    CERTAIN,
    r"Dense\(\s*(?:units\s*=\s*)?1\s*,[^)]*softmax|Linear\([^()]*,\s*1\s*\),?\s*(?:nn\.)?(?:Log)?Softmax\(|"
    r"units\s*=\s*1\s*,\s*activation\s*=\s*[\"']softmax",
)
add_pattern(
    "softmax-over-batch",
    "model-softmax-dim",
    "A softmax goes over axis 0, the batch.",
    CERTAIN,
    r"[sS]oftmax\([^\n]{0,60}?(?:dim|axis)\s*=\s*0\b|[sS]oftmax\(0\)|[sS]oftmax\([\w.]+(?:\([^()]*\))?,\s*0\)|"
    r"[sS]oftmax2d\(\)",
)
add_pattern(
    "softmax-without-axis",
    "model-softmax-dim",
    "A softmax is not told its axis.",
    HINT,
    r"nn\.(?:Log)?Softmax\(\s*\)|F\.(?:log_)?softmax\(\s*[\w.]+(?:\([^()]*\))?\s*\)",
)
add_pattern(
    "argmax-over-batch",
    "eval-argmax-dim",
    "The best class is looked for along axis 0, the batch.",
    CERTAIN,
    r"(?:argmax|\.max)\([^)]*(?:dim|axis)\s*=\s*0\b|\.(?:argmax|max)\(0\)|"
    r"(?:torch|np|tf|jnp|paddle)\.(?:max|argmax)\([^()]*,\s*0\)",
)
add_pattern(
    "accuracy-of-regression",
    "eval-accuracy-on-regression",
    "Accuracy is measured beside a loss for regression.",
    CERTAIN,
    r"compile\([^\n]*(?:mse|mean_squared|mae|mean_absolute|huber|logcosh)[^\n]*metrics\s*=\s*(?:c\(|list\(|"
    r"\[)?\s*[\"']acc|"
    r"compile\([^\n]*metrics\s*=\s*\[?\s*[\"']acc[^\n]*(?:mse|mean_squared|mae|mean_absolute|huber|logcosh)|"
    r"^(?i:metrics)\b[^=]*=\s*\{\s*[\"']acc\w*[\"']\s*:\s*acc\w*\s*\}",
    lacks=r"(?i)[\"'](?:categorical|binary|sparse_categorical)_crossentropy|CrossEntropy",
)
add_pattern(
    "one-hot-into-index-loss",
    "loss-onehot-mixup",
    "One-hot targets go to a loss that wants class numbers.",
    LIKELY,
    r"to_categorical\(|one_hot\(|OneHotEncoder|get_dummies\(|LabelBinarizer|onehot\(",
    r"sparse_categorical|SparseCategorical|CrossEntropyLoss\(|NLLLoss\(|(?<!def )\bcross_entropy\(|nll_loss\(|"
    r"sparse_softmax",
    lacks=r"_, \w+\s*=\s*\w+\.max\(|argmax\(|\.argmax",
)
add_pattern(
    "log-of-probability",
    "loss-log-zero",
    "The logarithm is taken of what can be 0.",
    LIKELY,
    r"(?:torch|tf|tf\.math|K|jnp|T|paddle|np)\.log\((?![^\n]*(?:\+ ?\(?(?:eps|1e|EPS|self\.eps|K\.eps|smooth|"
    r"1\b)|clamp|clip|softmax|maximum|float\(|len\())",
    lacks=r"log_prob|logvar|log_var",
)
add_pattern(
    "bare-square-root",
    "loss-sqrt-grad-nan",
    "A square root or a norm has no slope at 0.",
    HINT,
    r"(?:torch|tf|tf\.math|K|jnp|T)\.sqrt\((?![^\n]*(?:\+ ?(?:eps|1e|EPS|self\.eps|K\.eps)|clamp|maximum|epsilon))|"
    r"\.sum\([^()]*\)\.sqrt\(\)|(?:torch|jnp)(?:\.linalg)?\.norm\((?![^\n]*(?:grad|param|\bp\b|eps|weight))|"
    r"tf\.norm\(",
    lacks=r"clamp\(min[^\n]*sqrt",
)
add_pattern(
    "wrong-sign",
    "loss-wrong-sign",
    "The loss is the likelihood, or its negative is what is minimised.",
    LIKELY,
    r"\(-\s*\w*loss\w*\)\.backward|minimize\(\s*-\s*\w*loss|"
    r"loss\w*\s*=\s*(?!-)(?:torch\.(?:mean|sum)\()?[\w.]*(?:log_prob|log_likelihood|logpdf)\(|"
    r"loss\w*\s*=\s*\(?\s*(?:elbo|ll|log_?lik\w*)\b",
)
add_pattern(
    "masks-of-255",
    "loss-target-range",
    "A mask is loaded as it is, from 0 to 255, for a loss between 0 and 1.",
    LIKELY,
    r"(?i)mask\w*\s*=[^\n]*(?:imread|Image\.open|load_img|read_png|decode_png|np\.load|asarray)|"
    r"from_numpy\(\w*mask\w*\)",
    r"(?i)BCE|binary_cross|dice|sigmoid_focal",
    lacks=r"(?i)mask[^\n]*(?:/\s*255|>\s*\d|==\s*255|/=\s*255|// 255)|/ ?255|ToTensor|rescale",
)
add_pattern(
    "void-label-counted",
    "loss-ignore-label",
    "A void label is not told to the loss.",
    HINT,
    r"(?i)void|ignore_label|== ?255|label\w*[^\n]*\b255\b",
    LOGITS_LOSS,
    lacks=r"ignore_index",
)
add_pattern(
    "padding-counted",
    "loss-padding-counted",
    "Padded positions are not left out of the loss.",
    LIKELY,
    r"(?i)\bpad\b|\bpad_|padding|<pad>|_pad\b",
    LOGITS_LOSS,
    lacks=r"(?i)ignore_index|mask|-100|conv|padding\s*=\s*\d|F\.pad|!= ?[\w.]*pad",
)
add_pattern(
    "column-against-row",
    "loss-broadcast",
    "An output of shape (N, 1) meets a target that is not shaped to it.",
    HINT,
    REGRESSION_LOSS,
    r"Linear\([^()]*,\s*(?:out_features\s*=\s*)?1\s*\)|nnx?\.Dense\(1\)",
    lacks=r"(?i)squeeze|view\(\s*-1|reshape\(|flatten|\[:, ?(?:0|None)\]|\[:, ?\[|compile\(|keepdim",
)
add_pattern(
    "kl-in-full",
    "loss-vae-posterior-collapse",
    "The KL term counts in full from the first step.",
    LIKELY,
    r"(?i)=\s*\(?(?:\w*(?:recon|rec|bce|mse|nll)\w*(?:\([^=]*\))?)\s*\+\s*\w*kl\w*|\bbeta\w*\s*=\s*1(?:\.0)?\b|"
    r"(?:return\s+|\()\w*(?:bce|mse|rec\w*)\w*\s*\+\s*\w*kl",
    lacks=r"(?i)anneal|warm|beta\s*=\s*min",
)
add_pattern(
    "no-stop-gradient",
    "ssl-collapse",
    "Both sides of a similarity get gradients, and nothing keeps them apart.",
    CERTAIN,
    r"(?:-|1 - |2 - )\s*(?:\(?\s*)?(?:F\.|nn\.functional\.|tf\.|optax\.|self\.)?(?:cosine_similarity|cosine_sim|"
    r"cos_?sim\w*|criterion)\(\s*(?:p|z|q|h|online|proj)\w*\s*,|(?i:simsiam|byol)|"
    r"l2_normalize\([^\n]*\*[^\n]*l2_normalize",
    lacks=r"\.detach\(\)|stop_?grad|no_grad\(\):[^\n]*\n[^\n]*(?:target|z\d)|temperature",
)

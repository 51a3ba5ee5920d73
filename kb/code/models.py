"""Mistakes in models."""

import re

from kb.code.mistake import (
    CERTAIN,
    HINT,
    LAYER,
    LIKELY,
    Proof,
    add_pattern,
    mistake,
)
from kb.code.snippet import Snippet

add_pattern(
    "layers-in-list",
    "model-plain-list",
    "Layers are kept in a plain list, which the model does not know.",
    CERTAIN,
    r"self\.\w+\s*=\s*(?:\[.*(?:nn\.\w+\(|\b(?:Linear|Conv\w*|LSTM|GRU|\w*Block|\w*Layer|\w*Head)\()|"
    r"\{.*nn\.\w+\()|"
    r"self\.\w+\.append\(\s*(?:nn\.\w+|\w*(?:Linear|Conv\w*|Block|Layer|Head|LSTM))\(|"
    r"List<(?:Module|Conv|Linear)|\b(?:Conv\w*|Linear|Module|Layer)(?:\[\]|>)\s+\w+\s*(?:\{|=|;)|=\s*new\s*\[\]\s*\{\s*(?:Linear|Conv)",
    lacks=r"ModuleList|ModuleDict|add_module|register_module|keras|tf\.|Sequential\(\*|"
    r"setattr\(|nn\.Sequential\(\)",
)


@mistake("no-activation", "model-no-nonlinearity", "Layers follow each other without an activation.", LIKELY)
def find_no_activation(code: Snippet) -> Proof:
    layers = code.find_all(LAYER)
    bare = not code.has(
        r"(?i)relu|sigmoid|σ|tanh|gelu|silu|swish|\belu|activation|softplus|mish|selu|\bact\w*\(|"
        r"hidden_act|LSTM|GRU|attention"
    )
    count = len(re.findall(LAYER, code.text))
    return [line for _, line in layers[:2]] if bare and count >= 3 else []


@mistake("stack-of-sigmoids", "model-vanishing-sigmoid", "Hidden layers are sigmoids, one behind the other.", LIKELY)
def find_sigmoids(code: Snippet) -> Proof:
    found = code.find_all(r"[sS]igmoid\(|[\"']sigmoid[\"']|, ?σ\)")
    count = len(re.findall(r"[sS]igmoid\(|[\"']sigmoid[\"']|, ?σ\)", code.text))
    looped = code.has(r"append\(\s*(?:nn\.)?Sigmoid\(")
    return [line for _, line in found[:2]] if count >= 3 or looped else []


add_pattern(
    "wide-initialisation",
    "model-bad-init",
    "Weights are drawn with a deviation of 1, whatever is summed.",
    LIKELY,
    r"(?i)(?:\bw\w{0,2}|weights?\w*|theta\w*|kernel|self\.w\w*)(?:\[[^\]]*\])?\s*=\s*"
    r"(?:nn\.Parameter\()?(?:tf\.(?:compat\.v1\.)?Variable\()?(?:\w+\.)*"
    r"(?:randn|random_normal|random\.normal|standard_normal|rand|normal)\("
    r"(?![^\n]*(?:\*|/|sqrt|stddev|std\s*=|0\.0\d))|"
    r"normal_\([^)]*(?:std\s*=\s*1(?:\.0)?\b|,\s*0(?:\.0)?,\s*1(?:\.0)?\s*\))|stddev\s*=\s*1(?:\.0)?\b|"
    r"RandomNormal\(\s*\)|\binit\s*=\s*randn\b|initializers\.normal\(1(?:\.0)?\)",
    lacks=r"sqrt\(|\*\* ?-?0?\.5|(?i:kaiming|xavier|glorot|he_normal)",
)
add_pattern(
    "recurrent-batch-axis",
    "model-rnn-batch-first",
    "A recurrent layer takes the batch to be the second axis.",
    HINT,
    r"nn\.(?:LSTM|GRU|RNN)\((?![^\n]*batch_first\s*=\s*True)|batch_first\s*=\s*False",
    lacks=r"transpose\(0, ?1\)|permute\(1, ?0|pack_padded_sequence",
)
add_pattern(
    "view-as-transpose",
    "data-view-transpose gait-transpose",
    "An axis is moved by view or reshape, which leaves the numbers in their old order.",
    LIKELY,
    r"\.(?:view|reshape)\([^\n]*(?:size\(|shape\[)(?:3|-1)\D[^\n]*(?:size\(|shape\[)[12]\D|"
    r"\.(?:view|reshape)\([^\n]*(?:size\(|shape\[)2\D[^\n]*(?:size\(|shape\[)1\D|"
    r"(?:view|reshape)\(\s*\(?\s*(?:[\w.]+\[0\]|-?\w+|len\(\w+\)|[\w.]+\.size\(0\)|"
    r"[\w.]+\.shape\[0\])\s*,\s*(?:3|C|channels|n_channels|in_channels|num_channels)\s*,\s*(?!-1|1\b)\w",
    lacks=r"permute\(",
)


@mistake(
    "view-in-other-order",
    "data-view-transpose gait-transpose",
    "Axes are given to view or reshape in another order than they have, which mixes the numbers.",
    CERTAIN,
)
def find_view_in_other_order(code: Snippet) -> Proof:
    for place, _ in code.find_all(r"^\w+(?:, ?\w+)+ = [\w.]+\.(?:shape|size\(\))\s*;?$"):
        names = [name.strip() for name in code.statements[place].text.split("=")[0].split(",")]
        for later, line in code.find_all(r"\.(?:view|reshape)\("):
            asked = re.search(r"\.(?:view|reshape)\(\s*(\w+(?:, ?\w+)+)\s*\)", code.statements[later].text)
            given = [name.strip() for name in asked[1].split(",")] if asked else []
            turned = re.search(r"permute|transpose", code.statements[later].text)
            if later > place and sorted(given) == sorted(names) and given != names and not turned:
                return [line]
    return []


add_pattern(
    "frozen",
    "model-all-frozen",
    "Parameters are frozen.",
    HINT,
    r"requires_grad\s*=\s*False|requires_grad_\(False\)|\.trainable\s*=\s*False|freeze_weights\(|\.freeze\(\)",
    lacks=r"requires_grad\s*=\s*True|trainable\s*=\s*True|unfreeze",
)
add_pattern(
    "pooled-over-time",
    "sign-temporal-collapse",
    "The time axis is pooled to one and then spread again.",
    CERTAIN,
    r"Adaptive(?:Avg|Max)Pool[12]d\(\s*(?:output_size\s*=\s*)?\(?1\b|GlobalAveragePooling1D|"
    r"\.mean\((?:dim\s*=\s*)?(?:1|2|-1),\s*keepdim\s*=\s*True",
    r"\.expand\(\s*-1,\s*-1,|\.expand\([^\n]*\bT\b|\.repeat\([^\n]*\bT\b|RepeatVector|expand_as|tf\.tile",
    r"(?i)ctc|LSTM|GRU|blank",
)
add_pattern(
    "small-batch-normalisation",
    "model-batchnorm-tiny-batch",
    "BatchNorm takes mean and deviation of one or two samples.",
    LIKELY,
    r"(?i)batch_?size\w*\s*[=:]\s*[12]\b|per_gpu\w*\s*=\s*[12]\b|DataLoader\([^\n]*,\s*[12]\s*[,)]",
    r"BatchNorm|batch_norm|BatchNormalization|[rR]es[nN]et|deeplab|DeepLab|unet|UNet|mobilenet|efficientnet",
)
add_pattern(
    "slow-batch-statistics",
    "eval-bn-stats",
    "BatchNorm's running statistics hardly move.",
    LIKELY,
    r"Batch_?[nN]orm\w*\([^)]*(?:momentum|decay)\s*=\s*(?:0?\.00\d+|0?\.99\d*)|"
    r"(?:bn|BN)_?(?:momentum|MOMENTUM)\s*[=,][^\n]*(?:0?\.00\d|0?\.99)|track_running_stats\s*=\s*False",
)
add_pattern(
    "changed-in-place",
    "model-inplace-autograd",
    "A tensor that the gradient needs may be changed in place.",
    HINT,
    r"^[a-z]\w{0,8}\s*[-+*/]=\s*\w+\.(?:sum|norm|mean|max|std)\(|"
    r"^(?:x|out|h|y|z|identity|hidden|merged|residual|feats?|skip)\d?\s*[+*]=|"
    r"^(?:x|out|h|y|z|hidden|output)\d?\[[^\]]*\]\s*=[^=]",
    lacks=r"\.clone\(\)|@torch\.no_grad",
)


@mistake(
    "activation-changed-in-place",
    "model-inplace-autograd",
    "What an activation gave is changed in place, and its gradient needs it.",
    LIKELY,
)
def find_activation_changed(code: Snippet) -> Proof:
    for place, _ in code.find_all(r"^\w+\s*=\s*[^\n]*(?:sigmoid|exp|tanh|relu|softmax|sqrt)\("):
        name = code.statements[place].name
        found = code.find(rf"^{name}(?:\[[^\]]*\])?\s*[-+*/]=|^{name}\[[^\]]*\]\s*=[^=]", place + 1)
        if found and not code.has(r"no_grad"):
            return [found[1]]
    return []


add_pattern(
    "table-not-registered",
    "env-device-mismatch",
    "A tensor of the module is no buffer, so that it does not move with the model.",
    LIKELY,
    r"self\.\w+\s*=\s*torch\.(?:zeros|ones|arange|randn|rand|tensor|linspace|eye|FloatTensor)\((?![^\n]*device)|"
    r"self\.pe\s*=\s*pe\b",
    r"class \w+\((?:torch\.)?(?:nn\.)?Module",
    r"\.cuda\(\)|\.to\(",
    lacks=r"register_buffer|nn\.Parameter\(self",
)
add_pattern(
    "two-names-for-blank",
    "sign-vocab-blank",
    "Blank and padding have the same number.",
    CERTAIN,
    r"(?i)[\"']<?blank>?[\"']\s*:\s*0.*[\"']<?pad>?[\"']\s*:\s*0|"
    r"[\"']<?pad>?[\"']\s*:\s*0.*[\"']<?blank>?[\"']\s*:\s*0",
)

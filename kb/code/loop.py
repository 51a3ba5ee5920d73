"""Mistakes in the training loop: its order, its gradients, and what it keeps of them."""

import re

from kb.code.mistake import (
    BACKWARD,
    CERTAIN,
    HINT,
    LIKELY,
    LOSS_CALL,
    OPTIMIZER_STEP,
    ZERO_GRAD,
    Proof,
    add_pattern,
    mistake,
)
from kb.code.snippet import Snippet

add_pattern(
    "no-zero-grad",
    "loop-no-zero-grad",
    "Gradients are never set to zero.",
    CERTAIN,
    BACKWARD,
    OPTIMIZER_STEP,
    lacks=rf"{ZERO_GRAD}|manual_backward|accelerator",
)
add_pattern(
    "no-optimizer-step",
    "loop-no-step",
    "The optimizer never takes a step.",
    CERTAIN,
    rf"{BACKWARD}|tape\.gradient\(",
    rf"(?:{ZERO_GRAD})[\w!]*\(|tape\.gradient\(",
    lacks=r"\w\)?\.step\(|\.minimize\(|apply_gradients|\.update\(\w*param|update_weights|-=\s*\w*(?:lr|rate)|"
    r"\.backward\(\s*\).*autograd",
)


@mistake(
    "zeroed-before-step", "loop-zero-before-step", "Gradients are set to zero between backward and the step.", CERTAIN
)
def find_zeroed_before_step(code: Snippet) -> Proof:
    for place, line in code.find_all(ZERO_GRAD):
        found = code.find(OPTIMIZER_STEP, place + 1)
        if found and found[0] == place + 1 and code.has(BACKWARD):
            return [line, found[1]]
    if not re.search("BZ+S", code.order(B=BACKWARD, Z=ZERO_GRAD, S=OPTIMIZER_STEP, D=r"^def |^class ")):
        return []
    backward = code.find(BACKWARD)
    zero = code.find(ZERO_GRAD, backward[0]) if backward else None
    return [zero[1]] if zero else []


@mistake(
    "gradient-read-after-zeroing",
    "ris-gradlog-after-zero",
    "Gradients are looked at after they were thrown away.",
    CERTAIN,
)
def find_read_after_zeroing(code: Snippet) -> Proof:
    read = (
        r"\.grad\b(?!\s*(?:=|\.(?:data\.)?(?:zero_|detach_)|is not None:?\s*$))|"
        r"(?:grad_?norm\w*|read_gradients?|log_grad\w*|plot_grad\w*|check_grad\w*)\("
    )
    if not re.search("[BS]Z+G", code.order(B=BACKWARD, Z=ZERO_GRAD, S=OPTIMIZER_STEP, G=read)):
        return []
    place = max(place for place, _ in code.find_all(ZERO_GRAD))
    found = code.find(read, place + 1)
    return [found[1]] if found else []


_LOSS_MADE_ANEW = (
    r"^(?!.*(?:\+=|\.item\(\)\s*$)).*(?:"
    r"\b\w*loss\w*\.requires_grad(?:_\(|\s*=)|"
    r"Variable\([^\n]*\.data\b[^\n]*requires_grad\s*=\s*True|"
    r"(?:tensor|FloatTensor|Tensor|as_tensor)\([^\n]*(?:loss|\.item\(\)|term|pred|out)[^\n]*requires_grad\s*=\s*True|"
    r"\w*loss\w*\s*=\s*torch\.(?:tensor|Tensor|FloatTensor|from_numpy)\(|"
    rf"{LOSS_CALL}\(\s*(?:torch\.)?(?:argmax\(|[\w.]+(?:\(\w*\))?\.(?:argmax\(|detach\(\)|data\b|item\(|numpy\(|cpu\(\)\.numpy)))"
)
_OUTPUT_CUT = (
    r"^(?:_, ?)?(\w+)\s*=\s*(?:(?:torch|jnp|tf|np)\.(?:argmax|round|max)\(|"
    r"\(?[\w.]+(?:\([^()]*\))?(?:\.\w+\([^()]*\))*"
    r"(?:\.(?:argmax|detach|round|numpy|max)\([^()]*\)|\.data\b(?!\[)| > 0?\.\d\)))(?:\[1\])?(?:\.\w+\([^()]*\))*;?$"
)
"""An assignment whose value has no gradient: the best class, a detached or rounded tensor, an array, a comparison."""


@mistake(
    "graph-cut",
    "ris-no-gradient-flow loop-detached-loss",
    "The loss is made of numbers that were cut off the graph, so that no gradient reaches the model.",
    CERTAIN,
)
def find_graph_cut(code: Snippet) -> Proof:
    made_anew = code.find(_LOSS_MADE_ANEW)
    if made_anew:
        return [made_anew[1]]
    if not code.has(rf"{BACKWARD}|value_and_grad|grad\("):
        return []
    for place, line in code.find_all(_OUTPUT_CUT):
        name = re.match(_OUTPUT_CUT, code.statements[place].text)
        if name and code.find(rf"{LOSS_CALL}\(\s*{name[1]}\b", place + 1):
            return [line]
    return []


_KEPT = (
    r"^(?:self\.)?(\w+)\s*\+=\s*\w*(?:loss|cost|err)\w*\s*(?:[*/][^.\n]*)?;?$|"
    r"^(?:self\.)?(\w*(?:total|running|epoch|sum|avg|cum)\w*)\s*=\s*\2\s*\+\s*\w*loss\w*\s*;?$|"
    r"(?:loss\w*|history|hist|log\w*)(?:\[[^\]]*\])?\.append\(\s*\w*loss\w*\s*\)"
)
_METERED = r"^(?!.*(?:float|item|int|len|zip|dict|set|str)\()\w+\.update\(\s*(?:loss|\w+\([^()]*\))\s*[,)]"


@mistake("graph-kept", "loop-graph-leak", "A tensor with its graph is kept from step to step.", CERTAIN)
def find_graph_kept(code: Snippet) -> Proof:
    metered = code.find(_METERED)
    if metered:
        return [metered[1]]
    plain = code.has(r"\.(?:item|tolist)\(\)|float\(|\.data\b|\.detach\(\)|keras|\.fit\(")
    for place, line in code.find_all(_KEPT):
        text = code.statements[place].text
        name = code.statements[place].name
        if code.has(rf"\b{name}\.backward\(|\b{name}\s*=\s*\w+\([^\n]*loss"):
            continue  # a sum that is trained on
        if not plain or _is_tensor_here(code, place, text):
            return [line]
    return []


def _is_tensor_here(code: Snippet, place: int, text: str) -> bool:
    """Whether the loss that a statement keeps is gone backward from in the same function: it is no plain number."""
    loss = re.search(r"(\w*(?:loss|cost|err)\w*)\s*(?:[*/)][^.]*)?;?$", text)
    back = code.find_all(rf"\b{loss[1]}\.backward\(") if loss else []
    return any(code.name_function(one) == code.name_function(place) for one, _ in back)


add_pattern(
    "graph-retained",
    "loop-backward-twice",
    "The graph is retained for a second backward.",
    LIKELY,
    r"retain_graph\s*=\s*True|retain_variables\s*=\s*True",
)
add_pattern(
    "state-carried-on",
    "loop-backward-twice",
    "A hidden state is carried from step to step with its graph.",
    LIKELY,
    r"(\w*hidden\w*|\bhx?\b|\bhc\b|\bstate\w*|\bmem\w*)\)?\s*(?:,\s*\w+\)?)?\s*=\s*(?:self\.)?(?:model|net|rnn|"
    r"lstm|gru|encoder|decoder|policy|agent)\w*\([^\n]*\b\1\b",
    BACKWARD,
    lacks=r"\w+\s*=\s*(?:[^\n]*repackage|[^\n]*detach|[^\n]*\.data\b)|\.detach_\(|"
    r"init_hidden\([^\n]*\)[^\n]*\n[^\n]*for .*zip",
)
add_pattern(
    "no-gradient-clipping",
    "loop-no-grad-clip-rnn",
    "A recurrent network is trained without clipping.",
    HINT,
    r"\b(?:LSTM|GRU|RNN|SimpleRNN|LSTMCell|GRUCell)\(",
    r"\.backward\(|\.compile\(|minimize\(",
    lacks=r"(?i)clip_?grad|clip_?norm|clip_?value|clip_by|max_norm|gradient_clip",
)
add_pattern(
    "gate-on-every-norm",
    "ris-step-gate",
    "A step is taken only if several gradient norms are all above 0.",
    CERTAIN,
    r"\w+ > (?:0|0\.0|1e-\d+|eps) and [^\n]*\w+ > (?:0|0\.0|1e-\d+|eps)\b",
    r"(?i)grad|norm",
    OPTIMIZER_STEP,
)


@mistake(
    "division-under-condition",
    "ris-loss-scaling",
    "The division by the accumulation stands under a condition.",
    CERTAIN,
)
def find_division_under_condition(code: Snippet) -> Proof:
    for place, line in code.find_all(r"^(\w+)\s*(?:=\s*\1\s*/|/=)\s*[\w.]+$"):
        back = code.find(rf"\b{code.statements[place].name}\.backward\(", place)
        if back and code.statements[place].indent > code.statements[back[0]].indent:
            return [line]
    return []


@mistake(
    "divided-loss-logged",
    "ris-loss-scale-mismatch",
    "The loss is logged after its division by the accumulation.",
    LIKELY,
)
def find_divided_loss_logged(code: Snippet) -> Proof:
    for place, line in code.find_all(
        r"^(\w+)\s*(?:=\s*\1\s*/|/=)\s*[\w.]+$|^\w*loss\w*\s*=[^\n]*\)\s*/\s*[\w.]*acc\w*$"
    ):
        name = code.statements[place].name
        if not code.find(rf"\b{name}\.backward\(|scale\({name}\)", place):
            continue
        keeps = r"(?:.*(?:\+=|append\(|log\(|add_scalar\()|return)"
        logged = code.find(rf"^{keeps}[^\n]*\b{name}\.(?:item|data|detach)\b(?![^\n]*\*)", place)
        if logged:
            return [line, logged[1]]
    return []

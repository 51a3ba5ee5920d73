"""Mistakes in evaluation, in checkpoints and in what is watched."""

import re

from kb.code.mistake import (
    BACKWARD,
    CERTAIN,
    HINT,
    LIKELY,
    Proof,
    add_pattern,
    mistake,
)
from kb.code.snippet import Snippet


@mistake("evaluated-in-train-mode", "eval-train-mode", "The model is evaluated without being put in eval mode.", LIKELY)
def find_evaluated_in_train_mode(code: Snippet) -> Proof:
    if code.has(
        r"\.eval\(\)|\.train\(False\)|train\(mode\s*=\s*False|training\s*=\s*False|LightningModule|"
        r"deterministic"
    ):
        return []
    found = code.find(
        r"no_grad\(|inference_mode\(|volatile\s*=\s*True|def (?:evaluate|validate|test|eval_\w+|predict)\("
    )
    called = found and code.find(r"(?:model|net|self|clf|classifier|network|encoder)\w*\((?!self)|forward\(", found[0])
    drops = code.has(r"(?i)dropout|batch_?norm|resnet|densenet|efficientnet|mobilenet|from_pretrained|\bbert")
    shown = code.has(r"nn\.(?:Linear|Conv\dd|LSTM|GRU|Sequential)\(")
    looped = found and code.find(r"^for ", max(found[0] - 2, 0))
    return [found[1]] if found and called and looped and (drops or not shown) else []


add_pattern(
    "never-back-to-training",
    "eval-stuck-in-eval",
    "After the evaluation the model is not put back into train mode.",
    LIKELY,
    r"^(?:self\.)?\w*(?:model|net|generator|encoder)\w*\.eval\(\)",
    BACKWARD,
    r"for \w*epoch|for \w+ in range",
    lacks=r"\.train\(",
)


@mistake(
    "trained-in-eval-mode",
    "eval-stuck-in-eval",
    "train() comes before the loop, and eval() in each round of it.",
    CERTAIN,
)
def find_trained_in_eval_mode(code: Snippet) -> Proof:
    trained, evaluated = code.find_all(r"\.train\(\)"), code.find(r"(?<!torch)\.eval\(\)")
    if not trained or not evaluated:
        return []
    loops = [place for place, _ in code.find_all(r"^(?:for|while) ") if place > trained[-1][0]]
    if not loops or not code.find(BACKWARD, loops[0]):
        return []
    indent = code.statements[loops[0]].indent
    if code.statements[trained[-1][0]].indent > indent:
        return []
    if evaluated[0] > loops[0]:
        return [evaluated[1]] if code.statements[evaluated[0]].indent > indent else []
    name = code.name_function(evaluated[0])
    called = code.find(rf"\b{re.escape(name)}\(", loops[0]) if name else None
    return [evaluated[1]] if called and code.statements[called[0]].indent > indent else []


add_pattern(
    "mean-of-batch-means",
    "eval-batch-mean",
    "A metric is averaged over batches, as if all were of one size.",
    HINT,
    r"\+=\s*[^\n]*(?:acc|f1|auc|iou|dice|metric|precision|recall|score|mean_absolute|rmse)\w*\(|"
    r"(?:f1|auc|acc\w*|iou|dice|score)\w*\.append\(\s*\w*(?:f1|auc|acc|iou|score|roc)\w*\(",
    r"/=?\s*\(?len\(\w*(?:loader|batch\w*|dl|gen\w*|iter\w*|scores|f1s|accs?|results)\)?|np\.mean\(|"
    r"/\s*\(?\w*(?:n_batches|num_batches|i \+ 1|batch_idx|step)",
)


@mistake(
    "best-kept-by-reference",
    "ckpt-best-is-last",
    "The best weights are kept by reference, and change with the model.",
    CERTAIN,
)
def find_kept_by_reference(code: Snippet) -> Proof:
    found = code.find(
        r"best\w*(?:\[[^\]]*\])?\s*=\s*(?:self\.)?\w*(?:model|net|encoder|clf|params|"
        r"weights)\w*(?:\.module)?(?:\.state_dict\(\))?\s*;?$|"
        r"^[^\n=]*best\w*[^\n=]*=\s*(?![^\n]*[{])[^\n]*\.state_dict\(\)\s*;?$"
    )
    return [found[1]] if found and not code.has(r"deepcopy|\.clone\(\)") else []


add_pattern(
    "best-not-restored",
    "ckpt-best-is-last",
    "Early stopping does not bring the best weights back.",
    HINT,
    r"EarlyStopping\((?![^\n]*restore_best_weights\s*=\s*(?:True|T))[^\n]*(?:monitor|patience)",
    r"\bfit\w*\(",
    lacks=r"ModelCheckpoint|load_best_model|save_best|torch\.save",
)
add_pattern(
    "stops-the-wrong-way",
    "eval-stop-direction",
    "What is watched is to fall, and the mode says it is to rise, or the other way round.",
    CERTAIN,
    r"(?:monitor|metric_for_best_model)\s*=\s*[\"'][^\"']*(?:loss|error|mse|mae|wer|"
    r"perplexity)[^\"']*[\"'].*(?:mode\s*=\s*[\"']max|greater_is_better\s*=\s*True)|"
    r"(?:mode\s*=\s*[\"']max[\"']|greater_is_better\s*=\s*True).*(?:monitor|"
    r"metric_for_best_model)\s*=\s*[\"'][^\"']*(?:loss|error|mse|mae|wer)|"
    r"(?:monitor|metric_for_best_model)\s*=\s*[\"'][^\"']*(?:acc|f1|auc|iou|dice|map|bleu|recall|precision|"
    r"r2)[^\"']*[\"'].*(?:mode\s*=\s*[\"']min|greater_is_better\s*=\s*False)|"
    r"(?:mode\s*=\s*[\"']min[\"']|greater_is_better\s*=\s*False).*(?:monitor|"
    r"metric_for_best_model)\s*=\s*[\"'][^\"']*(?:acc|f1|auc|iou|dice|map|bleu)|"
    r"(?:if|elif) \w*(?:val|valid|test|dev)?_?loss\w*\s*>=?\s*(?:self\.)?(?:best|min|lowest)\w*|"
    r"(?:if|elif) \w*(?:acc|f1|auc|score)\w*\s*<=?\s*(?:self\.)?(?:best|max|highest)\w*",
)
add_pattern(
    "nothing-to-monitor",
    "ckpt-monitor-missing",
    "A validation metric is monitored, and there is no validation.",
    LIKELY,
    r"monitor\s*=\s*[\"']val_",
    r"\.fit\(|fit_generator\(|Trainer\(|\bfit\(",
    lacks=r"validation_(?:data|split|steps)|val_dataloader|val_loader|validation_step|eval_dataset",
)


@mistake("another-name-monitored", "ckpt-monitor-missing", "What is monitored is logged under another name.", CERTAIN)
def find_another_name_monitored(code: Snippet) -> Proof:
    found = code.find(r"monitor\s*=\s*[\"']([^\"']+)[\"']")
    watched = re.search(r"monitor\s*=\s*[\"']([^\"']+)[\"']", code.text)
    logged = re.findall(r"self\.log\(\s*[\"']([^\"']+)[\"']", code.text)
    return [found[1]] if found and watched and logged and watched[1] not in logged else []


add_pattern(
    "loaded-loosely",
    "ckpt-prefix-mismatch gait-dead-eval-import",
    "Weights are loaded with strict=False, which lets none of them fit.",
    LIKELY,
    r"strict\s*=\s*False|\.expect_partial\(|skip_mismatch\s*=\s*True|if k in (?:model_dict|state_dict|own_state)",
)
add_pattern(
    "wrapped-when-saved",
    "ckpt-prefix-mismatch",
    "A wrapped model is saved, whose names have a prefix.",
    HINT,
    r"DataParallel\(|torch\.compile\(",
    r"torch\.save\(\s*(?:\{[^\n]*)?(?:model|net)\.state_dict\(\)",
    lacks=r"\.module\.state_dict|_orig_mod",
)
add_pattern(
    "resumed-without-optimizer",
    "optim-resume-no-state",
    "After a resume the optimizer starts anew.",
    LIKELY,
    r"load_state_dict\(|load_weights\(|set_weights\(",
    r"(?i)resum|start_epoch|continue|restart|last\.(?:pt|ckpt|pth)",
    lacks=r"(?i)opt\w*\.load_state_dict|optimizer_state|strict\s*=\s*False|\.eval\(\)|predict|DataParallel",
)
add_pattern(
    "epoch-starts-over",
    "ckpt-epoch-restart",
    "After a resume the epochs are counted from the start.",
    LIKELY,
    r"(?i)opt\w*\.load_state_dict\(",
    r"for \w+ in range\((?:\s*[01],\s*)?[\w.]*(?:epochs?|EPOCHS?|max_epoch)\w*(?:\s*\+\s*1)?\)|start_epoch\s*=\s*[01]$",
    lacks=r"epoch\w*\s*=\s*[^\n]*\[[\"']epochs?[\"']\]|[\"']epochs?[\"']\] \+ 1|last_epoch",
)

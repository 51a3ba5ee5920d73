"""What a key in a log means: a counter, a metric under its canonical name, or something that is not measured."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Role(StrEnum):
    """What the number behind a key is."""

    EPOCH = "epoch"
    STEP = "step"
    METRIC = "metric"
    OTHER = "other"
    IGNORED = "ignored"


class Split(StrEnum):
    """The part of the data that a metric was measured on."""

    NONE = ""
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True)
class Name:
    """A key, understood."""

    role: Role
    base: str
    """Counter, or metric without its split, in lower case with underscores."""
    split: Split = Split.NONE
    own: str = ""
    """The key as the log has it, in lower case with underscores."""


SPLITS = {
    **dict.fromkeys(("train", "training", "tr", "trn", "训练", "learn", "학습", "訓練"), Split.TRAIN),
    **dict.fromkeys(
        ("val", "valid", "validation", "validating", "eval", "evaluation", "dev", "验证", "검증", "検証"), Split.VAL
    ),
    **dict.fromkeys(("test", "testing", "te", "tst", "测试", "테스트"), Split.TEST),
}
"""Words that name a split."""

CORE = {
    **dict.fromkeys(("loss", "total_loss", "loss_total", "avg_loss", "average_loss", "mean_loss", "epoch_loss",
                     "running_loss", "cost", "cur_loss", "smoothed_loss", "loss_mean", "loss_avg",
                     "损失", "损失值", "損失", "손실", "verlust", "perte",
                     "perdida", "pérdida", "потери", "потеря"), "loss"),
    **dict.fromkeys(("acc", "accuracy", "avg_acc", "average_accuracy",
                     "准确率", "正确率", "精度", "mean_acc", "정확도", "正解率", "genauigkeit",
                     "précision", "exactitud", "точность", "acuracia", "acurácia"), "acc"),
    **dict.fromkeys(("lr", "learning_rate", "learningrate", "cur_lr", "current_lr", "current_learning_rate", "学习率",
                     "learn_rate", "base_lr"), "lr"),
    **dict.fromkeys(("grad_norm", "gnorm", "gradnorm", "gradient_norm", "grad_norm_total", "total_grad_norm",
                     "global_grad_norm", "norm_grad", "gradient"), "grad_norm"),
    **dict.fromkeys(("ppl", "perplexity", "困惑度"), "perplexity"),
    **dict.fromkeys(("wer", "word_error_rate"), "wer"),
    **dict.fromkeys(("cer", "character_error_rate"), "cer"),
    **dict.fromkeys(("loss_scale", "scale", "amp_scale", "grad_scale"), "loss_scale"),
}  # fmt: skip
"""Keys that have a canonical name, once their split is taken off."""

SPLIT_BASES = frozenset({"loss", "acc"})
"""Metrics that always carry their split in the canonical name; a bare one is the training's."""

SPLITLESS = frozenset({"lr", "grad_norm", "loss_scale"})
"""Of the run itself, whatever split was named before on the line."""

_METRIC_WORDS = frozenset(
    (
        "loss losses acc accuracy err error errors lr norm ppl perplexity wer cer ter bleu rouge meteor f1 "
        "f1_score auc auroc roc ap map recall precision iou miou dice psnr ssim lpips fid kid is kl kld mse "
        "mae rmse mape r2 score reward rewards return entropy ce bce nll xent elbo logloss auprc mcc kappa "
        "hinge ndcg mrr hit rank1 rank eer nmse ctc rmsle quantile nrmse pesq stoi sdr sisnr snr jaccard "
        "sensitivity specificity objective cost advantage gnorm grad gradient collapse delta normg δparam δ "
        "δw"
    ).split()
)
"""Words of a key which say that it is a metric even where nothing else on the line does."""

_EPOCH = re.compile(r"(?:.*\b|.*_)?(?:epochs?|epo|ep|epoche|époque|época|epoca|эпоха)|轮|世代|第|에폭|에포크|エポック")
_STEP = re.compile(
    r"(?:.*_)?(?:steps?|iters?|iterations?|itr|itrs|num_updates|updates?|upds?|timesteps?|timesteps_total|total_timesteps|"
    r"batch|batches|minibatch|mb|episodes?|round|ts|up|it|training_iteration|updates_done|global_step|n_iter|tree|schritt|étape|paso|passo|шаг|ステップ|스텝)|步"
)
_STEP_RANK = ("global_step", "total_timesteps", "timesteps_total", "num_updates", "total_steps", "ts")
"""Counters of the whole run, best first, for a line that prints several."""

_IGNORED_WORDS = frozenset(
    (
        "time eta data mem memory gpu cpu speed ips wps ups wpb bsz fps elapsed remaining wall imps duration "
        "sec secs seconds size images instances throughput mfu best patience seed workers params parameters "
        "total_time pid date timestamp top gb mb allocated reserved cached rate_s samples_per_sec "
        "tokens_per_sec samples examples num n n_updates version port rank node world batch_size min_lr beta "
        "eps momentum dampening weight_decay dropout etc iter_time data_time mom time_elapsed total_time_s "
        "hours minutes hour minute day days ms s b tok words pr worst file files class classes id idx line "
        "lineno python cuda cudnn v_num vnum instances_ gpu_mem layers hidden channels heads vocab dim dims "
        "threads cores ram bytes nodes cost_time elasped runtime per_second it_s gib mib kib shape "
        "lr_scheduler warmup every took"
    ).split()
)
_IGNORED_FIRST = frozenset(("elapsed", "eta", "consumed", "time", "memory"))
_IGNORED_KEYS = re.compile(
    r"(?:num|n|max|min|total|avg)_(?!loss|acc|lr|reward|return|grad).*|.*_(?:time|sec|secs|seconds|per_sec|per_second|cost|"
    r"mb|gb|mem|memory|runtime|size|wall|count|samples|per_step)|best.*|(?:train|eval|test|valid|val)_(?:runtime|samples.*|steps_per.*)"
    r"|time.*|.*(?:elapsed|samplespersec|allocated)|mem.*|exp(?:ected)?_.*|hidden.*|.*batch_size|.*_wall"
)
_HYPER = frozenset(
    (
        "momentum dampening weight_decay nesterov batch_size betas beta1 beta2 eps epsilon seed num_workers "
        "max_steps max_epochs num_epochs dropout warmup_steps warmup_epochs hidden_size patience decay_rate "
        "gamma optimizer train_batch_size eval_batch_size total_epochs lr_decay"
    ).split()
)
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_FILLERS = frozenset(("reached is was of the at now with a an and got new to for in on monitored metric").split())
_CHANGES = frozenset(
    (
        "becomes become became becoming goes go going went gets get getting got turns turn turned stays stay stayed "
        "remains remain keeps kept hits shows jumps jumped drops dropped explodes diverges outputs gives"
    ).split()
)
"""Verbs behind a metric: somebody tells what it does, and no program prints so."""
_AMOUNTS = frozenset(("max min num per n every warmup log logging save eval best number limit interval of").split())
"""Words which say that a number of epochs or steps is a setting and no counter."""
_SETTINGS = frozenset(("optimizer trainer config cfg args hparams scheduler weight bias weights").split())
"""Words of a key that belongs to a configuration or to a single tensor."""
_CHINESE_SPLIT = re.compile(r"^(训练|验证|测试)(.+)$")


def write_name(key: str) -> str:
    """A key in lower case with underscores: `Mel-Spec. Error` becomes `mel_spec_error`, `acc@1` `acc_1`."""
    return "_".join(_WORD.findall(key.lower()))


def is_hyperparameter(key: str) -> bool:
    """Whether a key is of a configuration, which is printed once and is no measurement."""
    return write_name(key) in _HYPER


def find_split(word: str) -> Split:
    """The split that a word names, if it does."""
    return SPLITS.get(word.lower(), Split.NONE)


def rank_step(base: str) -> int:
    """How far a step counter counts the whole run: the lower, the better as x."""
    return _STEP_RANK.index(base) if base in _STEP_RANK else len(_STEP_RANK) + ("episode" in base)


def _strip_reduction(base: str) -> str:
    """Without what a metric was averaged over: Lightning's `loss_step`, `loss_epoch`, Keras' `epoch_accuracy`."""
    for bare in (base.removesuffix("_step"), base.removesuffix("_epoch"), base.removeprefix("epoch_")):
        if bare != base and (bare in CORE or bare.rpartition("_")[2] in _METRIC_WORDS):
            return bare
    return base


def _is_counter(base: str) -> bool:
    return base != "num_updates" and bool(_EPOCH.fullmatch(base) or _STEP.fullmatch(base))


@lru_cache(maxsize=4096)
def understand_key(key: str) -> Name:
    """What a key of a log line means."""
    own = write_name(key)
    if not own:
        return Name(Role.IGNORED, "")
    chinese = _CHINESE_SPLIT.match(own)
    if chinese:
        own = f"{chinese[1]}_{chinese[2]}"
    words = own.split("_")
    while len(words) > 1 and words[0] in _FILLERS and "_".join(words) not in CORE:
        words.pop(0)
    while len(words) > 1 and words[-1] in _FILLERS:
        words.pop()
    if len(words) > 1 and words[-1] in _CHANGES:
        return Name(Role.IGNORED, own, Split.NONE, own)
    named = [find_split(word) for word in words]
    split = next((found for found in named if found), Split.NONE)
    rest = [word for word, found in zip(words, named, strict=True) if not found]
    base = _strip_reduction("_".join(rest))
    if base in CORE:
        return Name(Role.METRIC, CORE[base], Split.NONE if CORE[base] in SPLITLESS else split, "_".join(words))
    if not rest:  # `train 0.217  val 1.922`
        return Name(Role.OTHER, "loss", split, "_".join(words))
    if "skipped" in rest or "nan" in rest:
        return Name(Role.METRIC, "skipped" if "skipped" in rest else own, split, own)
    if (not _AMOUNTS.isdisjoint(rest) and _is_counter(base)) or base == "n_updates":
        return Name(Role.IGNORED, base, split, own)
    if _EPOCH.fullmatch(base):
        return Name(Role.EPOCH, "epoch", split, own)
    if _STEP.fullmatch(base):
        return Name(Role.STEP, base, split, own)
    if not _SETTINGS.isdisjoint(rest) or key.count(".") > 1:
        return Name(Role.IGNORED, base, split, own)
    if (
        _IGNORED_KEYS.fullmatch(base)
        or (rest[-1] in _IGNORED_WORDS and (len(rest) == 1 or len(rest[-1]) > 2))
        or "best" in rest
        or rest[0] in _IGNORED_FIRST
        or own in _HYPER
    ):
        return Name(Role.IGNORED, base, split, own)
    known = any(word in _METRIC_WORDS or word.endswith("loss") for word in rest)
    return Name(Role.METRIC if known else Role.OTHER, base, split, "_".join(words))

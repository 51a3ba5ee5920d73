"""Mistakes on several devices."""

from kb.code.mistake import CERTAIN, LIKELY, add_pattern

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

"""Signs in words: errors and warnings, told apart by their message and not by its numbers."""

import re
from collections.abc import Callable

from kb.signs.sign import NOT_SEEN, UNKNOWN, Family, Finding, sign
from kb.signs.view import MAX_SEARCHED, LogView

MESSAGE = Family.MESSAGE

_ERRORS: tuple[tuple[str, str, str], ...] = (
    ("error-input-size", "an input has another size than the model was built for",
     r"input (?:image )?(?:height|width|size)[^\n]{0,40}(?:doesn't|does not|did not|not) match|"
     r"Image size[^\n]{0,30}(?:not|match)|position embeddings? for"),
    ("error-shape", "two shapes do not fit",
     r"shapes? cannot be multiplied|size mismatch|must match the size|shape mismatch|"
     r"incompatible shapes?|not broadcastable|invalid for input of size|is invalid for input|"
     r"expected input\[|to have \d+ channels|Dimension out of range|same size as input|"
     r"same as input size|Target size \("),
    ("error-collate", "samples of one batch have different sizes",
     r"stack expects each tensor to be equal size|Sizes of tensors must match except|could not collate|"
     r"default_collate|each element in list of batch should be of equal size|equal in size"),
    ("error-dtype", "two data types do not fit",
     r"expected scalar type|expected (?:target )?dtype|same dtype|Expected object of (?:scalar )?type|"
     r"Input type \(|result type \w+ can't be cast|not implemented for '(?:Half|Bool|Long|Int|Double|"
     r"BFloat16)'|must have the same (?:scalar type|dtype)|Found dtype"),
    ("error-device", "tensors are on different devices",
     r"same device|two devices|not on the expected device|expected (?:device|all tensors)|"
     r"Input type \(torch\.(?:cuda)?\.?FloatTensor\)|should be the same.{0,40}cuda|is on (?:cpu|cuda)"),
    ("error-out-of-memory", "memory ran out",
     r"out of memory|can't allocate memory|OutOfMemory|Cannot allocate memory|std::bad_alloc|"
     r"MemoryError|Unable to allocate|RESOURCE_EXHAUSTED|alloc_cpu"),
    ("error-index-range", "an index or a class is out of range",
     r"index out of range|out of bounds|Target -?\d+ is|device-side assert|t >= 0 && t < n_classes|"
     r"srcIndex < srcSelectDimSize|label value|IndexError|index \d+ is"),
    ("error-backward-twice", "backward goes through a graph a second time",
     r"backward through the graph a second time|specify retain_graph|already been freed"),
    ("error-no-graph", "the loss has no graph",
     r"does not require grad and does not have a grad_fn|does not require grad|No gradients provided for any variable"),
    ("error-in-place", "a tensor needed for the gradient was changed in place",
     r"modified by an inplace operation|in-place operation|a leaf Variable that requires grad"),
    ("error-checkpoint", "a checkpoint does not fit",
     r"loading state_dict|Missing key\(s\)|Unexpected key\(s\)|state_dict|invalid load key|"
     r"checkpoint[^\n]{0,30}(?:mismatch|not|corrupt)|PytorchStreamReader|KeyError: '(?:model|"
     r"state_dict|epoch)"),
    ("error-corrupt-file", "a file cannot be read",
     r"image file is truncated|cannot identify image|Truncated File|UnidentifiedImageError|"
     r"unpack requires a buffer|BadZipFile|corrupt|broken data stream|premature end|moov atom"),
    ("error-numpy-abi", "NumPy does not fit the compiled modules",
     r"Numpy is not available|compiled using NumPy 1|NumPy 1\.x cannot be run|numpy\.(?:dtype|"
     r"ufunc) size changed|_ARRAY_API not found|numpy\.core\.multiarray failed|"
     r"Could not infer dtype of numpy"),
    ("error-nan-detected", "a check found NaN or infinity",
     r"returned nan values|gradients are Nan|NaN detected|nan (?:loss|gradient)|Loss is nan|not finite|"
     r"should be between 0 and 1|range parameter must be finite|contains (?:NaN|infinity)|"
     r"Input contains NaN|parameter logits|found invalid values"),
    ("error-batchnorm-single", "BatchNorm got a single value",
     r"Expected more than 1 value per channel"),
    ("error-division-by-zero", "something was divided by an empty count",
     r"ZeroDivisionError|division by zero|num_samples=0|num_samples should be a positive|"
     r"empty sequence|Mean of empty slice"),
    ("error-unused-parameters", "parameters took no part in a distributed backward",
     r"Expected to have finished reduction|find_unused_parameters"),
    ("error-scheduler-steps", "a schedule was stepped too often",
     r"Tried to step \d+ times|total number of steps is|specified number of total steps"),
    ("error-scaler", "the gradient scaler was used out of order or found nothing",
     r"No inf checks were recorded|unscale_\(\) has already been called|"
     r"Attempting to unscale FP16 gradients|unscale_ must"),
    ("error-target-range", "targets are outside of what the loss allows",
     r"all elements of (?:input|target) should be between|Assertion `(?:input_val|target_val|t) ?>=|"
     r"multi-target not supported|only 0 and 1|Class values must be"),
    ("error-worker", "a worker process died or cannot be started",
     r"DataLoader worker[^\n]{0,40}(?:killed|exited)|can't pickle|Can't pickle|freeze_support|bootstrapping phase"),
    ("error-nccl", "processes cannot talk to each other or wait for ever",
     r"NCCL[^\n]{0,60}(?:error|timeout|fail|abort)|ncclSystemError|ncclInternalError|ncclUnhandled|"
     r"(?i:gloo)[^\n]{0,60}(?:error|timeout|fail|closed)|store timeout|Watchdog caught collective|"
     r"address already in use|Connection (?:refused|reset|closed)"),
    ("error-import", "a module or file is missing",
     r"ModuleNotFoundError|ImportError|No module named|undefined symbol|cannot import name|"
     r"FileNotFoundError|No such file or directory|NotADirectoryError"),
    ("error-cuda", "CUDA or cuDNN failed",
     r"CUDNN_STATUS|no kernel image|CUDA error(?!: device-side)|CUBLAS_STATUS|"
     r"invalid device (?:function|ordinal)|CUDA driver"),
)  # fmt: skip

_WARNINGS: tuple[tuple[str, str, str], ...] = (
    ("warning-scheduler-order", "the scheduler is stepped before the optimizer",
     r"lr_scheduler\.step\(\)`? before `?optimizer\.step|call(?:ed|ing)? .{0,12}lr_scheduler"),
    ("warning-broadcast", "target and input have different sizes and are broadcast",
     r"Using a target size .{1,60} that is different to the input size|"
     r"likely lead to incorrect results due to broadcasting"),
    ("warning-amp-disabled", "mixed precision is switched off for want of a device",
     r"GradScaler is enabled, but CUDA is not available|CUDA is not available[^\n]{0,40}Disabling|"
     r"device_type of 'cuda', but|amp[^\n]{0,30}(?:disabled|not supported|unsupported)"),
    ("warning-monitor-missing", "the monitored metric does not exist",
     r"Can save best model only with|conditioned on metric|which is not available|"
     r"not available for (?:EarlyStopping|ModelCheckpoint)"),
    ("warning-invalid-value", "a calculation met an invalid value",
     r"invalid value encountered|divide by zero encountered|overflow encountered|Mean of empty slice|"
     r"Degrees of freedom <= 0"),
    ("warning-numpy", "a compiled module warns of NumPy's version",
     r"Failed to initialize NumPy|compiled using NumPy 1"),
    ("warning-worker-copies", "a warning speaks of the data loader",
     r"worker processes in total|DataLoader running slow|num_workers"),
)  # fmt: skip


def _make_error_measure(pattern: str) -> Callable[[LogView], Finding]:
    search = re.compile(pattern, re.IGNORECASE)

    def measure(view: LogView) -> Finding:
        error = view.log.error
        if error is not None:
            text = "\n".join((str(error), *error.details))
            if search.search(text):
                line = view.line(error.line)
                return view.seen(str(error)[:200], lines=[line] if line else [])
        for line in view.kinds:
            if search.search(line.text, 0, MAX_SEARCHED):
                return view.seen(line.text.strip()[:200], lines=[line])
        return NOT_SEEN if len(view.lines) > 1 or error is not None else UNKNOWN

    return measure


for _name, _what, _pattern in _ERRORS:
    sign(_name, MESSAGE, f"The error says that {_what}.", f"Is there an error which says that {_what}?")(
        _make_error_measure(_pattern)
    )
for _name, _what, _pattern in _WARNINGS:
    sign(_name, MESSAGE, f"A warning says that {_what}.", f"Is there a warning which says that {_what}?")(
        _make_error_measure(_pattern)
    )


@sign(
    "ends-with-error",
    MESSAGE,
    "The run ends with an exception.",
    "Does the run end with an error?",
)
def measure_error(view: LogView) -> Finding:
    error = view.log.error
    if error is None or error.name.endswith("KeyboardInterrupt"):
        return NOT_SEEN if len(view.lines) > 1 else UNKNOWN
    line = view.line(error.line)
    return view.seen(str(error)[:200], lines=[line] if line else [])

"""Mistakes in how data is read, split and changed."""

import itertools

from kb.code.mistake import (
    BACKWARD,
    CERTAIN,
    HINT,
    LIKELY,
    OPTIMIZER_STEP,
    Proof,
    add_pattern,
    mistake,
)
from kb.code.snippet import Snippet

add_pattern(
    "not-shuffled",
    "data-missing-shuffle",
    "The training data is read in its order.",
    LIKELY,
    r"(?i)train\w*\s*=\s*(?:\w+\.)*DataLoader\((?![^\n]*(?:shuffle|sampler))|"
    r"(?:train\w*[^\n]*|fit(?:_generator)?\([^\n]*)shuffle\s*=\s*(?:False|F\b|FALSE)",
    lacks=r"\.shuffle\(|permutation\(|shuffle\s*=\s*True",
)
add_pattern(
    "validation-from-the-end",
    "data-missing-shuffle",
    "The validation part is the end of the data, whatever stands there.",
    HINT,
    r"fit\w*\([^\n]*validation_split\s*=",
    lacks=r"(?<!shuffle)\bshuffle\(|permutation\(|sample\(frac",
)


@mistake(
    "shuffled-separately",
    "data-label-misaligned",
    "Samples and labels are shuffled each in an order of their own.",
    CERTAIN,
)
def find_shuffled_separately(code: Snippet) -> Proof:
    found = code.find_all(
        r"(?:shuffle|permutation)\(\s*[\w.]+\s*\)|shuffle!\(|sample\(frac\s*=\s*1[^\n]*\)|"
        r"\[\s*(?:np\.random\.permutation|torch\.randperm|rng\.permutation|sample|randperm)\("
    )
    for (first, line), (second, other) in itertools.pairwise(found):
        texts = [code.statements[place].text for place in (first, second)]
        if (
            second == first + 1
            and texts[0] != texts[1]
            and not code.has(r"random_state\s*=\s*\w+|np\.random\.seed|set_state")
        ):
            return [line, other]
    return []


add_pattern(
    "validation-augmented",
    "data-augment-val",
    "The validation data goes through the transforms of the training.",
    CERTAIN,
    r"(?i)(?:val|test|valid)\w*\s*=\s*[^\n]*\b(?:train_?(?:transform\w*|tf\w*|aug\w*|pipeline|datagen\w*)|"
    r"transforms?_train|aug\w*_train)|"
    r"train_datagen\.flow\w*\([^\n]*(?:val|valid)\w*",
)
add_pattern(
    "one-reader-for-both",
    "data-augment-val",
    "One reader with random changes gives training and validation data.",
    LIKELY,
    r"ImageDataGenerator\([^\n]*(?:rotation_range|zoom_range|shear_range|brightness_range|shift_range|"
    r"horizontal_flip)[^\n]*validation_split|"
    r"ImageDataGenerator\([^\n]*validation_split[^\n]*(?:rotation_range|zoom_range|shear_range|brightness_range|"
    r"shift_range|horizontal_flip)",
)
add_pattern(
    "split-after-augmenting",
    "data-augment-val",
    "One dataset with random transforms is split into training and validation.",
    LIKELY,
    r"Random(?!State|Split|Sampler)[A-Z]\w+\(|ColorJitter\(",
    r"random_split\(",
    lacks=r"(?i)val\w*_?(?:transform|tfm?|aug)|(?:transform|tfm?)s?_?val|\.transform\s*=|deepcopy",
)
add_pattern(
    "mirrored",
    "data-flip-labels",
    "Pictures are mirrored, which may change what they show.",
    HINT,
    r"RandomHorizontalFlip|horizontal_flip\s*=\s*True|(?i:fliplr)\w*\s*=\s*0?\.[1-9]|RandomFlip|HorizontalFlip\(|"
    r"random_flip_left_right|RandomVerticalFlip|(?:aug|get)_transforms\((?![^\n]*do_flip\s*=\s*False)",
)


@mistake("first-batch-again", "data-same-batch", "Each step begins a new iterator, and takes its first batch.", CERTAIN)
def find_first_batch_again(code: Snippet) -> Proof:
    for place, line in code.find_all(
        r"\bnext\(\s*(?:iter\(|\w+\(\w+\)\s*\))|\.__next__\(\)|"
        r"make_one_shot_iterator\(\)\.get_next"
    ):
        loops = [n for n, _ in code.find_all(r"^(?:for|while) ") if n < place]
        if (
            loops
            and code.statements[place].indent > code.statements[loops[-1]].indent
            and code.has(
                rf"{BACKWARD}|{OPTIMIZER_STEP}|train_on_batch|value_and_grad|apply_gradients|tape\.gradient|update\("
            )
        ):
            return [line]
    return []


add_pattern(
    "same-seed-in-workers",
    "data-worker-seed",
    "Each worker draws the same random numbers of NumPy.",
    LIKELY,
    r"np\.random\.(?:seed\((?![^\n]*(?:initial_seed|worker_id|worker_info))|rand|uniform|randint|normal|choice)",
    r"num_workers\s*=\s*[1-9]|worker_init_fn|worker_id|NUM_WORKERS|n_workers",
    lacks=r"initial_seed\(\)|np\.random\.seed\([^\n]*worker_id",
)


@mistake(
    "fitted-before-split",
    "data-leaky-split",
    "A scaler or selection is fitted on all data, and then it is split.",
    CERTAIN,
)
def find_fitted_before_split(code: Snippet) -> Proof:
    fitted = code.find(r"\.fit_transform\(|(?i:scaler|pca|select\w*|imputer)\w*\.fit\(|SMOTE|fit_resample\(")
    split = code.find(r"train_test_split\(|KFold\(|\.split\(", fitted[0] + 1) if fitted else None
    return [fitted[1]] if fitted and split else []


add_pattern(
    "order-of-predictions",
    "eval-shuffled-order",
    "Predictions of a shuffled reader are compared with labels in file order.",
    CERTAIN,
    r"(?<!def )\b(?:flow(?:_from_\w+)?|image_dataset_from_directory)\((?![^\n]*shuffle\s*=\s*False)|"
    r"test\w*\s*=\s*[^\n]*DataLoader\([^\n]*shuffle\s*=\s*True",
    r"\.classes\b|predict(?:_generator|_classes)?\(|confusion_matrix|argmax",
    lacks=r"(?:flow\w*|from_directory|DataLoader)\([^\n]*shuffle\s*=\s*False",
)
add_pattern(
    "two-readers-of-pictures",
    "eval-preprocess-mismatch",
    "Pictures are read by two libraries, one of which puts blue first.",
    LIKELY,
    r"cv2\.(?:imread|VideoCapture|imdecode)|=\s*(?:camera|cap|video)\.read\(\)(?!\.)",
    r"PIL|Image\.open|torchvision|ImageFolder|flow_from_directory|preprocess\(|predict\(|Normalize\(",
    lacks=r"BGR2RGB|\[:, ?:, ?::-1\]|\[\.\.\., ?::-1\]",
)

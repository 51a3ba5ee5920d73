"""Training pairs for an encoder, made from the cases: what somebody might paste, and a passage of its case.

`kb.voices` has further descriptions of each case, in other words than the case's own.

What is pasted is rendered anew for every pair: a symptom with words left out or shortened to a title, the error below a
traceback, the recorded log in another print style with other names and numbers.
"""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from kb.read import TrainingLog, read_text
from kb.voices import load_voices
from repro.case import Case, Side
from repro.form import split_sections

VOICED = 0.5
"""Share of the pairs whose paste is one of the voices."""
LOG_LINES = 14
"""Records of a log that is pasted; real ones are about as long."""

SEEN, WRONG, FIX = "What you see", "What goes wrong", "The fix"
"""The sections that a passage is made of: the others speak of other cases, or of one probe."""


@dataclass(frozen=True)
class Pair:
    """Two texts that must come to lie near each other."""

    case_id: str
    query: str
    passage: str


@dataclass(frozen=True)
class CaseTexts:
    """What a case says, in prose without markup."""

    case_id: str
    symptoms: Sequence[str]
    headline: str
    """Title and summary."""
    error: str
    """As it is expected; empty if the buggy script does not raise."""
    log_text: str
    seen: str
    wrong: str
    fix: str
    voices: Sequence[str] = ()
    """What others would say who see this."""

    @property
    def passages(self) -> list[str]:
        """All texts that a query can be near to."""
        return [*self.symptoms, *self.explanations, *filter(None, [self.error]), self.log_text]

    @property
    def explanations(self) -> list[str]:
        """The texts that were written by somebody who knew the cause."""
        cause = self.wrong.partition("\n\n")[0]
        return [self.headline, self.seen, cause, f"{cause}\n\n{self.fix}"]

    @cached_property
    def log(self) -> TrainingLog:
        """The recorded log of the buggy script, read."""
        return read_text(self.log_text)


def gather_texts(case: Case) -> CaseTexts:
    """Read the texts of a case."""
    sections = split_sections(case.readme.read_text(encoding="utf-8"))
    log = case.log(Side.BUGGY)
    return CaseTexts(
        case_id=case.id,
        symptoms=case.symptoms,
        voices=load_voices().get(case.id, ()),
        headline=f"{case.title}. {case.summary}",
        error=case.expect.buggy.error or "",
        log_text=log.read_text(encoding="utf-8") if log.is_file() else "",
        seen=_strip_markup(sections.get(SEEN, "")),
        wrong=_strip_markup(sections.get(WRONG, "")),
        fix=_strip_markup(sections.get(FIX, "")),
    )


def _strip_markup(text: str) -> str:
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", prose).replace("`", "").replace("**", "")
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", prose))
    return "\n\n".join(part for part in paragraphs if part)


def make_pair(texts: CaseTexts, rng: random.Random) -> Pair:
    """One pair of a case: a paste, and a passage that it was not made from."""
    symptom, other = rng.sample(list(texts.symptoms), 2)
    if texts.voices and rng.random() < VOICED:
        voice = rng.choice(texts.voices)
        said = rng.choice([voice, voice, drop_words(voice, rng) if "\n" not in voice else voice])
        passage = rng.choice([symptom, other, *texts.explanations, *(one for one in texts.voices if one != voice)])
        return Pair(texts.case_id, said, passage)
    passage = rng.choice([other, other, *texts.explanations])
    kinds: list[Callable[[], str]] = [
        lambda: symptom,
        lambda: drop_words(symptom, rng),
        lambda: shorten(symptom, rng),
        lambda: f"{drop_words(symptom, rng)}\n\n{restyle_log(texts.log, rng)}",
    ]
    if texts.error:
        kinds += [lambda: wrap_error(texts.error, rng), lambda: f"{symptom}\n\n{wrap_error(texts.error, rng)}"]
    elif texts.log.series:
        kinds += [lambda: restyle_log(texts.log, rng)]
    return Pair(texts.case_id, rng.choice(kinds)().strip() or symptom, passage)


# ---- prose -----------------------------------------------------------------------------------

FILLERS = frozenset(
    "a an the is are was were it its this that these those and but or so just only even still very really also then "
    "there here of to in on at for with from by as be been has have had do does did my i".split()
)
"""Words that a hurried writer leaves out."""

TITLE_WORDS = 6


def drop_words(text: str, rng: random.Random, share: float = 0.15) -> str:
    """A text with a few words fewer."""
    kept = [word for word in text.split() if rng.random() >= share]
    return " ".join(kept) or text


def shorten(text: str, rng: random.Random) -> str:
    """A text as the title of a thread: the words that carry it, in their order."""
    words = [word.strip(",.;:?!()\"'") for word in text.split()]
    words = [word for word in words if word and word.lower() not in FILLERS]
    if len(words) > TITLE_WORDS:
        start = rng.randrange(len(words) - TITLE_WORDS + 1)
        words = words[start : start + TITLE_WORDS]
    return " ".join(words) or text


# ---- errors ----------------------------------------------------------------------------------

FILES = ("train.py", "main.py", "src/trainer.py", "run_experiment.py", "engine/loop.py", "<ipython-input-7-3fa1c2>")
FRAMES = (
    ("train", "loss = model(batch)"),
    ("main", "trainer.fit(model, loader)"),
    ("train_one_epoch", "for step, batch in enumerate(loader):"),
    ("training_step", "out = self(x)"),
    ("run", "self._run_epoch(epoch)"),
    ("<module>", "main()"),
)


def wrap_error(error: str, rng: random.Random) -> str:
    """An error as it is pasted: below a traceback or alone, its numbers changed."""
    message = re.sub(r"\d{2,}", lambda found: str(max(2, round(int(found[0]) * rng.choice((0.5, 1, 2))))), error)
    if rng.random() < 0.3:
        return message
    lines = ["Traceback (most recent call last):"] if rng.random() < 0.7 else []
    for name, source in rng.sample(FRAMES, rng.randint(1, 3)):
        lines += [f'  File "{rng.choice(FILES)}", line {rng.randint(9, 400)}, in {name}', f"    {source}"]
    return "\n".join([*lines, message])


# ---- logs ------------------------------------------------------------------------------------

NAMES = {
    "train_loss": ("train_loss", "loss", "trn_loss", "Train Loss", "train/loss", "Loss"),
    "val_loss": ("val_loss", "valid_loss", "eval_loss", "Val Loss", "validation loss", "dev_loss"),
    "train_acc": ("train_acc", "acc", "accuracy", "Train Acc"),
    "val_acc": ("val_acc", "val_accuracy", "valid acc", "eval_accuracy"),
    "lr": ("lr", "learning_rate", "LR"),
    "grad_norm": ("grad_norm", "gnorm", "Gradient Norm"),
    "wer": ("wer", "WER", "val_wer"),
}
"""How other programs print the names that the reader gives; other names are kept."""

Row = Sequence[tuple[str, str]]

STYLES: Sequence[Callable[[str, Row], str]] = (
    lambda x, row: f"Epoch {x}: " + ", ".join(f"{name}={value}" for name, value in row),
    lambda x, row: f"epoch {x} | " + " | ".join(f"{name} {value}" for name, value in row),
    lambda x, row: f"[{x}] " + "  ".join(f"{name}: {value}" for name, value in row),
    lambda x, row: f"Epoch {x}\n1/1 - 2s - " + " - ".join(f"{name}: {value}" for name, value in row),
    lambda x, row: "{" + ", ".join(f"'{name}': {value}" for name, value in row) + f", 'epoch': {x}}}",
    lambda x, row: f"INFO:trainer:step {x} " + " ".join(f"{name}={value}" for name, value in row),
    lambda x, row: ",".join([x, *(value for _, value in row)]),
)


def restyle_log(log: TrainingLog, rng: random.Random) -> str:
    """The log as another program might have printed it, with its warnings and its last error.

    All values of a series are scaled alike, so that what stands still goes on standing still.
    """
    style = rng.choice(STYLES)
    columns = []
    for one in list(log.series.values())[:6]:
        factor = rng.uniform(0.8, 1.25) if rng.random() < 0.5 else 1.0
        digits = rng.choice((3, 4, 6))
        values = {row: f"{value * factor:.{digits}g}" for row, value in zip(one.rows, one.values, strict=True)}
        columns.append((rng.choice(NAMES.get(one.name, (one.name.replace("_", " "),))), values))
    rows = range(log.count)
    if len(rows) > LOG_LINES:
        start = rng.choice((0, len(rows) - LOG_LINES))
        rows = rows[start : start + LOG_LINES]
    lines = [event.line.text.strip() for event in log.events[:3]]
    for number in rows:
        row = [(name, values[number]) for name, values in columns if number in values]
        if row:
            lines.append(style(f"{number if math.isnan(log.x[number]) else log.x[number]:g}", row))
    return "\n".join([*lines, *([str(log.error)] if log.error else [])])

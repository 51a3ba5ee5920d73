"""The card of a model: where it comes from, how it was made, and the sha256 that its files must have."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.errors import EncoderError
from repro.files import write_whole

CARD, MODEL, TOKENIZER = "card.json", "model.onnx", "tokenizer.json"
"""The files of a model's folder."""

HOW_TO_MEND = "install the package anew (pip install --force-reinstall repro-cases), or choose another by --encoder"


@dataclass(frozen=True)
class Card:
    """What a program must know of a model, and what people want to."""

    name: str
    dimension: int
    max_tokens: int
    """Longer texts are cut."""
    files: Mapping[str, str]
    """sha256 by file name."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Source, licence, how it was made, figures."""

    @property
    def digest(self) -> str:
        """Of all that decides what the vectors are."""
        parts = (self.max_tokens, *sorted(self.files.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def read_card(folder: Path) -> Card:
    """The card of a model's folder.

    Raises:
        EncoderError: there is none, or it is damaged.

    """
    path = folder / CARD
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = {name: str(data["files"][name]) for name in (MODEL, TOKENIZER)}
        return Card(str(data["name"]), int(data["dimension"]), int(data["max_tokens"]), files, data["about"])
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror}); {HOW_TO_MEND}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path}: is damaged ({type(error).__name__}: {error}); {HOW_TO_MEND}") from None


def read_checked(folder: Path, name: str, card: Card) -> bytes:
    """The bytes of a model's file, which are those that the card was written for.

    Raises:
        EncoderError: the file is missing, or is another one.

    """
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror}); {HOW_TO_MEND}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != card.files[name]:
        raise EncoderError(
            f"{path}: is damaged or was changed: its sha256 is {found[:12]}…, {CARD} says {card.files[name][:12]}…; "
            f"{HOW_TO_MEND}"
        )
    return data


def write_card(folder: Path, name: str, dimension: int, max_tokens: int, about: Mapping[str, Any]) -> Card:
    """Write the card for the files that lie in a folder."""
    files = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in (MODEL, TOKENIZER)}
    row = {"name": name, "dimension": dimension, "max_tokens": max_tokens, "files": files, "about": about}
    write_whole(folder / CARD, json.dumps(row, indent=2, ensure_ascii=False) + "\n")
    return Card(name, dimension, max_tokens, files, about)

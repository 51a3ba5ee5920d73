"""What an encoder is, and which one is asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kb.errors import EncoderError

ENCODER_VARIABLE = "REPRO_ENCODER"
"""Environment variable with the encoder to use where the command line names none."""

SHIPPED = "shipped"
"""Name of the encoder that comes with the package; it is the default."""

MAX_CHARACTERS = 20_000
"""Of a text that a model sees, before it cuts to its own limit of tokens: splitting megabytes into tokens, to keep
the first few hundred, would take seconds."""

Vectors = NDArray[np.float32]
"""One row a text, of length 1: the inner product of two rows is their cosine."""


class Encoder(Protocol):
    """Turns texts into vectors. The same text always gets the same vector, to rounding, whatever is beside it."""

    @property
    def name(self) -> str:
        """What it is called, for people."""

    @property
    def digest(self) -> str:
        """Changes when the vectors may. Vectors of different digests must not be compared."""

    @property
    def dimension(self) -> int:
        """Length of a row."""

    def prepare(self) -> None:
        """Begin to load what the first text needs, beside what else is done. It raises nothing: the first text does."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text.

        Raises:
            EncoderError: the model is missing, is not what it should be, or cannot run here.

        """


def load_encoder(name: str | None = None) -> Encoder:
    """The encoder of this name, else the one of `REPRO_ENCODER`, else the shipped one.

    A folder that `kb.encoder.train` wrote is run without torch, like the shipped one. Any other name or folder is
    that of a sentence-transformers model. Nothing is read or imported before the encoder is used.

    Raises:
        EncoderError: the name is clearly a path, and no folder is there.

    """
    from kb.encoder.onnx_encoder import OnnxEncoder
    from kb.encoder.sentence_encoder import SentenceTransformerEncoder

    wanted = (name or os.environ.get(ENCODER_VARIABLE) or SHIPPED).strip()
    if wanted == SHIPPED:
        return OnnxEncoder()
    folder = Path(wanted).expanduser()
    if (folder / "card.json").is_file():
        return OnnxEncoder(folder)
    if wanted.startswith(("/", ".", "~")) and not folder.is_dir():
        raise EncoderError(f'encoder "{wanted}": there is no such folder')
    return SentenceTransformerEncoder(str(folder) if folder.is_dir() else wanted)


def clean_text(text: str) -> str:
    """What of a text an encoder is given: its beginning, in characters that UTF-8 has."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")

"""The encoder that ships: an ONNX model with int8 weights, run without torch."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kb.encoder.card import MODEL, TOKENIZER, Card, read_card, read_checked
from kb.encoder.encode import Vectors, clean_text
from kb.errors import EncoderError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

SHIPPED_MODEL = Path(__file__).resolve().parent / "model"


class OnnxEncoder:
    """A model of `kb.encoder.train`. It is read at the first text; the card alone tells name and digest."""

    def __init__(self, folder: Path = SHIPPED_MODEL, threads: int = 1) -> None:
        """Take the model of a folder.

        Args:
            threads: processors for one text; a text is too short to gain much from more than one.

        """
        self._folder = folder
        self._threads = threads
        self._loading = threading.Lock()
        self._parts: tuple[Tokenizer, InferenceSession] | None = None

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def digest(self) -> str:
        return self.card.digest

    @property
    def dimension(self) -> int:
        return self.card.dimension

    @cached_property
    def card(self) -> Card:
        """Where the model comes from and how it was made."""
        return read_card(self._folder)

    def encode(self, texts: Sequence[str]) -> Vectors:
        # One text a run: int8 activations are scaled by the largest of the whole batch, so that in a batch a text's
        # vector would depend on its neighbours and its padding. On one processor a batch is hardly faster.
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        tokenizer, session = self._load()
        for row, text in enumerate(texts):
            tokens = tokenizer.encode(clean_text(text)).ids
            (vectors[row],) = session.run(None, {"input_ids": np.array([tokens], dtype=np.int64)})[0]
        return vectors

    def prepare(self) -> None:
        def load() -> None:
            with suppress(EncoderError):  # the first text raises it again
                self._load()

        threading.Thread(target=load).start()

    def _load(self) -> "tuple[Tokenizer, InferenceSession]":
        with self._loading:
            if self._parts is None:
                self._parts = self._read_tokenizer(), self._read_session()
            return self._parts

    def _read_tokenizer(self) -> "Tokenizer":
        data = read_checked(self._folder, TOKENIZER, self.card)
        try:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_buffer(data)
        except Exception as error:  # it raises bare exceptions for what it cannot read
            raise EncoderError(f"{self._folder / TOKENIZER}: tokenizers cannot use it: {error}") from None
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.card.max_tokens)
        return tokenizer

    def _read_session(self) -> "InferenceSession":
        data = read_checked(self._folder, MODEL, self.card)
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 3  # errors, which are raised as well; its warnings are for developers
            return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base
            raise EncoderError(f"{self._folder / MODEL}: onnxruntime cannot run it: {error}") from None

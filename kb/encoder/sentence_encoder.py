"""Any sentence-transformers model, by its name on the hub or its folder. Imports torch, which takes seconds."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kb.encoder.encode import Vectors, clean_text
from kb.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HUB_TIMEOUT = 10.0
"""Seconds until the hub counts as out of reach."""


class SentenceTransformerEncoder:
    """A sentence-transformers model, loaded at its first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @cached_property
    def digest(self) -> str:
        """Of the weights themselves: a name or a folder may hold another model tomorrow."""
        digest = hashlib.sha256(f"{self._model} {self._model.max_seq_length} {self._model.prompts}".encode())
        for key, tensor in sorted(self._model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def dimension(self) -> int:
        return int(self.encode(["dimension"]).shape[1])

    def prepare(self) -> None:
        """Nothing: importing torch holds up all else, in the background too."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        vectors = self._model.encode(
            [clean_text(text) for text in texts], normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise EncoderError(
                f'encoder "{self._name}" needs sentence-transformers: pip install "repro-cases[train]"; '
                f"without --encoder and REPRO_ENCODER the shipped encoder is used, which needs nothing more"
            ) from None
        try:
            try:
                return SentenceTransformer(self._name, local_files_only=True)
            except Exception:
                if Path(self._name).is_dir():
                    raise
                self._require_hub()
                return SentenceTransformer(self._name)
        except EncoderError:
            raise
        except Exception as error:  # four libraries are at work below, each with errors of its own
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise EncoderError(
                f'encoder "{self._name}": sentence-transformers cannot load it ({reason}); give the name of a model '
                f"on the hub, or a folder with one"
            ) from None

    def _require_hub(self) -> None:
        """Ask the hub once: the loader itself would try for more than a minute."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            HfApi().model_info(self._name, timeout=HUB_TIMEOUT)
        except (HfHubHTTPError, HFValidationError):
            return  # it answered, or need not be asked; the loader knows more names and says what is wrong
        except Exception:
            raise EncoderError(
                f'encoder "{self._name}" is not on this machine, and the hub cannot be reached; give the folder of a '
                f"model, or leave --encoder and REPRO_ENCODER out for the shipped encoder"
            ) from None

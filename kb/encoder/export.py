"""Write a sentence-transformers model as a folder that `OnnxEncoder` runs: int8 ONNX, tokenizer and card."""

import importlib.metadata
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from kb.encoder.card import MODEL, TOKENIZER, Card, write_card

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

OPSET = 17
"""The first with LayerNormalization as one operator."""
MAX_TOKENS = 256
"""What all-MiniLM-L6-v2 was made for."""

HOW = (
    "Exported to ONNX for one text at a time, without padding: mean over the tokens and division by the length are "
    "part of the graph. Weights of all matrix products (one scale a column, 7 bits used, so that processors without "
    "VNNI do not saturate) and of the embeddings are int8, activations are quantised as they come."
)


class PooledBert(nn.Module):
    """Tokens of one text to its vector. No mask, because there is no padding."""

    def __init__(self, model: "SentenceTransformer") -> None:
        super().__init__()
        self.bert: Any = model.transformers_model

    def forward(self, input_ids: Tensor) -> Tensor:
        hidden = self.bert.encoder(self.bert.embeddings(input_ids)).last_hidden_state
        return nn.functional.normalize(hidden.mean(1), dim=1)


def export_model(model: "SentenceTransformer", folder: Path, name: str, about: Mapping[str, Any]) -> Card:
    """Write the three files. The model must have been loaded with `attn_implementation="eager"`."""
    folder.mkdir(parents=True, exist_ok=True)
    network = PooledBert(model).cpu().eval()
    with tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch) / "exact.onnx"
        _export(network, exact)
        _quantise(exact, folder / MODEL)
    tokenizer = type(model.tokenizer.backend_tokenizer).from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    dimension = int(model.get_embedding_dimension() or 0)
    packages = ("torch", "transformers", "sentence-transformers", "onnx", "onnxruntime")
    made_with = {package: importlib.metadata.version(package) for package in packages}
    return write_card(folder, name, dimension, MAX_TOKENS, {**about, "export": HOW, "made_with": made_with})


def _export(network: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        # The exporter by tracing is called old. The new one would need two packages more for the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.arange(1000, 1012).view(1, -1),),
            str(path),
            input_names=["input_ids"],
            output_names=["vector"],
            dynamic_axes={"input_ids": {1: "tokens"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _quantise(exact: Path, path: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(exact), str(path), per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    onnx.checker.check_model(str(path))

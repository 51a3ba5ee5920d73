"""Texts as vectors: those of like meaning lie near each other. The shipped model needs no torch and no network."""

from kb.encoder.encode import Encoder, Vectors, load_encoder
from kb.encoder.onnx_encoder import SHIPPED_MODEL, OnnxEncoder
from kb.encoder.sentence_encoder import SentenceTransformerEncoder

__all__ = [
    "SHIPPED_MODEL",
    "Encoder",
    "OnnxEncoder",
    "SentenceTransformerEncoder",
    "Vectors",
    "load_encoder",
]

"""What the page for pasting a log matches with, in the browser: the library, its vectors, and the encoder.

The page's script asks for these files only when somebody presses its button. They are made anew with each build, like
the pages, so that none of them can be older than the cases.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kb import words
from kb.encoder import Vectors, load_encoder
from kb.encoder.card import MODEL, TOKENIZER
from kb.encoder.onnx_encoder import SHIPPED_MODEL
from kb.match import features, fusion, matcher, query
from kb.match.explain import find_fix
from kb.normal import PREFIX, load_answers
from kb.passages import PassageKind
from repro.case import Case
from repro.collection import find_collection
from repro.files import write_whole

FOLDER = "paste"
LIBRARY, VECTORS = "library.json", "vectors.bin"
RUNTIME = "javascripts/onnxruntime-web"
RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.js", "ort-wasm-simd-threaded.wasm")
MOST_BYTES = 40_000_000
"""Of all files together: what somebody on a slow line can be asked to load."""
ALONE = {"words": 0.8, "error": 1.0}
"""Weights where there is no encoder. A known message counts there, since nothing else tells what it means."""


@dataclass(frozen=True)
class PasteData:
    """What was written, for the page that says so."""

    version: str
    """Of the library; a browser that holds another does not use it."""
    bytes_words: int
    """Of what matching by words and messages loads."""
    bytes_all: int
    """Of everything."""


def write_paste_data(docs: Path) -> PasteData:
    """Write the files into their folder below the docs.

    Raises:
        ValueError: they are larger than a page may ask for.

    """
    folder = docs / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = find_collection().load_all()
    library = features.make_library(cases, load_encoder("shipped"))
    (folder / VECTORS).write_bytes(pack_vectors(library.index.vectors))
    for name in (MODEL, TOKENIZER):
        shutil.copyfile(SHIPPED_MODEL / name, folder / name)
    paths = [folder / VECTORS, folder / MODEL, folder / TOKENIZER, *(docs / RUNTIME / name for name in RUNTIME_FILES)]
    files = {path.name: _describe_file(path, docs) for path in paths}
    text = json.dumps(make_library_data(cases, library, files), ensure_ascii=False, separators=(",", ":"))
    write_whole(folder / LIBRARY, text + "\n")
    data = read_paste_data(docs)
    if data.bytes_all > MOST_BYTES:
        raise ValueError(f"pasting a log would load {data.bytes_all:,} bytes, over {MOST_BYTES:,}: {files}")
    return data


def read_paste_data(docs: Path) -> PasteData:
    """What stands in the folder."""
    text = (docs / FOLDER / LIBRARY).read_bytes()
    others = sum(file["bytes"] for file in json.loads(text)["files"].values())
    return PasteData(hashlib.sha256(text).hexdigest()[:16], len(text), len(text) + others)


def make_library_data(cases: Sequence[Case], library: features.Library, files: Mapping[str, Any]) -> dict[str, Any]:
    """The cases, what lies outside of them, the passages, and every number that the matching uses."""
    kinds = list(PassageKind)
    return {
        "cases": [
            {"id": case.id, "title": case.title, "summary": case.summary, "fix": find_fix(case)} for case in cases
        ],
        "outside": [_describe_outside(name) for name in library.case_ids[library.inside :]],
        "kinds": kinds,
        "passages": [
            [int(owner), kinds.index(passage.kind), passage.text]
            for owner, passage in zip(library.owners, library.passages, strict=True)
        ],
        "weights": make_weights(),
        "limits": make_limits(),
        "dimension": library.index.vectors.shape[1],
        "files": files,
    }


def make_weights() -> dict[str, Any]:
    """The numbers of the fusion, and how words and messages are weighed where there is nothing else."""
    weights = fusion.load_weights()
    return {
        "kinds": weights.kinds,
        "vague": weights.vague,
        "alone": ALONE,
        "none": weights.none,
        "centre": weights.centre,
        "scale": weights.scale,
    }


def make_limits() -> dict[str, Any]:
    """The constants of the Python side, so that the two cannot come apart."""
    return {
        "maxText": query.MAX_TEXT,
        "maxLines": query.MAX_LINES,
        "maxProse": query.MAX_PROSE,
        "endOfWhole": query.END_OF_WHOLE,
        "pooled": features.POOLED,
        "pooledVoices": features.POOLED_VOICES,
        "errorKnown": features.ERROR_KNOWN,
        "stop": sorted(words.STOP),
        "fewWords": fusion.FEW_WORDS,
        "sure": matcher.SURE,
        "noneOfThese": matcher.NONE_OF_THESE,
    }


def pack_vectors(vectors: Vectors) -> bytes:
    """One float32 a row to scale it by, then the rows as int8: a quarter of the size, and the ranking is the same."""
    scales: Vectors = (np.abs(vectors).max(axis=1, keepdims=True) / 127).astype("<f4")
    rows = np.rint(vectors / np.maximum(scales, 1e-12)).astype(np.int8)
    return bytes(scales.tobytes() + rows.tobytes())


def _describe_outside(name: str) -> dict[str, Any]:
    answer = load_answers().get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    return {"normal": {key: getattr(answer, key) for key in ("title", "reason", "not_if")}} if answer else {}


def _describe_file(path: Path, docs: Path) -> dict[str, Any]:
    """Where a file lies on the site, how large it is, and what tells it from another build's."""
    data = path.read_bytes()
    return {
        "path": path.relative_to(docs).as_posix(),
        "bytes": len(data),
        "digest": hashlib.sha256(data).hexdigest()[:16],
    }

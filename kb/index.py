"""What is searched, made ready: the vectors of all passages, and their words.

Made once, kept with the digest of what they were made from, made anew when stale.

    python -m kb.index           write the index that is shipped (`make index`)

On disk are arrays without pickle, of two bytes a number, which is as exact as a ranking needs, and a manifest. They are
used only when the manifest names exactly the passages and the encoder at hand; anything else, a cut or changed file
included, means that all is computed again.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kb.encoder import Encoder, Vectors, load_encoder
from kb.passages import Passage, digest_passages
from kb.words import WordIndex, digest_method, index_words, read_words

SHIPPED = Path(__file__).parent / "data" / "index"
STORED = np.float16
VECTORS, WORDS, MANIFEST = "vectors.npy", "words.npz", "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What an index was made from."""

    passages: str
    words: str
    encoder: str
    shape: tuple[int, int]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True, eq=False)
class Index:
    """The passages as they are searched, by meaning and by words."""

    vectors: Vectors
    words: WordIndex


def load_index(passages: Sequence[Passage], encoder: Encoder) -> Index:
    """The index of the passages, the shipped one or that of the cache; else it is made, and kept there."""
    wanted = describe_index(passages, encoder)
    cached = find_cache() / f"{wanted.passages}-{wanted.encoder[:16]}"
    for folder in (SHIPPED, cached):
        index = read_index(folder, wanted)
        if index is not None:
            return index
    index = make_index(passages, encoder)
    with suppress(OSError):  # a full disk or a read-only home costs time, not the answer
        write_index(cached, wanted, index)
    return index


def describe_index(passages: Sequence[Passage], encoder: Encoder) -> Manifest:
    """What an index of these passages must have been made from."""
    return Manifest(digest_passages(passages), digest_method(), encoder.digest, (len(passages), encoder.dimension))


def make_index(passages: Sequence[Passage], encoder: Encoder) -> Index:
    """The index, with the numbers that reading it from disk would give."""
    texts = [passage.text for passage in passages]
    return Index(encoder.encode(texts).astype(STORED).astype(np.float32), index_words(texts))


def read_index(folder: Path, wanted: Manifest) -> Index | None:
    """The index of a folder, or None when it is not the one that is wanted."""
    try:
        if (folder / MANIFEST).read_text(encoding="utf-8") != wanted.to_json():
            return None
        vectors = np.load(folder / VECTORS, allow_pickle=False)
        words = read_words(folder / WORDS, wanted.shape[0])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if words is None or vectors.shape != wanted.shape or vectors.dtype != STORED or not np.isfinite(vectors).all():
        return None
    return Index(vectors.astype(np.float32), words)


def write_index(folder: Path, manifest: Manifest, index: Index) -> None:
    """Write an index whole or not at all: into a folder aside that then takes the name.

    Two processes may do so at once; the later one finds the folder there and leaves its own.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".index-", ignore_cleanup_errors=True) as aside:
        made = Path(aside) / "made"
        made.mkdir()
        np.save(made / VECTORS, index.vectors.astype(STORED), allow_pickle=False)
        index.words.write(made / WORDS)
        (made / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        if folder.exists():
            with suppress(OSError):
                folder.rename(Path(aside) / "old")
        with suppress(OSError):
            made.rename(folder)


def find_cache() -> Path:
    """Where the indexes of cases that are not shipped are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro" / "index"


def main() -> None:
    """Write the index of the shipped cases with the shipped encoder."""
    from kb.match.features import gather_passages
    from repro.collection import find_collection

    passages = gather_passages(find_collection().load_all())
    encoder = load_encoder("shipped")
    write_index(SHIPPED, describe_index(passages, encoder), make_index(passages, encoder))


if __name__ == "__main__":
    main()

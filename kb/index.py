"""The vectors of all passages: made once, kept with the digest of what they were made from, made anew when stale.

    python -m kb.index           write the index that is shipped (`make index`)

On disk are an array without pickle, of two bytes a number, which is as exact as a ranking needs, and a manifest. They
are used only when the manifest names exactly the passages and the encoder at hand; anything else, a cut or changed file
included, means that the vectors are computed again.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb.encoder import Encoder, Vectors, load_encoder
from kb.passages import Passage, digest_passages

SHIPPED = Path(__file__).parent / "data" / "index"
STORED = np.float16
VECTORS, MANIFEST = "vectors.npy", "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What vectors were made from."""

    passages: str
    encoder: str
    shape: tuple[int, int]

    def to_json(self) -> str:
        return (
            json.dumps({"passages": self.passages, "encoder": self.encoder, "shape": list(self.shape)}, indent=2) + "\n"
        )


def load_vectors(passages: Sequence[Passage], encoder: Encoder) -> Vectors:
    """The vectors of the passages, from the shipped index, the cache, or the encoder."""
    wanted = Manifest(digest_passages(passages), encoder.digest, (len(passages), encoder.dimension))
    for folder in (SHIPPED, find_cache() / f"{wanted.passages}-{wanted.encoder[:16]}"):
        vectors = read_vectors(folder, wanted)
        if vectors is not None:
            return vectors
    vectors = encoder.encode([passage.text for passage in passages]).astype(STORED).astype(np.float32)
    with suppress(OSError):  # a full disk or a read-only home costs time, not the answer
        write_vectors(folder, wanted, vectors)
    return vectors


def read_vectors(folder: Path, wanted: Manifest) -> Vectors | None:
    """The vectors of a folder, or None when they are not those that are wanted."""
    try:
        if (folder / MANIFEST).read_text(encoding="utf-8") != wanted.to_json():
            return None
        stored = np.load(folder / VECTORS, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if stored.shape != wanted.shape or stored.dtype != STORED or not np.isfinite(stored).all():
        return None
    vectors: Vectors = stored.astype(np.float32)
    return vectors


def write_vectors(folder: Path, manifest: Manifest, vectors: Vectors) -> None:
    """Write an index whole or not at all: into a folder aside that then takes the name.

    Two processes may do so at once; the later one finds the folder there and leaves its own.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".index-", ignore_cleanup_errors=True) as aside:
        made = Path(aside) / "made"
        made.mkdir()
        np.save(made / VECTORS, vectors.astype(STORED), allow_pickle=False)
        (made / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        if folder.exists():
            with suppress(OSError):
                folder.rename(Path(aside) / "old")
        with suppress(OSError):
            made.rename(folder)


def find_cache() -> Path:
    """Where vectors of cases that are not shipped are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro" / "index"


def main() -> None:
    """Write the index of the shipped cases with the shipped encoder."""
    from kb.match.features import gather_passages
    from repro.collection import find_collection

    passages = gather_passages(find_collection().load_all())
    encoder = load_encoder("shipped")
    vectors = encoder.encode([passage.text for passage in passages])
    write_vectors(SHIPPED, Manifest(digest_passages(passages), encoder.digest, vectors.shape), vectors)


if __name__ == "__main__":
    main()

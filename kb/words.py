"""Search by words: BM25 over the passages.

bm25s makes the table. What is kept of it is read and summed up by NumPy alone: importing bm25s, with SciPy behind it,
takes longer than a whole search.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

METHOD = "lucene"
STOP = frozenset(
    (
        "the a an and or is are was be it i my to of in on for with that this as at by not but if so do does have has"
    ).split()
)
_TOKEN = re.compile(r"[a-z_]+[a-z0-9_]*|[^\x00-\x7f]")


@dataclass(frozen=True, eq=False)
class WordIndex:
    """What each word adds to the score of each passage that has it: a sparse table, word by word."""

    vocabulary: Mapping[str, int]
    """The number of each word."""
    starts: NDArray[np.int64]
    """Where the entries of each word begin in the two arrays below; one more than there are words."""
    passages: NDArray[np.int32]
    scores: NDArray[np.float32]
    count: int
    """Of passages."""

    def score(self, words: Iterable[str]) -> NDArray[np.float64]:
        """BM25 of a query's words, (passages,); a word that is there twice counts twice."""
        total = np.zeros(self.count)
        for word, times in Counter(words).items():
            number = self.vocabulary.get(word)
            if number is not None:
                entries = slice(self.starts[number], self.starts[number + 1])
                total[self.passages[entries]] += times * self.scores[entries]
        return total

    def write(self, path: Path) -> None:
        """Write it as arrays without pickle."""
        np.savez(
            path,
            vocabulary=np.frombuffer("\n".join(self.vocabulary).encode(), dtype=np.uint8),
            starts=self.starts,
            passages=self.passages.astype(np.min_scalar_type(self.count)),
            scores=self.scores.astype(np.float16),
            count=np.array(self.count),
        )


def read_words(path: Path, count: int) -> WordIndex | None:
    """What `WordIndex.write` wrote for so many passages.

    Raises:
        OSError, ValueError, KeyError: it is no such file; None where its parts do not fit each other.

    """
    with np.load(path, allow_pickle=False) as data:
        vocabulary = data["vocabulary"].tobytes().decode().split("\n")
        starts, passages, scores = data["starts"], data["passages"], data["scores"]
        held = int(data["count"])
    fits = (
        held == count
        and starts.shape == (len(vocabulary) + 1,)
        and starts[0] == 0
        and starts[-1] == len(passages) == len(scores)
        and bool((np.diff(starts) >= 0).all() and (passages < count).all() and np.isfinite(scores).all())
    )
    if not fits:
        return None
    numbers = {word: number for number, word in enumerate(vocabulary)}
    return WordIndex(numbers, starts, passages.astype(np.int32), scores.astype(np.float32), count)


def index_words(texts: Sequence[str]) -> WordIndex:
    """The table for some texts."""
    import bm25s

    retriever = bm25s.BM25(method=METHOD)
    retriever.index([tokenise(text) for text in texts], show_progress=False)
    starts, passages, scores = (retriever.scores[name] for name in ("indptr", "indices", "data"))
    words = sorted(word for word in retriever.vocab_dict if word)  # bm25s adds an empty one
    entries = [slice(*starts[retriever.vocab_dict[word] :][:2]) for word in words]
    return WordIndex(
        {word: number for number, word in enumerate(words)},
        np.cumsum([0, *(entry.stop - entry.start for entry in entries)]),
        np.concatenate([passages[entry] for entry in entries]).astype(np.int32),
        np.concatenate([scores[entry] for entry in entries]).astype(np.float16).astype(np.float32),
        len(texts),
    )


def tokenise(text: str) -> list[str]:
    """Words for BM25, in lower case, plural and singular alike."""
    words = _TOKEN.findall(text.lower())
    return [
        word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word
        for word in words
        if word not in STOP
    ]


def digest_method() -> str:
    """Changes when words are cut or weighed in another way."""
    cut = tokenise("The losses, class_weights and val_loss2 of a bus: 损失 NaN?")
    return hashlib.sha256(repr((METHOD, _TOKEN.pattern, sorted(STOP), cut)).encode()).hexdigest()[:16]

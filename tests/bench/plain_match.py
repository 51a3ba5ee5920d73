"""What somebody would write without this project: sentence_transformers and FAISS over the symptoms of the cases.

python tests/bench/plain_match.py MODEL LOG INDEX
"""

import sys
import tomllib
from pathlib import Path

import faiss
from sentence_transformers import SentenceTransformer

CASES = Path(__file__).parents[2] / "cases"


def main() -> None:
    """Print the five cases whose symptoms are nearest to the log."""
    model = SentenceTransformer(sys.argv[1], device="cpu")
    known = [(path.parent.name, tomllib.loads(path.read_text(encoding="utf-8"))) for path in CASES.glob("*/case.toml")]
    owners = [name for name, case in known for _ in case["symptoms"]]
    stored = Path(sys.argv[3])
    if stored.is_file():
        index = faiss.read_index(str(stored))
    else:
        texts = [symptom for _, case in known for symptom in case["symptoms"]]
        vectors = model.encode(texts, normalize_embeddings=True)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        faiss.write_index(index, str(stored))
    query = model.encode([Path(sys.argv[2]).read_text(encoding="utf-8")], normalize_embeddings=True)
    scores, places = index.search(query, 20)
    for name in list(dict.fromkeys(owners[place] for place in places[0]))[:5]:
        print(name, scores[0][0])


if __name__ == "__main__":
    main()

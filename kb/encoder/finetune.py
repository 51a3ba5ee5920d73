"""Fine-tune a sentence-transformers model on the cases: what is pasted of a case must be nearest to that case."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from kb.encoder.pairs import CaseTexts, make_pair

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Recipe:
    """How a model is fine-tuned."""

    steps: int = 150
    batch: int = 40
    """Cases a step, one pair of each: no pair has its own case among its negatives."""
    learning_rate: float = 2e-5
    warmup: float = 0.1
    """Share of the steps."""
    max_tokens: int = 80
    """Of a text while training, which takes time by the token."""
    clip_norm: float = 1.0
    seed: int = 0


def fine_tune(
    model: "SentenceTransformer",
    library: Sequence[CaseTexts],
    recipe: Recipe,
    on_step: Callable[[int, float], None] | None = None,
) -> "SentenceTransformer":
    """A fine-tuned copy of the model."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    rng = random.Random(recipe.seed)
    torch.manual_seed(recipe.seed)
    tuned: Any = copy.deepcopy(model).train()
    tuned.max_seq_length = recipe.max_tokens
    # The vectors of the words are half of the weights, and a few cases have too few words to move them well.
    tuned.transformers_model.embeddings.requires_grad_(False)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.01)
    warmup = max(1, round(recipe.warmup * recipe.steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (recipe.steps - step) / max(1, recipe.steps - warmup))
    )
    objective = MultipleNegativesRankingLoss(tuned)
    for step in range(1, recipe.steps + 1):
        chosen = rng.sample(list(library), min(recipe.batch, len(library)))
        pairs = [make_pair(texts, rng) for texts in chosen]
        sides = ([pair.query for pair in pairs], [pair.passage for pair in pairs])
        loss = objective([tuned.preprocess(side) for side in sides], None)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if on_step:
            on_step(step, loss.item())
    tuned.max_seq_length = model.max_seq_length
    tuned.eval()
    return tuned

"""The page of mistakes that are looked for in code, and whose bug each is."""

from kb.code import Certainty, Mistake, list_mistakes
from repro.case import Stage
from site_pages.library import Library
from site_pages.markdown import escape_text, link_case, make_code, make_front_matter, make_table

HEADINGS = {
    Stage.DATA: "Data",
    Stage.MODEL: "Model",
    Stage.LOSS: "Loss",
    Stage.LOOP: "Training loop",
    Stage.OPTIM: "Optimizer",
    Stage.PRECISION: "Precision",
    Stage.EVAL: "Evaluation",
    Stage.CHECKPOINT: "Checkpoints",
    Stage.ENVIRONMENT: "Environment",
    Stage.SCALE: "Several devices",
}
CERTAINTY = {
    Certainty.CERTAIN: "it is the bug",
    Certainty.LIKELY: "likely the bug",
    Certainty.HINT: "a hint; right code has it as well",
}


def make_mistakes_page(library: Library) -> str:
    """A table for each part of a training program, a row a mistake."""
    mistakes = list_mistakes()
    parts = [
        make_front_matter({
            "title": "Mistakes in code",
            "description": f"The {len(mistakes)} mistakes that are looked for in the code of a paste, and their cases.",
            "source": "kb/code/__init__.py",
        }),
        "# Mistakes in code\n",
        "People who ask about a broken run often paste a piece of the program. "
        f"These {len(mistakes)} mistakes are looked for in it, in PyTorch and in other frameworks. The code is read as "
        "text and never run. What is found is quoted with its line, and speaks for the case whose bug it is. A snippet "
        "is only a part of a program, so a mistake that is not found speaks against nothing.\n",
        "Each is found in the buggy script of its case and not in the fixed one, or in a snippet of another framework "
        "and not in the same snippet mended.\n",
    ]  # fmt: skip
    for stage, heading in HEADINGS.items():
        rows = [_make_row(one, library) for one in mistakes if library.by_id[one.cases[0]].stage is stage]
        if rows:
            parts += [f"## {heading}\n", make_table(("mistake", "what is seen", "how sure", "case"), rows)]
    return "\n".join(parts)


def _make_row(one: Mistake, library: Library) -> tuple[str, ...]:
    cases = ", ".join(link_case(library.by_id[case_id], "cases/") for case_id in one.cases)
    return make_code(one.id), escape_text(one.sentence), CERTAINTY[one.certainty], cases

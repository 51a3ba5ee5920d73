"""Fill the generated parts of README.md: the transcripts of the two main commands, and the table of all cases.

    python docs/generate_readme.py

A part stands between `<!-- NAME:start -->` and `<!-- NAME:end -->`. `tests/test_readme.py` fails when one is stale.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from repro.case import Case, System
from repro.collection import find_collection, shipped_folder
from repro.files import write_whole

ROOT = shipped_folder().parent
README = ROOT / "README.md"
SHOWN_CASE = "gait-transpose"
TRANSCRIPTS = {
    "match": ("match", "examples/wer-stays-at-100.log", "--top", "1"),
    "transcript": ("case", SHOWN_CASE),
}
"""Commands whose output stands in the README, by the name of the part."""
WIDTH = 100

SYSTEM_NAMES = {
    System.GAIT: "gait: Siamese gait recognition, four generations of code",
    System.SIGN: "sign: continuous sign-language recognition, MobileNetV3, BiLSTM and CTC",
    System.RIS: "ris: covariance of a RIS panel with a source-count head, AMP, EMA and accumulation",
    System.VISION: "vision: waste-image classifier, EVA-02, on Apple MPS",
    System.DATA: "data: what goes into the model",
    System.MODEL: "model: how it is built",
    System.LOSS: "loss: what is minimised",
    System.LOOP: "loop: the training loop itself",
    System.OPTIM: "optim: optimizer and learning rate",
    System.PREC: "prec: half precision",
    System.EVAL: "eval: how it is measured",
    System.CKPT: "ckpt: saving and loading",
    System.LM: "lm: language models",
    System.GAN: "gan: adversarial training",
    System.SSL: "ssl: self-supervised training",
    System.FIT: "fit: generalisation",
    System.ENV: "env: devices, types, memory, seeds",
    System.DIST: "dist: several processes",
}
"""What a system or a family of cases is."""


def make_transcript(*arguments: str) -> str:
    """What `repro` prints with these arguments, run now."""
    done = subprocess.run(
        [sys.executable, "-m", "repro", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(WIDTH)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(["```console", f"$ repro {' '.join(arguments)}", *lines, "```"])


def make_case_table(cases: Iterable[Case]) -> str:
    """A table for each system, a row a case."""
    order = list(System)
    ordered = sorted(cases, key=lambda case: (order.index(case.system), case.id))
    parts = []
    for system, group in groupby(ordered, key=lambda case: case.system):
        rows = [
            f"| [{case.id}](cases/{case.id}/README.md) | {case.kind} | {case.summary} |".replace("\n", " ")
            for case in group
        ]
        heading = f"**{SYSTEM_NAMES.get(system, system)}**"
        parts.append("\n".join([heading, "", "| case | kind | what happened |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def replace_part(text: str, name: str, body: str) -> str:
    """Put `body` between the marks of a part.

    Raises:
        ValueError: the marks are not there.

    """
    pattern = re.compile(rf"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the marks of the part {name} are not in the text")
    return pattern.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)


def find_part(text: str, name: str) -> str:
    """What stands between the marks of a part."""
    found = re.search(rf"<!-- {name}:start -->\n(.*?)\n<!-- {name}:end -->", text, re.DOTALL)
    return found[1] if found else ""


def main() -> None:
    """Write README.md anew."""
    text = README.read_text(encoding="utf-8")
    for name, arguments in TRANSCRIPTS.items():
        text = replace_part(text, name, make_transcript(*arguments))
    text = replace_part(text, "cases", make_case_table(find_collection().load_all()))
    write_whole(Path(README), text)


if __name__ == "__main__":
    main()

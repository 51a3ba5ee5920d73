"""What of a case is searched: its texts, cut into passages that each say one thing."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kb.voices import load_voices
from repro.case import Case, Side
from repro.form import SECTIONS, find_blocks, split_sections

MAX_WORDS = 120
"""Words of a passage: about what the encoder reads of one text."""
MAX_VOICE = 800
"""Characters of a voice: about the same."""
LOG_LINES = 12
"""Lines of the recorded log in a passage: its beginning and its end."""


class PassageKind(StrEnum):
    """Which part of a case a passage is."""

    TITLE = "title"
    SYMPTOM = "symptom"
    SEEN = "what you see"
    CAUSE = "cause"
    FIX = "fix"
    ERROR = "error"
    LOG = "log"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Passage:
    """One searched text of a case."""

    case_id: str
    kind: PassageKind
    text: str


def make_passages(case: Case) -> list[Passage]:
    """All passages of a case."""
    sections = split_sections(case.readme.read_text(encoding="utf-8"))
    texts: list[tuple[PassageKind, str]] = [(PassageKind.TITLE, f"{case.title}. {case.summary}")]
    texts += [(PassageKind.SYMPTOM, symptom) for symptom in case.symptoms]
    for kind, name in (
        (PassageKind.SEEN, SECTIONS[0]),
        (PassageKind.CAUSE, SECTIONS[1]),
        (PassageKind.FIX, SECTIONS[2]),
    ):
        texts += [(kind, text) for text in cut_prose(sections.get(name, ""))]
    error = case.expect.on(Side.BUGGY).error
    if error:
        texts.append((PassageKind.ERROR, error))
    texts += [
        (PassageKind.LOG, "\n".join(block.splitlines()[:LOG_LINES]))
        for block in find_blocks(sections.get(SECTIONS[0], ""), "log")
    ]
    texts += [(PassageKind.VOICE, voice[:MAX_VOICE]) for voice in load_voices().get(case.id, ())]
    return [Passage(case.id, kind, text) for kind, text in texts]


def cut_prose(section: str) -> Iterable[str]:
    """The paragraphs of a section without code, each at most `MAX_WORDS` long."""
    prose = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    for paragraph in re.split(r"\n\s*\n", prose):
        words = paragraph.replace("`", "").split()
        if len(words) >= 4 and not paragraph.startswith(("|", "Signs that")):
            yield " ".join(words[:MAX_WORDS])


def digest_passages(passages: Iterable[Passage]) -> str:
    """Changes when any passage does."""
    digest = hashlib.sha256()
    for passage in passages:
        digest.update(f"{passage.case_id}\0{passage.kind}\0{passage.text}\0".encode())
    return digest.hexdigest()[:32]

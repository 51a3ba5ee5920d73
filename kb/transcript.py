"""A conversation as Markdown, to keep or to send to a colleague. What a person pasted stays text: it is fenced."""

import re
from collections.abc import Iterator

from kb.dialogue import Answered, Conversation, Reply, Said, reply_to
from kb.match import Diagnosis, EvidenceKind, Match, Matcher


def write_transcript(matcher: Matcher, conversation: Conversation) -> str:
    """All turns with the reply to each."""
    parts = ["# What is wrong with this run?"]
    reply: Reply | None = None
    for number, turn in enumerate(conversation.turns, 1):
        if isinstance(turn, Said):
            parts += ["## You" + (f", from the file `{turn.name}`" if turn.name else ""), fence(turn.text)]
        reply = reply_to(matcher, Conversation(conversation.turns[:number]))
        if isinstance(turn, Answered):
            parts += [f"**{_escape(turn.question.text)}** {turn.reaction.value}."]
        parts += _write_diagnosis(reply.diagnosis)
    if reply and reply.diagnosis.question and not reply.settled:
        parts.append(f"To decide: {_escape(reply.diagnosis.question.asked)}")
    return "\n\n".join(parts) + "\n"


def _write_diagnosis(diagnosis: Diagnosis) -> Iterator[str]:
    yield " ".join(_escape(part) for part in (diagnosis.sentence, diagnosis.advice) if part)
    for number, match in enumerate(diagnosis.shown, 1):
        yield "\n".join(
            [f"{number}. **{match.case_id}** ({match.probability:.0%}): {_escape(match.title)}", *_write_reasons(match)]
        )
    yield f"None of these: {diagnosis.none:.0%}."


def _write_reasons(match: Match) -> Iterator[str]:
    for reason in match.evidence:
        mark = "against: " if reason.kind is EvidenceKind.AGAINST else ""
        quoted = "".join(f" (line {line.number}: {inline_code(line.text.strip()[:160])})" for line in reason.lines[:1])
        yield f"    - {mark}{_escape(reason.text)}{quoted}"
    yield f"    - fix: {_escape(match.fix)}"
    yield f"    - see it: `repro case {match.case_id}`"


def fence(text: str) -> str:
    """A block of code that the text cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}text\n{text}\n{marks}"


def inline_code(text: str) -> str:
    """Code in a line that the text cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * (longest + 1)
    return f"{marks} {text} {marks}" if longest else f"`{text}`"


def _escape(text: str) -> str:
    """Text with nothing in it that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))

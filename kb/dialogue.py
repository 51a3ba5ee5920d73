"""A conversation about a broken run: what was said adds up, and each reply says what it rests on.

A conversation is its turns and nothing else. Each reply is worked out from all of them, so that taking one back is
leaving it out. The chat in the terminal and the app show the same replies.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from kb.match import Diagnosis, Matcher, Verdict
from kb.match.diagnosis import Question, QuestionKind
from kb.match.query import Query, join_queries, make_query, tell_sign, tell_text
from kb.read import TrainingLog

SHOWN = 3
"""Cases of a reply."""


class Reaction(StrEnum):
    """What a person answers to a question."""

    YES = "yes"
    NO = "no"
    UNSURE = "don't know"


_REACTIONS = {
    Reaction.YES: "y yes yep yeah yup correct right true exactly indeed ja oui sí 是 对",
    Reaction.NO: "n no nope nah false wrong never nein non 不 否 没有",
    Reaction.UNSURE: "? dunno unsure idk skip unknown maybe perhaps pass",
}
_UNSURE = re.compile(
    r"^(?:i )?(?:do not|don'?t|can(?:not|'?t)) (?:know|tell|say)|^(?:i am |i'm )?not sure|^no idea", re.I
)


@dataclass(frozen=True, eq=False)
class Said:
    """Something that was written or pasted; `log` is what was read of it already, where it was a file of its own."""

    text: str
    log: TrainingLog | None = None
    name: str = ""
    """The name of the file."""

    @cached_property
    def query(self) -> Query:
        """What was understood of it.

        Raises:
            LogError: there is nothing to match.

        """
        return make_query(self.text, self.log)


@dataclass(frozen=True)
class Answered:
    """A question and the answer to it."""

    question: Question
    reaction: Reaction


Turn = Said | Answered


@dataclass(frozen=True)
class Conversation:
    """What was said so far; saying more makes a new one."""

    turns: tuple[Turn, ...] = ()

    def say(self, text: str, log: TrainingLog | None = None, name: str = "") -> "Conversation":
        """With a text or a log more."""
        return replace(self, turns=(*self.turns, Said(text, log, name)))

    def answer(self, question: Question, reaction: Reaction) -> "Conversation":
        """With an answer more."""
        return replace(self, turns=(*self.turns, Answered(question, reaction)))

    def take_back(self) -> "Conversation":
        """Without the last turn."""
        return replace(self, turns=self.turns[:-1])

    @property
    def asked(self) -> Collection[Question]:
        """All questions that were answered, or not known."""
        return [turn.question for turn in self.turns if isinstance(turn, Answered)]


@dataclass(frozen=True)
class Reply:
    """What is known after all turns."""

    query: Query
    """What was understood."""
    diagnosis: Diagnosis
    settled: bool
    """Whether there is nothing more to ask: one case fits, the run is healthy, or no answer would tell anything."""
    vague: bool
    """Whether so little was said that more words or a log would help more than an answer."""


def reply_to(matcher: Matcher, conversation: Conversation, top: int = SHOWN) -> Reply:
    """The reply to the last turn, from all of them.

    Raises:
        LogError: nothing was said that could be matched.
        ValueError: the conversation has no text yet.

    """
    said = [turn for turn in conversation.turns if isinstance(turn, Said)]
    if not said:
        raise ValueError("the conversation has no text yet")
    query = join_queries([turn.query for turn in said])
    for turn in conversation.turns:
        if isinstance(turn, Answered) and turn.reaction is not Reaction.UNSURE:
            seen = turn.reaction is Reaction.YES
            if turn.question.kind is QuestionKind.SIGN:
                query = tell_sign(query, turn.question.id, seen)
            else:
                query = tell_text(query, turn.question.id, turn.question.text, seen)
    vague = is_vague(query)
    diagnosis = matcher.diagnose_query(query, top, conversation.asked, always_ask=True)
    if vague and diagnosis.verdict is Verdict.NONE and diagnosis.question:
        diagnosis = replace(diagnosis, verdict=Verdict.UNSURE)
    settled = diagnosis.verdict in (Verdict.MATCH, Verdict.HEALTHY) or diagnosis.question is None
    return Reply(query, diagnosis, settled, vague)


VAGUE_WORDS = 25


def is_vague(query: Query) -> bool:
    """Whether a person has said little, and shown neither a log nor an error."""
    return not query.log.count and not query.error and len(query.text.split()) < VAGUE_WORDS


def parse_reaction(text: str) -> Reaction | None:
    """Yes, no or don't know, in the many ways in which people type them; None for anything else."""
    words = text.strip().lower().rstrip(".!")
    for reaction, known in _REACTIONS.items():
        if words in known.split():
            return reaction
    return Reaction.UNSURE if _UNSURE.search(words) and len(words) < 40 else None

"""The conversation: what is said adds up, answers move the ranking, and a turn can be taken back."""

import re

import pytest

from kb.dialogue import Conversation, Reaction, parse_reaction, reply_to
from kb.errors import LogError
from kb.match import EvidenceKind, Matcher, Verdict
from kb.match.diagnosis import Question, QuestionKind
from kb.read import read_text
from kb.signs import Answer
from kb.transcript import fence, inline_code, write_transcript
from repro.collection import find_collection

FROZEN = "\n".join(f"[{n:3d}/40] loss_train={1.2 + 0.01 * (n % 3):.4f} loss_valid=0.873311" for n in range(1, 9))
SAME = Question(QuestionKind.SIGN, "val-loss-identical", "Is the validation loss the same number every time?")


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.load(find_collection().load_all())


def test_words_and_log_add_up(matcher: Matcher) -> None:
    words = Conversation().say("my own training loop, mixed precision, nothing is learned")
    both = words.say(FROZEN)
    reply = reply_to(matcher, both)
    assert reply.query.log.count == 8
    assert reply.query.findings["val-loss-identical"].answer is Answer.SEEN
    assert "nothing is learned" in reply.query.prose
    assert not reply.vague


def test_taking_back_is_leaving_out(matcher: Matcher) -> None:
    before = Conversation().say("my loss does not go down")
    first = reply_to(matcher, before)
    after = before.answer(SAME, Reaction.YES)
    assert reply_to(matcher, after).diagnosis != first.diagnosis
    assert reply_to(matcher, after.take_back()).diagnosis == first.diagnosis


@pytest.mark.parametrize("reaction", [Reaction.YES, Reaction.NO])
def test_answer_about_a_sign_moves_the_ranking(matcher: Matcher, reaction: Reaction) -> None:
    said = Conversation().say("my loss does not go down")
    before, after = (reply_to(matcher, one, 100).diagnosis for one in (said, said.answer(SAME, reaction)))
    share = {}
    for name, diagnosis in (("before", before), ("after", after)):
        among = {match.case_id: match.probability for match in diagnosis.matches}
        share[name] = among["ris-no-gradient-flow"] / sum(among.values())
    assert (share["after"] > share["before"]) == (reaction is Reaction.YES)


def test_what_was_answered_is_a_reason_and_is_not_asked_again(matcher: Matcher) -> None:
    symptom = matcher.cases[0].symptoms[0]
    asked = Question(QuestionKind.SYMPTOM, matcher.cases[0].id, symptom)
    conversation = Conversation().say("it does not learn").answer(asked, Reaction.YES).answer(SAME, Reaction.NO)
    diagnosis = reply_to(matcher, conversation, 100).diagnosis
    mine = next(match for match in diagnosis.matches if match.case_id == matcher.cases[0].id)
    assert any(one.kind is EvidenceKind.SYMPTOM and symptom in one.text for one in mine.evidence)
    assert diagnosis.question not in (asked, SAME)


def test_not_knowing_changes_only_the_question(matcher: Matcher) -> None:
    said = Conversation().say("my loss does not go down")
    first = reply_to(matcher, said)
    assert first.diagnosis.question
    second = reply_to(matcher, said.answer(first.diagnosis.question, Reaction.UNSURE))
    assert second.diagnosis.matches == first.diagnosis.matches
    assert second.diagnosis.question != first.diagnosis.question


def test_vague_words_are_not_turned_away(matcher: Matcher) -> None:
    reply = reply_to(matcher, Conversation().say("training is broken"))
    assert reply.vague
    assert reply.diagnosis.verdict is not Verdict.NONE
    assert reply.diagnosis.question


def test_a_file_that_was_read_already_counts(matcher: Matcher) -> None:
    reply = reply_to(matcher, Conversation().say("rows", read_text(FROZEN), "metrics.csv"))
    assert reply.query.log.count == 8


def test_every_statement_is_a_sign_a_text_of_a_case_or_the_users_line(matcher: Matcher) -> None:
    conversation = Conversation().say("AMP training, parameters do not move\n" + FROZEN)
    for match in reply_to(matcher, conversation).diagnosis.matches:
        case = next(case for case in matcher.cases if case.id == match.case_id)
        # as a reader sees it: without marks of code, links and line breaks
        readme = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", case.readme.read_text(encoding="utf-8"))
        text = " ".join(f"{case.title} {case.summary} {' '.join(case.symptoms)} {readme}".replace("`", "").split())
        assert match.cause in text
        assert match.fix in text
        for reason in match.evidence:
            assert all(line.text in FROZEN for line in reason.lines)
            if reason.kind is EvidenceKind.MEANING:
                assert reason.text.removesuffix(f". {case.summary}") in text


@pytest.mark.parametrize("text", ["", "  ", "???"])
def test_nothing_said(matcher: Matcher, text: str) -> None:
    with pytest.raises(LogError):
        reply_to(matcher, Conversation().say(text))


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("yes", Reaction.YES), ("Yep.", Reaction.YES), ("y", Reaction.YES), ("no!", Reaction.NO), ("N", Reaction.NO),
        ("don't know", Reaction.UNSURE), ("I do not know", Reaction.UNSURE), ("not sure", Reaction.UNSURE),
        ("?", Reaction.UNSURE), ("no gradient flows", None), ("yes, and the loss is nan", None),
        ("I don't know why the validation loss is stuck at 0.69 since epoch 3", None),
    ],
)  # fmt: skip
def test_reactions(text: str, reaction: Reaction | None) -> None:
    assert parse_reaction(text) is reaction


def test_transcript_keeps_pasted_text_as_text(matcher: Matcher) -> None:
    hostile = "loss nan <script>alert(1)</script>\n```\n# heading\n[x](http://example.org)"
    text = write_transcript(matcher, Conversation().say(hostile).answer(SAME, Reaction.NO))
    assert f"````text\n{hostile}\n````" in text
    assert "no." in text


@pytest.mark.parametrize("text", ["a", "``", "x ``` y", "`"])
def test_fences_are_longer_than_what_they_hold(text: str) -> None:
    marks = fence(text).splitlines()[0].removesuffix("text")
    assert marks not in text
    quoted = inline_code(text)
    assert quoted[: len(quoted) - len(quoted.lstrip("`"))] not in text

"""Diagnose: paste, type or drop what there is of a broken run, and talk about it until it is clear."""

import streamlit as st

from app.cards import show_match
from app.charts import draw_series
from app.shared import MAX_PASTE, share_examples, share_matcher
from app.words import as_text, excerpt
from kb.dialogue import Answered, Conversation, Reaction, Reply, Said, reply_to
from kb.match import Verdict
from kb.match.diagnosis import Question
from kb.read import read_bytes
from kb.signs import list_signs
from kb.transcript import write_transcript
from repro.errors import ReproError
from repro.serve import MAX_UPLOAD_MIB

SHOWN_CHARACTERS = 20_000
LIKELY = 0.2  # probability from which the first card shows all that it has
MANY_LINES, LONG_TEXT = 12, 240  # a text of more lines scrolls in a box of this height, in pixels
BOXES = {
    Verdict.MATCH: st.success, Verdict.UNSURE: st.info, Verdict.HEALTHY: st.success, Verdict.NONE: st.warning,
}  # fmt: skip

# ---- set things up ---------------------------------------------------------------------------

if "conversation" not in st.session_state:
    st.session_state.conversation = Conversation()
    st.session_state.reply = None
    st.session_state.problem = ""


def change(conversation: Conversation) -> None:
    """Work out the reply and keep both; where that fails, what was said before stays."""
    st.session_state.problem = ""
    try:
        st.session_state.reply = reply_to(share_matcher(), conversation) if conversation.turns else None
        st.session_state.conversation = conversation
    except ReproError as error:
        st.session_state.problem = str(error)


def say(text: str, data: bytes | None = None, name: str = "") -> None:
    """Add what somebody pasted or dropped; what cannot be read is told and changes nothing."""
    try:
        if len(text) > MAX_PASTE:
            raise ReproError(f"the text has {len(text):,} characters; {MAX_PASTE:,} are the limit. Drop it as a file")
        log = read_bytes(data, name) if data is not None else None
    except ReproError as error:
        st.session_state.problem = str(error)
    else:
        change(st.session_state.conversation.say(log.text if log else text, log, name))


def answer(question: Question, reaction: Reaction) -> None:
    """Add the answer to a question."""
    change(st.session_state.conversation.answer(question, reaction))


def take_back() -> None:
    """Leave out the last turn."""
    change(st.session_state.conversation.take_back())


def start_anew() -> None:
    """Forget all turns."""
    change(Conversation())


# ---- draw the page ---------------------------------------------------------------------------


def show_empty() -> None:
    """What to do here, and examples to click."""
    st.markdown(
        "Paste a training log, an error, a piece of your code, or say what you see. You get the closest failures that "
        "others had, why each fits, the fix, and a script that shows it. Nothing leaves this machine."
    )
    st.caption("Or try one of these:")
    examples = share_examples()
    for row in range(0, len(examples), 2):
        for column, (name, text) in zip(st.columns(2), list(examples.items())[row : row + 2], strict=False):
            column.button(name, key=f"example {name}", on_click=say, args=(text,), width="stretch")


def show_turn(turn: Said | Answered) -> None:
    """What a person said, as text."""
    with st.chat_message("user"):
        if isinstance(turn, Answered):
            st.markdown(f"{as_text(turn.question.text)} **{turn.reaction.value}**")
            return
        if turn.name:
            st.caption(as_text(turn.name))
        many = turn.text.count("\n") > MANY_LINES
        st.code(turn.text[:SHOWN_CHARACTERS], language=None, wrap_lines=True, height=LONG_TEXT if many else "content")


def show_reply(reply: Reply) -> None:
    """What was understood, the cases, and the question that would decide."""
    with st.chat_message("assistant"):
        show_understood(reply)
        BOXES[reply.diagnosis.verdict](as_text(reply.diagnosis.sentence))
        if reply.diagnosis.advice:
            st.markdown(as_text(reply.diagnosis.advice))
        if reply.diagnosis.question and not reply.settled:
            ask(reply.diagnosis.question, vague=reply.vague)
        log = reply.query.log if reply.query.log.count else None
        for number, match in enumerate(reply.diagnosis.shown):
            show_match(match, log, opened=number == 0 and match.probability >= LIKELY)
        st.caption(f"None of these: {reply.diagnosis.none:.0%}")


def show_understood(reply: Reply) -> None:
    """The series of the log, and its lines that matter."""
    query = reply.query
    if not query.log.count and not query.log.error:
        return
    signs = list_signs()
    seen = [(signs[name], query.findings[name]) for name in query.seen]
    st.markdown(
        f"Read **{query.log.line_count:,} lines**: {query.log.count:,} records of {len(query.log.series)} series."
    )
    draw_series(query.log)
    with st.expander("What stands out, and the lines that show it", icon=":material/search:"):
        for sign, finding in seen:
            st.markdown(f"- {as_text(sign.sentence)} {as_text(finding.detail)}")
        text = excerpt(query.log, [line for _, finding in seen for line in finding.lines[:2]])
        if text:
            st.code(text, language=None)
        for note in query.log.notes:
            st.caption(as_text(note))


def ask(question: Question, *, vague: bool) -> None:
    """The question with its three answers."""
    with st.container(border=True):
        if vague:
            st.caption("More words, or the log itself, would help more than an answer.")
        st.markdown(f"**To decide:** {as_text(question.asked)}")
        with st.container(horizontal=True):
            for reaction in Reaction:
                label = reaction.value.capitalize()
                st.button(label, key=f"answer {reaction.name}", on_click=answer, args=(question, reaction))


def show_tools(conversation: Conversation) -> None:
    """Take back, start anew, download."""
    with st.container(horizontal=True):
        st.button("Take back", icon=":material/undo:", on_click=take_back)
        st.button("Start anew", icon=":material/restart_alt:", on_click=start_anew)
        st.download_button(
            "Download", lambda: write_transcript(share_matcher(), conversation), "diagnosis.md", "text/markdown",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def take_input() -> None:
    """Add what stands in the box: text, and files of any kind that can be read."""
    given = st.session_state.given
    if given.text.strip():
        say(given.text)
    for file in given.files:
        say("", file.getvalue(), file.name)


st.title("What is wrong with this run?")
conversation: Conversation = st.session_state.conversation
if conversation.turns:
    for turn in conversation.turns:
        show_turn(turn)
    show_reply(st.session_state.reply)
    show_tools(conversation)
else:
    show_empty()
if st.session_state.problem:
    st.error(as_text(st.session_state.problem))
st.chat_input(
    "Paste a log, an error or code, or say what you see", key="given", on_submit=take_input, accept_file="multiple",
    max_upload_size=MAX_UPLOAD_MIB,
)  # fmt: skip
share_matcher()  # ready before the first paste

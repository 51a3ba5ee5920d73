"""The chat in the terminal: a conversation of `kb.dialogue`, typed, pasted or piped."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kb.dialogue import Conversation, Reaction, Reply, parse_reaction, reply_to
from kb.match import Matcher, Verdict
from kb.match.diagnosis import Question
from kb.read import read_path
from kb.terminal import render_diagnosis, render_summary
from kb.transcript import write_transcript
from repro.errors import ReproError
from repro.files import write_whole
from repro.terminal import render_difference

GREETING = "Say what you see, paste a log or an error, or /read a file. /help shows what else there is."
HELP = """\
Write in your own words, or paste; what you say adds up.
  /read FILE   take a log or a folder of logs
  /back        take the last thing back
  /new         begin anew
  /diff [ID]   the fix of the first case, or of another
  /run [ID]    run it, before and after
  /save FILE   keep the conversation as Markdown
  /quit        leave"""
MORE = "More words, or the log itself, would help more than anything."


class Chat:
    """One conversation. `run_case` shows a run of a case, by its id."""

    def __init__(self, matcher: Matcher, console: Console, run_case: Callable[[str], object]) -> None:
        self._matcher = matcher
        self._console = console
        self._run_case = run_case
        self._conversation = Conversation()
        self._question: Question | None = None
        self._best = ""
        self._offered = False

    def run(self, turns: Iterable[str] | None = None) -> None:
        """Talk until the input ends."""
        self._say(GREETING)
        for turn in read_turns() if turns is None else turns:
            text = turn.strip()
            if text in ("/quit", "/exit"):
                break
            if text:
                try:
                    self._take(text)
                except ReproError as error:
                    self._say(str(error), "red")

    def _take(self, text: str) -> None:
        reaction = parse_reaction(text)
        if text.startswith("/") and "\n" not in text:
            self._command(*text[1:].split(maxsplit=1))
        elif reaction and self._offered:
            self._offered = False
            if reaction is Reaction.YES:
                self._run_case(self._best)
            else:
                self._say(f"As you like; `repro case {self._best}` does it later. If it is not this one, say more.")
        elif reaction and self._question:
            self._go_on(self._conversation.answer(self._question, reaction))
        else:
            self._go_on(self._conversation.say(text), fresh=True)

    def _command(self, name: str = "", argument: str = "") -> None:
        if name == "read" and argument:
            log = read_path(Path(argument).expanduser())
            self._go_on(self._conversation.say(log.text, log, Path(argument).name), fresh=True)
        elif name == "back":
            self._go_back()
        elif name == "new":
            self._conversation, self._question, self._best, self._offered = Conversation(), None, "", False
            self._say(GREETING)
        elif name in ("diff", "run") and (argument or self._best):
            self._offered = False
            if name == "run":
                self._run_case(argument or self._best)
            else:
                self._show_fix(argument or self._best)
        elif name == "save" and argument:
            write_whole(Path(argument).expanduser(), write_transcript(self._matcher, self._conversation))
            self._say(f"wrote {argument}")
        else:
            self._say(HELP)

    def _go_back(self) -> None:
        before = self._conversation.take_back()
        if before.turns:
            self._go_on(before)
        else:
            self._command("new")

    def _go_on(self, conversation: Conversation, *, fresh: bool = False) -> None:
        reply = reply_to(self._matcher, conversation)
        self._conversation = conversation
        self._best = reply.diagnosis.matches[0].case_id
        self._offered = reply.diagnosis.verdict is Verdict.MATCH
        self._question = None if reply.settled else reply.diagnosis.question
        self._show(reply, fresh=fresh)

    def _show(self, reply: Reply, *, fresh: bool) -> None:
        if fresh and reply.query.log.count:
            self._console.print(render_summary(reply.query.log))
        self._console.print(render_diagnosis(reply.diagnosis, detailed=1, question=False))
        self._console.print()
        if self._offered:
            self._show_fix(self._best)
            self._say("Run it here, before and after?  yes or no", "bold")
        elif self._question:
            if reply.vague:
                self._say(MORE)
            self._say(f"{self._question.asked}  yes, no or don't know", "bold")
        else:
            self._say("There is nothing more to ask. Say more, or look at the nearest with /diff and /run.")

    def _show_fix(self, case_id: str) -> None:
        case = next((case for case in self._matcher.cases if case.id == case_id), None)
        if case is None:
            raise ReproError(f'there is no case "{case_id}"; /diff and /run take the id of one that is shown')
        self._console.print(render_difference(case))

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))


def read_turns() -> Iterator[str]:
    """What a person types or pastes, turn by turn; of a pipe the paragraphs, and answers and commands by the line."""
    return _prompt() if sys.stdin.isatty() else split_turns(sys.stdin)


def _prompt() -> Iterator[str]:
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = PromptSession("> ")
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def split_turns(lines: Iterable[str]) -> Iterator[str]:
    """The turns of a text: paragraphs; a line that is an answer or a command stands for itself."""
    turn: list[str] = []
    for line in lines:
        if not turn and (line.startswith("/") or parse_reaction(line)):
            yield line.strip()
        elif line.strip():
            turn.append(line.rstrip("\n"))
        elif turn:
            yield "\n".join(turn)
            turn = []
    if turn:
        yield "\n".join(turn)

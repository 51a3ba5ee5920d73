"""One case as an answer: how sure, why and why not, the fix, the proof."""

import streamlit as st

from app.charts import draw_comparison, recorded_lines
from app.runs import offer_run
from app.shared import find_case
from app.words import as_text
from kb.match import EvidenceKind, Match
from kb.read.log import TrainingLog
from repro.case import Case, Side
from repro.difference import compare_scripts
from repro.errors import ReproError

MARKS = {
    EvidenceKind.SIGN: ":green[**for**]",
    EvidenceKind.SYMPTOM: ":green[**for**]",
    EvidenceKind.ERROR: ":green[**for**]",
    EvidenceKind.CODE: ":green[**for**]",
    EvidenceKind.AGAINST: ":red[**against**]",
    EvidenceKind.MEANING: ":gray[**close to**]",
}


FIX, CURVES, BUGGY, FIXED, RUN = "Fix", "Before and after", "buggy.py", "fixed.py", "Run it"


@st.fragment
def show_match(match: Match, log: TrainingLog | None, *, opened: bool) -> None:
    """A card: the reasons with the user's own lines; what the case says and holds is in its tabs."""
    with st.container(border=True):
        st.markdown(f"##### {as_text(match.title)}")
        st.progress(min(max(match.probability, 0.0), 1.0), text=f"`{match.case_id}` · {match.probability:.0%}")
        st.markdown(as_text(match.cause))
        case = find_case(match.case_id)
        if opened:
            show_reasons(match)
        if case is None:
            st.warning(f"The folder of {match.case_id} is no longer there.", icon=":material/folder_off:")
            return
        st.markdown(f"**Fix** {as_text(match.fix)}")
        st.code(f"repro case {case.id}", language="sh")
        if opened:
            show_case_tabs(case, log)
            return
        more = st.expander("Why, fix, scripts, curves, run", key=f"more {case.id}", on_change="rerun")
        if more.open:
            with more:
                show_reasons(match)
                show_case_tabs(case, log)


def show_reasons(match: Match) -> None:
    """For and against, each line of the user's quoted once."""
    quoted: set[int] = set()
    for reason in match.evidence:
        st.markdown(f"{MARKS[reason.kind]} {as_text(reason.text)}")
        for line in reason.lines[: 2 if reason.kind is EvidenceKind.CODE else 1]:
            if line.number not in quoted:
                quoted.add(line.number)
                st.code(f"{line.number:>5}  {line.text.strip()}", language=None, wrap_lines=True)


def show_case_tabs(case: Case, log: TrainingLog | None) -> None:
    """The guilty lines, both scripts, the curves and the way to run it; only what is open is made."""
    tabs = st.tabs([FIX, CURVES, BUGGY, FIXED, RUN], key=f"tabs {case.id}", on_change="rerun")
    for name, tab in zip((FIX, CURVES, BUGGY, FIXED, RUN), tabs, strict=True):
        if tab.open:
            with tab:
                try:
                    show_tab(name, case, log)
                except (ReproError, OSError) as error:
                    st.error(as_text(str(error)))


def show_tab(name: str, case: Case, log: TrainingLog | None) -> None:
    """What stands in one tab."""
    if name == FIX:
        st.code(compare_scripts(case).text, language="diff")
    elif name == CURVES:
        draw_comparison(case, recorded_lines(case), log)
    elif name == RUN:
        offer_run(case)
    else:
        side = Side.BUGGY if name == BUGGY else Side.FIXED
        st.code(case.script(side).read_text(encoding="utf-8"), language="python", height=400)

"""Cases: filter them, read one, run it. Each has its own address, `?case=ID`."""

import streamlit as st

from app.cards import show_case_tabs
from app.shared import find_case, share_matcher
from app.words import as_text
from repro.case import Case
from repro.errors import ReproError


def choose_filters(cases: list[Case]) -> list[Case]:
    """The cases that fit what was chosen."""
    system, kind, stage = st.columns(3)
    chosen = {
        "system": system.multiselect("System", sorted({case.system.value for case in cases})),
        "kind": kind.multiselect("Kind", sorted({case.kind.value for case in cases})),
        "stage": stage.multiselect("Stage", sorted({case.stage.value for case in cases})),
    }
    words = st.text_input("Words", placeholder="nan, accuracy stuck, scheduler …").lower().split()
    return [
        case
        for case in cases
        if all(not values or getattr(case, name).value in values for name, values in chosen.items())
        and all(word in _searched(case) for word in words)
    ]


def _searched(case: Case) -> str:
    return " ".join((case.id, case.title, case.summary, *case.keywords, *case.symptoms)).lower()


def show_list(cases: list[Case]) -> None:
    """One row a case, as a link."""
    st.caption(f"{len(cases)} case{'s' if len(cases) != 1 else ''}")
    for case in cases:
        with st.container(border=True):
            st.page_link("pages/cases.py", label=f"**{as_text(case.title)}**", query_params={"case": case.id})
            st.markdown(as_text(case.summary))
            st.caption(f"`{case.id}` · {case.kind} · {case.severity} · {case.stage}")


def show_case(case: Case) -> None:
    """What the case's page says, and its scripts."""
    st.page_link("pages/cases.py", label="All cases", icon=":material/arrow_back:")
    st.caption(f"`{case.id}` · {case.system} · {case.kind} · {case.severity} · {case.stage}")
    text = case.readme.read_text(encoding="utf-8")
    for other in {*case.lookalikes, *case.rule_out_first}:
        text = text.replace(f"../{other}/README.md", f"?case={other}")
    read, rest = st.tabs(["Read", "Scripts, curves, run"])
    read.markdown(text)
    with rest:
        show_case_tabs(case, None)


wanted = st.query_params.get("case", "")
try:
    found = find_case(wanted) if wanted else None
    if found:
        show_case(found)
    else:
        st.title("Cases")
        if wanted:
            st.warning(f"There is no case “{as_text(wanted)}”. Here are all of them.")
        show_list(choose_filters(list(share_matcher().cases)))
except (ReproError, OSError) as error:
    st.error(as_text(str(error)))

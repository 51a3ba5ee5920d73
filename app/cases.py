"""The app's page of cases: read one, see what is guilty, run both scripts and watch."""

import streamlit as st

from repro.case import Case, Side
from repro.check import CaseReport
from repro.collection import Collection, find_collection
from repro.curves import draw_svg, extract_curve
from repro.difference import compare_scripts
from repro.errors import ReproError
from repro.launch import Launcher, make_launcher
from repro.live import run_case

# ---- set things up ---------------------------------------------------------------------------

st.set_page_config(page_title="repro", layout="wide")


@st.cache_resource
def share_launcher() -> Launcher:
    """One fork server for all sessions: it holds no state of theirs."""
    return make_launcher()


@st.cache_data
def load_titles() -> dict[str, str]:
    """Titles of all valid cases by id."""
    return {case.id: case.title for case in find_collection().load_valid()[0]}


# ---- draw the page ---------------------------------------------------------------------------


def choose_case(collection: Collection) -> Case:
    """The case of the address (`?case=ID`) or of the box; stops the page where there is none."""
    titles = load_titles()
    if not titles:
        st.info("No case folder was found. `repro new` starts one.")
        st.stop()
    wanted = st.query_params.get("case", "")
    if wanted and wanted not in titles:
        st.warning(f"There is no case “{wanted}”. Here is another.")
    ids = list(titles)
    chosen = st.selectbox(
        "Case", ids, ids.index(wanted) if wanted in titles else 0, format_func=lambda key: f"{key}: {titles[key]}"
    )
    st.query_params["case"] = chosen
    return collection.load(chosen)


def show_case(case: Case) -> None:
    """What the case's page says, and its scripts."""
    read, diff, buggy, fixed = st.tabs(["Read", "Diff", "buggy.py", "fixed.py"])
    read.markdown(case.readme.read_text(encoding="utf-8"))
    diff.code(compare_scripts(case).text, language="diff")
    for tab, side in ((buggy, Side.BUGGY), (fixed, Side.FIXED)):
        tab.code(case.script(side).read_text(encoding="utf-8"), language="python")


def show_report(report: CaseReport) -> None:
    """The verdict, what was measured, the curves and the logs."""
    (st.success if report.reproduced else st.error)(report.verdict)
    st.table(
        [
            {"script": f"{side}.py", "metric": each.metric, "measured": each.measured, "expected": each.expected}
            for side, found in report.sides.items()
            for each in found.checks
        ]
    )
    if report.case.curve:
        curves = {side: extract_curve(report.case.curve, found.result.lines) for side, found in report.sides.items()}
        st.image(draw_svg(report.case.curve.name, curves), width="stretch")
    for column, (side, found) in zip(st.columns(len(report.sides)), report.sides.items(), strict=True):
        column.caption(f"{side}.py · {found.result.seconds:.1f} s")
        column.code("\n".join(found.result.lines), language=None, height=300)


def main() -> None:
    """The page."""
    st.title("Training failures that run")
    try:
        case = choose_case(find_collection())
        st.caption(f"{case.system} · {case.kind} · {case.severity} · {case.stage}")
        seed = st.number_input("Seed", min_value=0, value=case.seeds[0])
        if st.button("Run before and after", type="primary"):
            with st.spinner("Both scripts run…"):
                show_report(run_case(case, int(seed), share_launcher()))
        show_case(case)
    except ReproError as error:
        st.error(str(error))


main()

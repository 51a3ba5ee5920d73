"""Running a case from the page: live logs of both scripts, then what they measured."""

import streamlit as st

from app.charts import draw_comparison
from app.shared import share_queue
from app.words import as_text
from repro.case import Case
from repro.check import CaseReport
from repro.runs import QueuedRun, RunState

REFRESH_SECONDS = 0.4
SHOWN_LINES = 12


def offer_run(case: Case) -> None:
    """The button that runs a case, and the run that this visitor asked for last."""
    runs: dict[str, QueuedRun] = st.session_state.setdefault("runs", {})
    running = case.id in runs and not runs[case.id].ended
    seed = st.number_input("Seed", min_value=0, value=case.seeds[0], key=f"seed {case.id}", disabled=running)
    if st.button("Run before and after", key=f"run {case.id}", type="primary", disabled=running):
        runs[case.id] = share_queue().submit(case, int(seed))
        st.rerun()
    if case.id in runs:
        if runs[case.id].ended:
            show_end(runs[case.id])
        else:
            follow(case.id)


@st.fragment(run_every=REFRESH_SECONDS)
def follow(case_id: str) -> None:
    """How far a run is. Drawing it says that somebody looks: a run that nobody watches is ended."""
    run: QueuedRun = st.session_state["runs"][case_id]
    run.watch()
    if run.ended:
        st.rerun()
    queue = share_queue()
    if run.state is RunState.WAITING:
        ahead = queue.count_ahead(run)
        st.info(f"Waiting: {queue.at_once} cases run at a time, {ahead} before yours.", icon=":material/hourglass_top:")
    if st.button("Cancel", key=f"cancel {case_id}"):
        run.cancel()
        st.rerun()
    for column, (side, own) in zip(st.columns(2), run.progress.items(), strict=True):
        with column:
            state = "done" if own.result else "running" if own.lines else "starting"
            st.progress(own.done or 0.0, text=f"{side}.py · {state}")
            st.code("\n".join(own.lines[-SHOWN_LINES:]) or " ", language=None, height=300)


def show_end(run: QueuedRun) -> None:
    """The verdict, or why there is none."""
    if run.state is RunState.CANCELLED:
        st.warning("The run was cancelled.")
    elif run.report is None:
        st.error(as_text(run.error))
    else:
        show_report(run.report)


def show_report(report: CaseReport) -> None:
    """The verdict, what was measured, the curves and the logs."""
    (st.success if report.reproduced else st.error)(as_text(report.verdict))
    st.table(
        [
            {"script": f"{side}.py", "metric": each.metric, "measured": each.measured, "expected": each.expected}
            for side, found in report.sides.items()
            for each in found.checks
        ]
    )
    draw_comparison(report.case, {side: found.result.lines for side, found in report.sides.items()}, None)
    for column, (side, found) in zip(st.columns(len(report.sides)), report.sides.items(), strict=True):
        column.caption(f"{side}.py · {found.result.seconds:.1f} s · {as_text(found.result.ending)}")
        column.code("\n".join(found.result.lines), language=None, height=300)

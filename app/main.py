"""The app's entry: its pages, and the way from an address with `?case=ID` to the case."""

from pathlib import Path

import streamlit as st

# a file: the browser would fetch a named symbol from a font server
ICON = Path(__file__).parent / "icon.svg"

st.set_page_config(page_title="repro: what is wrong with this run?", page_icon=str(ICON))

diagnose = st.Page("pages/diagnose.py", title="Diagnose", icon=":material/chat:", default=True)
cases = st.Page("pages/cases.py", title="Cases", icon=":material/library_books:", url_path="cases")
incidents = st.Page("pages/incidents.py", title="Your own incidents", icon=":material/folder_open:", url_path="own")

page = st.navigation([diagnose, cases, incidents], position="top")
if page is diagnose and "case" in st.query_params:
    st.switch_page(cases, query_params={"case": st.query_params["case"]})
page.run()

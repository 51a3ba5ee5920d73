"""Your own incidents: which case folders are loaded, and how to add one."""

from collections import Counter

import streamlit as st

from app.shared import share_collection
from app.words import as_text
from repro.collection import CASES_VARIABLE, shipped_folder

st.title("Your own incidents")
collection = share_collection()
_, errors = collection.load_readable()
st.markdown("A failure that cost your team days can become a case: it is then found by its symptoms, and by its log.")
st.subheader("Loaded")
st.table(
    [
        {"folder": str(folder), "cases": count, "": "shipped" if folder == shipped_folder() else "yours"}
        for folder, count in Counter(path.parent for path in collection.folders.values()).items()
    ]
)
for error in errors:
    st.error(as_text(str(error)))
st.subheader("Add one")
st.markdown("Start from the template, fill in the two scripts, and let them prove it:")
st.code(
    "repro new other-my-incident --into incidents\n"
    "repro --cases incidents verify other-my-incident\n"
    "repro --cases incidents record other-my-incident",
    language="sh",
)
st.markdown("Then start the app with your folder:")
st.code(f"{CASES_VARIABLE}=incidents repro app", language="sh")

"""The Streamlit app: pages that show what `repro` and `kb` compute."""

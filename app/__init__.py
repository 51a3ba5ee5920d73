"""The Streamlit app: it shows what `repro` and `kb` compute."""

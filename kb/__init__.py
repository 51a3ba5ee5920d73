"""The knowledge base over the cases: it reads logs and code, and matches. It knows cases by `repro.case`."""

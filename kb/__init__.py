"""The knowledge base over the cases: it reads logs and code, measures signs and matches. It knows cases by `repro.case`."""

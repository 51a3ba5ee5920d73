"""The knowledge base over the cases: it reads logs, measures signs and matches. It knows cases by `repro.case`."""

"""Match a paste to the cases: evidence of four kinds, weighed into a probability for each case and for none."""

from kb.match.diagnosis import Diagnosis, Evidence, EvidenceKind, Match, Verdict
from kb.match.matcher import Matcher

__all__ = ["Diagnosis", "Evidence", "EvidenceKind", "Match", "Matcher", "Verdict"]

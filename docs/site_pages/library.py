"""The cases as the pages see them: each with its measured signs and metrics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kb.evidence import CaseEvidence, Counts, find_stale, load_evidence
from kb.measured import CaseMeasurement, find_unmeasured, load_measured
from kb.signs import Sign, list_signs
from repro.case import Case, Side, System
from repro.collection import find_collection
from repro.form import find_form_faults

FAMILIES: Mapping[System, tuple[str, str]] = {
    System.GAIT: ("Gait recognition", "A Siamese network on walks from body-worn sensors, four generations of code."),
    System.SIGN: ("Sign-language recognition", "Continuous signing to glosses: MobileNetV3, BiLSTM and CTC."),
    System.RIS: (
        "Covariance of a RIS panel",
        "A covariance estimator with a source-count head, AMP, EMA, accumulation.",
    ),
    System.VISION: ("Waste-image classifier", "EVA-02 on Apple MPS, with the data and environment around it."),
    System.DATA: ("Data", "Loading, labels, splits, augmentation and batches."),
    System.MODEL: ("Model", "Layers, shapes, initialisation and what is trainable."),
    System.LOSS: ("Loss", "What the loss gets, and what it does with it."),
    System.LOOP: ("Training loop", "The order of zero_grad, backward and step, and what stays in the graph."),
    System.OPTIM: ("Optimizer and schedule", "Learning rates, schedules and the state of the optimizer."),
    System.PREC: ("Precision", "Half precision, loss scaling and rounding."),
    System.EVAL: ("Evaluation", "Metrics, modes and the choice of the best model."),
    System.CKPT: ("Checkpoints", "Saving, loading and resuming."),
    System.LM: ("Language models", "Labels, masks and tokens of language models."),
    System.GAN: ("GANs", "Two networks that train against each other."),
    System.SSL: ("Self-supervised learning", "Representations without labels."),
    System.FIT: ("Fit", "Too much capacity, or too little."),
    System.ENV: ("Environment", "Devices, data types, memory and seeds."),
    System.DIST: ("Distributed training", "Samplers, metrics and parameters over several processes."),
    System.OTHER: ("Other", "Cases of no other family."),
}
"""A name and a sentence for each family of cases, in the order in which they are shown."""


@dataclass(frozen=True)
class Library:
    """All cases with what was measured on them."""

    cases: Sequence[Case]
    evidence: Mapping[str, CaseEvidence]
    measured: Mapping[str, CaseMeasurement]

    @cached_property
    def by_id(self) -> Mapping[str, Case]:
        return {case.id: case for case in self.cases}

    def count(self, case: Case, side: Side, sign: str) -> Counts:
        """How many runs of one script showed a sign."""
        return self.evidence[case.id].count(side, sign)

    def is_telling(self, case: Case, sign: str) -> bool:
        """Whether every buggy run shows the sign and no fixed run does."""
        return self.count(case, Side.BUGGY, sign).always and not self.count(case, Side.FIXED, sign).seen

    def is_absent(self, case: Case, sign: str) -> bool:
        """Whether every buggy run could have shown the sign and none did."""
        counts = self.count(case, Side.BUGGY, sign)
        return counts.not_seen > 0 and not (counts.seen or counts.unknown)

    def list_telling(self, case: Case) -> list[Sign]:
        """The signs that lead to a case, in the order in which signs are shown."""
        return [sign for sign in list_signs().values() if self.is_telling(case, sign.id)]

    def find_told(self, sign: str) -> list[Case]:
        """The cases that a sign leads to."""
        return [case for case in self.cases if self.is_telling(case, sign)]

    def find_common(self, sign: str) -> list[Case]:
        """The cases of which every buggy run shows the sign, and fixed runs too."""
        return [
            case
            for case in self.cases
            if self.count(case, Side.BUGGY, sign).always and self.count(case, Side.FIXED, sign).seen
        ]

    def find_sometimes(self, sign: str) -> list[Case]:
        """The cases of which some buggy runs show the sign."""
        counted = [(case, self.count(case, Side.BUGGY, sign)) for case in self.cases]
        return [case for case, counts in counted if counts.seen and not counts.always]


def load_library() -> Library:
    """Load all cases and what was measured on them.

    Raises:
        ValueError: a case breaks the form, lacks its recorded logs, or was not measured since its scripts changed.

    """
    order = list(FAMILIES)
    cases = sorted(find_collection().load_all(), key=lambda case: (order.index(case.system), case.id))
    library = Library(cases, load_evidence(), load_measured())
    faults = list(find_gaps(library))
    if faults:
        raise ValueError("\n".join(faults))
    return library


def find_gaps(library: Library) -> Iterable[str]:
    """What the pages would lack, one line each."""
    for case in library.cases:
        yield from (f"{case.id}: {fault}" for fault in find_form_faults(case))
        for side in Side:
            if not case.log(side).is_file():
                yield f"{case.id}: {side}.log is missing; run `repro record {case.id}`"
    for case_id in find_stale(library.cases, library.evidence):
        yield f"{case_id}: its signs were not measured on these scripts; run `make evidence`"
    for case_id in find_unmeasured(library.cases, library.measured):
        yield f"{case_id}: its metrics were not measured on these scripts; run `make evidence`"

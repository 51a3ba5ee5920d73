"""Signs: named observations about a training run, measured on its log by code and never assigned by hand."""

from collections.abc import Mapping
from functools import cache

from kb.read.log import TrainingLog
from kb.signs import comparisons, course, losses, messages, metrics, nonfinite, training
from kb.signs.sign import Answer, Family, Finding, Sign, registered_signs
from kb.signs.view import LogView

__all__ = ["Answer", "Family", "Finding", "LogView", "Sign", "list_signs", "measure_signs"]

_MODULES = (losses, metrics, comparisons, nonfinite, training, course, messages)


@cache
def list_signs() -> Mapping[str, Sign]:
    """All signs by id, in the order in which they are shown."""
    order = list(Family)
    return {one.id: one for one in sorted(registered_signs(), key=lambda one: order.index(one.family))}


def measure_signs(log: TrainingLog) -> Mapping[str, Finding]:
    """What a log says about every sign, by the sign's id."""
    view = LogView(log)
    return {one.id: one.measure(view) for one in list_signs().values()}

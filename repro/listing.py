"""The table of `repro list`. Apart from the other tables, so that listing loads nothing that runs or checks cases."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from repro.case import Case


def render_list(cases: Sequence[Case]) -> RenderableType:
    """A row a case, grouped by system."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("case", "kind", "stage", "what fails"):
        table.add_column(name, no_wrap=name != "what fails")
    for number, case in enumerate(cases):
        if number and cases[number - 1].system != case.system:
            table.add_row()
        table.add_row(Text(case.id, style="bold"), case.kind, case.stage, case.title)
    return table

"""The order in which the causes of a system's failures were found, and which hid which, as a drawn graph."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from repro.case import Case

_BOX_LEFT, _BOX_WIDTH, _BOX_HEIGHT, _GAP, _TOP = 44, 310, 46, 22, 8
_LANE, _LANES = 34, 5
_TITLE = 42
"""Characters of a title that fit into a box."""


@dataclass(frozen=True)
class Mask:
    """One cause that hid another, and how."""

    hider: str
    hidden: str
    why: str


@dataclass(frozen=True)
class Step:
    """One place in the order, with a case."""

    label: str
    """Its number, or empty where the report has no place for it."""
    case_id: str


def load_masks(path: Path) -> Mapping[str, tuple[Mask, ...]]:
    """What hid what, by system."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        system: tuple(Mask(row["hider"], row["hidden"], row["why"]) for row in rows["mask"])
        for system, rows in table.items()
    }


def find_steps(story: str) -> list[Step]:
    """The order as a story tells it: the cases of its numbered list, then those that stand beside it."""
    section = re.split(r"^## ", story, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith("In which order"))
    text = re.sub(r"<!-- order:start -->.*?<!-- order:end -->", "", text, flags=re.DOTALL)
    steps: list[Step] = []
    label = ""
    for line in text.splitlines():
        number = re.match(r"(\d+)\. ", line)
        if number:
            label = number[1]
        elif line and not line.startswith(" "):
            label = ""
        for case_id in re.findall(r"\]\(\.\./cases/([a-z0-9-]+)\.md\)", line):
            if case_id not in [step.case_id for step in steps]:
                steps.append(Step(label, case_id))
    return steps


def draw_order(system: str, steps: Sequence[Step], masks: Sequence[Mask], cases: Mapping[str, Case]) -> str:
    """The graph: boxes from top to bottom in their order, dashed arcs from what hid to what was hidden."""
    height = _TOP * 2 + len(steps) * (_BOX_HEIGHT + _GAP) - _GAP
    width = _BOX_LEFT + _BOX_WIDTH + _LANE * min(len(masks), _LANES) + 16
    place = {step.case_id: number for number, step in enumerate(steps)}
    parts = [
        '<figure class="plot order">',
        f'<svg viewBox="0 0 {width} {height}" role="group" aria-labelledby="order-title order-description">',
        f'<title id="order-title">{system}: the order in which the causes were found</title>',
        f'<desc id="order-description">{escape(describe_order(steps, masks, cases))}</desc>',
        f"<defs>{_draw_tip('tip')}{_draw_tip('mask-tip')}</defs>",
    ]
    for number, (step, following) in enumerate(zip(steps, [*steps[1:], None], strict=True)):
        if following is not None and step.label and following.label and step.label != following.label:
            parts.append(_draw_next(number))
    parts += [_draw_mask(number, mask, place) for number, mask in enumerate(masks)]
    parts += [_draw_box(number, step, cases[step.case_id]) for number, step in enumerate(steps)]
    caption = "Numbers: the order in which the report has them. Dashed: what hid what."
    reasons = "".join(
        f"<li><b>{letter}</b> {escape(mask.hider)} hid {escape(mask.hidden)}: {escape(mask.why)}</li>"
        for letter, mask in zip("abcdefghij", masks, strict=False)
    )
    return "\n".join([*parts, "</svg>", f"<figcaption>{caption}<ul>{reasons}</ul></figcaption>", "</figure>"])


def _draw_tip(name: str) -> str:
    return (
        f'<marker id="order-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path class="{name}" d="M0 0L8 4L0 8z"/></marker>'
    )


def describe_order(steps: Sequence[Step], masks: Sequence[Mask], cases: Mapping[str, Case]) -> str:
    """The graph in words."""
    told = [f"{step.label or 'beside these'}: {cases[step.case_id].title}" for step in steps]
    hid = [f"{mask.hider} hid {mask.hidden}, {mask.why}" for mask in masks]
    return "; ".join(told) + ". " + "; ".join(hid) + "."


def _middle(number: int) -> float:
    return _TOP + number * (_BOX_HEIGHT + _GAP) + _BOX_HEIGHT / 2


def _draw_next(number: int) -> str:
    x = _BOX_LEFT + 24
    start, end = _middle(number) + _BOX_HEIGHT / 2, _middle(number + 1) - _BOX_HEIGHT / 2
    return f'<path class="next" d="M{x} {start:g}V{end - 1:g}" marker-end="url(#order-tip)"/>'


def _draw_mask(number: int, mask: Mask, place: Mapping[str, int]) -> str:
    """An arc in a lane of its own, so that no two lie upon each other."""
    right = _BOX_LEFT + _BOX_WIDTH
    shift = 4 * (number % 3 - 1)
    start, end = _middle(place[mask.hider]) + shift, _middle(place[mask.hidden]) + shift
    lane = right + _LANE * (number % _LANES + 1)
    letter = "abcdefghij"[number]
    return (
        f'<path class="mask" d="M{right} {start:g}H{lane - 10}Q{lane} {start:g} {lane} {(start + end) / 2:g}'
        f'Q{lane} {end:g} {lane - 10} {end:g}H{right + 1}" marker-end="url(#order-mask-tip)"/>'
        f'<circle class="mask-label" cx="{lane}" cy="{(start + end) / 2:g}" r="10"/>'
        f'<text class="mask-letter" x="{lane}" y="{(start + end) / 2 + 4:g}" text-anchor="middle">{letter}</text>'
    )


def _draw_box(number: int, step: Step, case: Case) -> str:
    y = _TOP + number * (_BOX_HEIGHT + _GAP)
    title = case.title if len(case.title) <= _TITLE else case.title[: _TITLE - 1].rstrip() + "…"
    label = f'<text class="number" x="22" y="{y + 29}" text-anchor="middle">{step.label}</text>' if step.label else ""
    return (
        f'{label}<a href="../../cases/{case.id}/"><rect class="box" x="{_BOX_LEFT}" y="{y}" width="{_BOX_WIDTH}" '
        f'height="{_BOX_HEIGHT}" rx="6"/><text class="name" x="{_BOX_LEFT + 12}" y="{y + 19}">{case.id}</text>'
        f'<text x="{_BOX_LEFT + 12}" y="{y + 36}">{escape(title)}</text></a>'
    )

"""The page of one case: what its README says, with its figures, its curve, its scripts and its measured signs."""

import math
import re
from collections.abc import Iterable, Sequence
from html import escape

from kb.measured import SideMeasurement
from kb.signs import Family, Sign, list_signs
from repro.case import Bound, Case, Metric, Side
from repro.check import format_value
from repro.curves import draw_inline_svg, extract_curve
from repro.difference import compare_scripts, mark_of
from repro.form import SECTIONS, split_sections
from site_pages.library import FAMILIES, Library
from site_pages.markdown import (
    escape_text,
    exclude_from_search,
    indent,
    link_case,
    link_known_signs,
    link_sign,
    make_block,
    make_code,
    make_front_matter,
    make_table,
)
from site_pages.tags import list_tags

UP = "../"
"""From the folder of the cases to that of the docs."""

PLAIN_FAMILIES = (Family.HEALTH,)
"""Families whose signs tell no case from another."""

MOST_SIGNS = 4
"""Signs in a row of a comparison: more are not read."""

_NOT_THIS_CASE = re.compile(r"(?:It is )?[Nn]ot this case if\b")


def make_case_page(case: Case, library: Library) -> str:
    """The whole page, in the order in which somebody with the symptom reads it."""
    sections = split_sections(link_known_signs(_link_pages(case.readme.read_text(encoding="utf-8")), UP))
    see, wrong, fix, sure, earlier, happened = (sections[name].strip() for name in SECTIONS)
    (fix, wrong, sure), excluded = _take_exclusions((fix, wrong, sure))
    parts = [
        _make_head(case),
        f"# {escape_text(case.title)}\n",
        _make_chips(case),
        f"{escape_text(case.summary)}\n",
        f"## What you see\n\n{see}\n",
        _make_curve(case),
        _make_voices(case),
        f"## See it happen\n\n{_make_command(case, library)}",
        f"## What goes wrong\n\n{wrong}\n",
        f"## The fix\n\n{fix}\n",
        _make_tabs(case),
        f"## Measured before and after\n\n{_make_measured(case, library)}",
        f"## How to be sure it is this one\n\n{sure}\n",
        _make_comparison(case, library),
        f"## Not this case if\n\n{_make_exclusions(case, library, excluded)}",
        f"## How safe the fix is\n\n{_make_safety(case, library)}",
        f"## Catch it earlier\n\n{earlier}\n",
        f"## Where it happened\n\n{happened}\n",
        _make_sources(case),
        f"## Related\n\n{_make_related(case, library)}",
    ]
    return "\n".join(part for part in parts if part)


def _link_pages(text: str) -> str:
    return re.sub(r"\]\(\.\./([a-z0-9-]+)/README\.md\)", r"](\1.md)", text)


# ---- head ------------------------------------------------------------------------------------


def _make_head(case: Case) -> str:
    return make_front_matter({
        "title": case.title,
        "description": case.summary,
        "image": f"social/{case.id}.png",
        "source": f"cases/{case.id}/README.md",
        "hide": ["navigation"],
        "search": {"boost": 2},
    })  # fmt: skip


def _make_chips(case: Case) -> str:
    """Links to what else has the same system, kind, stage or severity."""
    chips = [f"[{escape_text(tag.label)}]({UP}tags.md#{tag.anchor}){{ .chip }}" for tag in list_tags(case)]
    return "\n".join(['<div class="chips" markdown="1">', "", f"{' '.join(chips)} `{case.id}`", "", "</div>", ""])


# ---- what you see ----------------------------------------------------------------------------


def _make_curve(case: Case) -> str:
    if case.curve is None:
        return ""
    logs = {side: case.log(side).read_text(encoding="utf-8").splitlines() for side in Side}
    curves = {side: extract_curve(case.curve, lines) for side, lines in logs.items()}
    if not any(curves.values()):
        return ""
    svg = draw_inline_svg(f"curve-{case.id}", case.curve.name, curves).strip()
    caption = f"{case.curve.name}, from the recorded logs of both scripts (seed {case.seeds[0]})."
    return f'<figure class="plot" data-search-exclude>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>\n'


def _make_voices(case: Case) -> str:
    """The symptoms in people's words: what a search finds."""
    voices = "\n".join(f"- {escape_text(symptom)}" for symptom in case.symptoms)
    voices += f"\n\nKeywords: {escape_text(', '.join(case.keywords))}."
    return f'??? quote "In other words: {len(case.symptoms)} ways to say it"\n\n{indent(voices)}\n'


def _make_command(case: Case, library: Library) -> str:
    seconds = library.measured[case.id].usual_seconds
    text = make_block("sh", f"repro case {case.id}")
    text += (
        f"\nBoth scripts together take about {_show_seconds(seconds)} on one CPU core, plus the time to start Python "
        f"and torch. They also run alone: {make_code(f'python cases/{case.id}/buggy.py --seed 3')}.\n"
    )
    if case.simulated:
        text += f"\nSimulated here: {escape_text(case.simulated.rstrip('.'))}.\n"
    return text


def _show_seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0.1):.1f} s"


# ---- the fix ---------------------------------------------------------------------------------


def _make_tabs(case: Case) -> str:
    tabs = [_make_tab("diff", make_block("diff", compare_scripts(case).text))]
    for side in Side:
        code = case.script(side).read_text(encoding="utf-8")
        marked = [n for n, line in enumerate(code.splitlines(), 1) if mark_of(case) in line]
        options = f'{{ .python hl_lines="{" ".join(map(str, marked))}" }}' if marked else "python"
        tabs.append(_make_tab(f"{side}.py", make_block(options, code)))
    return exclude_from_search("\n".join(tabs))


def _make_tab(name: str, body: str) -> str:
    return f'=== "{name}"\n\n{indent(body)}\n'


# ---- measured --------------------------------------------------------------------------------


def _make_measured(case: Case, library: Library) -> str:
    measured = library.measured[case.id]
    rows = [
        _make_metric_row(case, name, metric, [measured.sides[side] for side in Side])
        for name, metric in case.metrics.items()
    ]
    rows += [_make_error_row(case, side, measured.sides[side]) for side in Side if case.expect.on(side).error]
    count = len(measured.seeds)
    seeds = ", ".join(map(str, measured.seeds))
    text = (
        f"Each script was run on {count} seed{'s' if count > 1 else ''} ({seeds}). A cell has the lowest and the "
        "highest value that was measured, and below it the bounds that every seed must keep.\n\n"
    )
    return text + make_table(("metric", "before: buggy.py", "after: fixed.py"), rows)


def _make_metric_row(case: Case, name: str, metric: Metric, sides: Sequence[SideMeasurement]) -> list[str]:
    cells = [f"**{escape_text(name)}**<br>{escape_text(metric.meaning)}"]
    values = [value for side in sides for value in side.metrics.get(name, ())]
    for side, measured in zip(Side, sides, strict=True):
        found = measured.metrics.get(name)
        if not found:
            cells.append("no value: it ends with an error" if case.expect.on(side).error else "not printed")
            continue
        bound = case.expect.on(side).bounds.get(name)
        expected = f"expected {_show_bound(bound)}" if bound else "no bound"
        cells.append(f"**{show_spread(found)}** {_draw_spread(found, values, bound, side)}<br>{expected}")
    return cells


def _show_bound(bound: Bound) -> str:
    return f"exactly {bound.min:g}" if bound.min is not None and bound.min == bound.max else str(bound)


def _make_error_row(case: Case, side: Side, measured: SideMeasurement) -> list[str]:
    errors = "<br>".join(make_code(error) for error in measured.errors)
    cell = f"{errors}<br>expected {make_code(case.expect.on(side).error or '')}"
    other = "no error"
    return [
        "**error**<br>the exception that ends the script",
        *((cell, other) if side is Side.BUGGY else (other, cell)),
    ]


def show_spread(values: Sequence[float]) -> str:
    """The lowest and the highest of the values, as `repro verify` prints them."""
    if any(map(math.isnan, values)):
        return (
            "nan" if all(map(math.isnan, values)) else f"nan on {sum(map(math.isnan, values))} of {len(values)} seeds"
        )
    low, high = format_value(min(values)), format_value(max(values))
    return low if low == high else f"{low} to {high}"


_STRIP_WIDTH, _STRIP_HEIGHT = 120, 14


def _draw_spread(values: Sequence[float], together: Sequence[float], bound: Bound | None, side: Side) -> str:
    """A dot a seed on the scale that both scripts share, with the bounds shaded. The numbers stand beside it."""
    finite = [value for value in together if math.isfinite(value)]
    edges = [edge for edge in (bound.min, bound.max) if edge is not None] if bound else []
    if not finite or not any(map(math.isfinite, values)):
        return ""
    low, high = min(finite + edges), max(finite + edges)
    if high - low <= 0:
        return ""

    def place(value: float) -> float:
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return 4 + share * (_STRIP_WIDTH - 8)

    parts = [f'<svg class="strip" viewBox="0 0 {_STRIP_WIDTH} {_STRIP_HEIGHT}" aria-hidden="true">']
    parts.append(f'<path class="strip-axis" d="M0 {_STRIP_HEIGHT / 2:g}H{_STRIP_WIDTH}"/>')
    if bound and bound.finite is None:
        left = 0.0 if bound.min is None else place(bound.min)
        right = float(_STRIP_WIDTH) if bound.max is None else place(bound.max)
        parts.append(f'<rect class="strip-{side}" x="{left:.1f}" width="{right - left:.1f}" height="{_STRIP_HEIGHT}"/>')
    parts += [
        f'<circle class="dot-{side}" cx="{place(value):.1f}" cy="{_STRIP_HEIGHT / 2:g}" r="3"/>'
        for value in values
        if math.isfinite(value)
    ]
    return "".join([*parts, "</svg>"])


# ---- to be sure ------------------------------------------------------------------------------


def _make_comparison(case: Case, library: Library) -> str:
    """What the logs of the lookalikes show instead, by measurement."""
    others = [library.by_id[other] for other in _list_lookalikes(case)]
    telling = [sign for sign in library.list_telling(case) if sign.family not in PLAIN_FAMILIES]
    text = "### What the logs show\n\n"
    if telling:
        text += "Every buggy run shows these signs, and no fixed run does:\n\n"
        text += "".join(f"- {link_sign(sign, UP)}\n" for sign in telling)
    else:
        text += (
            "No single sign in the log tells the buggy script from the fixed one on every seed, so the log alone "
            "is no proof. The probe above is.\n"
        )
    if not others:
        return text
    rows = [
        (
            link_case(other),
            _join_signs(_find_only_in(case, other, library)),
            _join_signs(_find_only_in(other, case, library)),
        )
        for other in others
    ]
    head = ("lookalike", "only this case shows", "only the lookalike shows")
    return f"{text}\nMeasured against the cases that look the same:\n\n{exclude_from_search(make_table(head, rows))}"


def _list_lookalikes(case: Case) -> list[str]:
    return list(dict.fromkeys([*case.rule_out_first, *case.lookalikes]))


def _find_only_in(case: Case, other: Case, library: Library) -> list[Sign]:
    """Signs that every buggy run of one case shows and none of the other, though it could have."""
    return [
        sign
        for sign in list_signs().values()
        if library.count(case, Side.BUGGY, sign.id).always and library.is_absent(other, sign.id)
    ]


def _join_signs(signs: Sequence[Sign]) -> str:
    if not signs:
        return "nothing that every run shows"
    return "<br>".join(link_sign(sign, UP) for sign in signs[:MOST_SIGNS])


# ---- not this case, and safety ---------------------------------------------------------------


def _take_exclusions(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the README itself says about when it is not this case, taken out of its sections."""
    kept, taken = [], []
    for text in texts:
        paragraphs = []
        for paragraph in text.split("\n\n"):
            found = _NOT_THIS_CASE.search(paragraph)
            if found is None or paragraph.startswith(("```", "|", "    ")) or "```" in paragraph:
                paragraphs.append(paragraph)
                continue
            taken.append(_begin_sentence(paragraph[found.end() :].strip()))
            if paragraph[: found.start()].strip():
                paragraphs.append(paragraph[: found.start()].rstrip())
        kept.append("\n\n".join(paragraphs))
    return kept, taken


def _begin_sentence(text: str) -> str:
    """What followed "not this case if", now that these words stand above it."""
    return text[:1].upper() + text[1:]


def _make_exclusions(case: Case, library: Library, said: Sequence[str]) -> str:
    lines: list[str] = []
    if case.rule_out_first:
        first = " and ".join(link_case(library.by_id[other]) for other in case.rule_out_first)
        lines.append(f"{first} {'are' if len(case.rule_out_first) > 1 else 'is'} not ruled out: look there first.")
    absent = _find_absent(case, library)
    if absent:
        lines.append("Your log shows one of these, which no buggy run did and every fixed run does:")
    text = "".join(f"- {line}\n" for line in lines)
    text += "".join(f"    - {link_sign(sign, UP)}\n" for sign in absent)
    missing = [sign for sign in library.list_telling(case) if sign.family not in PLAIN_FAMILIES]
    if missing:
        text += "- Your log prints what is needed and yet does not show what every buggy run showed:\n"
        text += "".join(f"    - {link_sign(sign, UP)}\n" for sign in missing[:MOST_SIGNS])
    if not said and not text:
        text = "- The probe above finds nothing: the log alone does not exclude this case.\n"
    return "\n\n".join([*said, text]).strip() + "\n"


def _find_absent(case: Case, library: Library) -> list[Sign]:
    """Signs of a run that is well, which the fixed runs show and no buggy run does."""
    return [
        sign
        for sign in list_signs().values()
        if (sign.family in PLAIN_FAMILIES or sign.id in HARMLESS_SIGNS)
        and library.is_absent(case, sign.id)
        and library.count(case, Side.FIXED, sign.id).always
    ]


def _make_safety(case: Case, library: Library) -> str:
    """What is known of the fix by running it."""
    measured = library.measured[case.id]
    changed = compare_scripts(case).changed
    lines = [f"It changes {changed} line{'s' if changed > 1 else ''} of the script, and nothing else differs."]
    if case.diff_reason:
        lines.append(f"Why so many: {escape_text(case.diff_reason)}")
    count = len(measured.seeds)
    lines.append(
        f"It held on {'every one of ' if count > 1 else ''}{count} seed{'s' if count > 1 else ''}: no fixed run "
        "measured anything outside the bounds above."
    )
    if case.expect.both.bounds:
        kept = "; ".join(f"{make_code(name)} {_show_bound(bound)}" for name, bound in case.expect.both.bounds.items())
        lines.append(f"What it must not change, and did not on any seed: {kept}.")
    lines += _list_new_signs(case, library)
    return "".join(f"- {line}\n" for line in lines)


def _list_new_signs(case: Case, library: Library) -> list[str]:
    """Signs of trouble that only the fixed script shows: what a user must not be alarmed by."""
    new = [
        sign
        for sign in list_signs().values()
        if sign.family not in PLAIN_FAMILIES
        and sign.id not in HARMLESS_SIGNS
        and library.count(case, Side.FIXED, sign.id).always
        and library.is_absent(case, sign.id)
    ]
    if not new:
        return []
    return ["After the fix the log shows, which is right here: " + "; ".join(link_sign(sign, UP) for sign in new) + "."]


HARMLESS_SIGNS = frozenset(
    "train-loss-falls val-loss-falls grad-healthy param-delta-positive lr-constant lr-warms-up lr-decays "
    "train-loss-plateau train-loss-negative".split()
)
"""Signs of runs that are well, outside of the family of health: what a fix is expected to bring."""


# ---- where from, where to --------------------------------------------------------------------


def _make_sources(case: Case) -> str:
    lines = [f"Origin: {escape_text(case.origin)}."]
    if case.references:
        lines += ["", "Public threads and papers that show the same failure:", ""]
        lines += [f"- <{reference}>" for reference in case.references]
    return "\n".join(lines) + "\n"


def _make_related(case: Case, library: Library) -> str:
    """The cases around this one; each is named once, under the strongest tie."""
    named = {case.id}
    groups: list[tuple[str, list[Case]]] = []
    for title, ids in (
        ("Rule out first", case.rule_out_first),
        ("Looks the same", case.lookalikes),
        ("Also look like this", _find_mistaken(case, library)),
        (f"More of {FAMILIES[case.system][0].lower()}", _find_siblings(case, library)),
    ):
        found = [library.by_id[other] for other in dict.fromkeys(ids) if other not in named]
        named |= {other.id for other in found}
        if found:
            groups.append((title, found))
    lines = [f"- {title}: {', '.join(link_case(other) for other in found)}" for title, found in groups]
    if case.system in STORIES:
        lines.append(f"- The whole story: [{FAMILIES[case.system][0]}]({UP}systems/{case.system}.md)")
    lines.append(f"- [All cases](index.md), or [find your symptom]({UP}symptoms/index.md)")
    return exclude_from_search("\n".join(lines))


STORIES = ("gait", "sign", "ris", "vision")
"""Systems with a page that tells their story."""


def _find_mistaken(case: Case, library: Library) -> Iterable[str]:
    """Cases that name this one as a lookalike."""
    return (other.id for other in library.cases if case.id in (*other.lookalikes, *other.rule_out_first))


def _find_siblings(case: Case, library: Library) -> Iterable[str]:
    return (other.id for other in library.cases if other.system is case.system)

"""`case.toml`: what is valid, and what each fault is told."""

from pathlib import Path

import pytest

from repro.case import Bound, Case, Side, load_case
from repro.errors import CaseError
from tests.conftest import TOML, MakeCase


def with_change(old: str, new: str) -> str:
    text = TOML.format(id="small-case").lstrip()
    assert old in text
    return text.replace(old, new)


def test_valid_case_is_loaded(small_case: Case) -> None:
    assert small_case.id == "small-case"
    assert small_case.script(Side.BUGGY).name == "buggy.py"
    assert small_case.expect.on(Side.FIXED).bounds == {"accuracy": Bound(min=0.9)}


FAULTS = [
    ('title = "A small case"', "", "title: is missing; the failure in a few words"),
    ('title = "A small case"', 'title = " "', "title: is empty"),
    ('title = "A small case"', 'titel = "A small case"', 'titel: is an unknown key; did you mean "title"?'),
    ('title = "A small case"', 'title = "A\\nB"', "title: 'A\\nB': must be one line"),
    ('id = "small-case"', 'id = "Small"', "id: 'Small' does not fit"),
    ('id = "small-case"', 'id = "other-case"', 'id: is "other-case"; it must equal the folder\'s name, "small-case"'),
    ('system = "other"', 'system = "gate"', "system: is 'gate'; one of gait, sign"),
    ('kind = "silent"', "", "kind: is missing; one of silent, unstable, crash, masked"),
    ('severity = "minor"', "severity = 3", "severity: is 3; one of critical, major, minor"),
    ('summary = "A case that runs in no time."', f'summary = "{"x" * 101}"', "summary: has 101 characters"),
    ('keywords = ["small"]', "keywords = []", "keywords: has 0 entries"),
    (', "h"]', "]", "symptoms: has 7 entries; 8 or more"),
    ('"g", "h"]', '"h", "h"]', "lists 'h' twice"),
    ("seeds = [0, 1]", "seeds = [0, -1]", "seeds.1: -1: input should be greater than or equal to 0"),
    ("seeds = [0, 1]", 'references = ["x.org"]\nseeds = [0]', "references.0: 'x.org' does not fit"),
    ("seeds = [0, 1]", 'lookalikes = ["small-case"]\nseeds = [0]', "lookalikes: names the case itself"),
    ("'loss (\\S+)'", "'loss (('", "curve.pattern: 'loss ((': is no regular expression"),
    ("'loss (\\S+)'", "'(loss) (\\S+)'", "curve.pattern: '(loss) (\\\\S+)': has 2 groups"),
    ("higher_is_better = true", 'higher_is_better = "yes"', "metrics.accuracy.higher_is_better: 'yes'"),
    ('meaning = "share that is right"', "", "metrics.accuracy.meaning: is missing; what the number measures"),
    ("{ max = 0.5 }", "0.5", "expect.buggy.accuracy: is 0.5; it must be a table, such as { max = 0.25 }"),
    ("{ max = 0.5 }", "{}", "expect.buggy.accuracy: {}: bounds nothing"),
    ("{ max = 0.5 }", '{ max = "0.5" }', "expect.buggy.accuracy.max: '0.5': input should be a valid number"),
    ("{ max = 0.5 }", "{ max = nan }", "expect.buggy.accuracy.max: nan: input should be a finite number"),
    ("{ max = 0.5 }", "{ max = 0.5, min = 0.6 }", "has its min above its max"),
    ("{ max = 0.5 }", "{ finite = false, min = 0.6 }", "finite = false stands alone"),
    ("{ max = 0.5 }", "{ mx = 0.5 }", 'expect.buggy.accuracy.mx: is an unknown key; did you mean "max"?'),
    ("{ max = 0.5 }", "{ max = 0.95 }", "expect.buggy.accuracy: ≤ 0.95 overlaps with ≥ 0.9 of expect.fixed"),
    ("accuracy = { max = 0.5 }", "loss = { max = 0.5 }", "expect.buggy.loss: is not explained"),
    ("accuracy = { max = 0.5 }", "", "expect.buggy: expects nothing"),
    ("accuracy = { max = 0.5 }", 'error = "no class"', "expect.buggy.error: 'no class' does not fit"),
    (
        "accuracy = { max = 0.5 }",
        'error = "ValueError"\naccuracy = { max = 0.5 }',
        "expect.buggy.error: a script that raises prints no metrics",
    ),
    (
        "[expect.fixed]",
        "[expect.both]\naccuracy = { min = 0 }\n[expect.fixed]",
        "expect.both.accuracy: is bounded again for one side",
    ),
    ("[expect.fixed]\naccuracy = { min = 0.9 }", "", "expect.fixed: is missing"),
    ("[expect.fixed]", "[expect.fixd]", 'expect.fixd: is an unknown key; did you mean "fixed"?'),
    ("seeds = [0, 1]", "seeds = [0, 1", "is not TOML"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[fault[2][:50] for fault in FAULTS])
def test_fault_is_named_with_file_and_key(make_case: MakeCase, old: str, new: str, message: str) -> None:
    folder = make_case(case__toml=with_change(old, new))
    with pytest.raises(CaseError) as caught:
        load_case(folder)
    lines = str(caught.value).splitlines()
    assert any(message in line for line in lines), str(caught.value)
    assert all(line.startswith(f"{folder / 'case.toml'}: ") for line in lines)


def test_all_faults_are_named_at_once(make_case: MakeCase) -> None:
    folder = make_case(case__toml='id = "small-case"\nkind = "loud"\n')
    with pytest.raises(CaseError) as caught:
        load_case(folder)
    assert str(caught.value).count("is missing") >= 10
    assert "kind: is 'loud'" in str(caught.value)


@pytest.mark.parametrize("name", ["case.toml", "buggy.py", "fixed.py"])
def test_missing_file_is_named(make_case: MakeCase, name: str) -> None:
    folder = make_case(**{name.replace(".", "__"): None})
    with pytest.raises(CaseError, match=rf"{name}.*is missing"):
        load_case(folder)


def test_file_that_is_no_text(make_case: MakeCase) -> None:
    folder = make_case()
    (folder / "case.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CaseError, match=r"case\.toml: cannot be read"):
        load_case(folder)


@pytest.mark.parametrize(
    ("bound", "fits", "misses"),
    [
        (Bound(min=1), [1, 2, 1e300], [0.999, float("nan"), float("inf")]),
        (Bound(max=1), [1, 0, -5], [1.001, float("nan"), float("-inf")]),
        (Bound(min=0, max=1), [0, 0.5, 1], [-0.1, 1.1]),
        (Bound(finite=False), [float("nan"), float("inf"), float("-inf")], [0, 1e300]),
    ],
    ids=str,
)
def test_bound_holds(bound: Bound, fits: list[float], misses: list[float]) -> None:
    assert all(bound.holds(value) for value in fits)
    assert not any(bound.holds(value) for value in misses)


@pytest.mark.parametrize(
    ("one", "other", "disjoint"),
    [
        (Bound(max=1), Bound(min=1.1), True),
        (Bound(max=1), Bound(min=1), False),
        (Bound(min=2, max=3), Bound(min=0, max=1), True),
        (Bound(min=0), Bound(min=5), False),
        (Bound(finite=False), Bound(min=0), True),
        (Bound(finite=False), Bound(finite=False), False),
    ],
)
def test_bounds_are_disjoint_both_ways(one: Bound, other: Bound, disjoint: bool) -> None:
    assert one.is_disjoint(other) is disjoint
    assert other.is_disjoint(one) is disjoint


def test_error_is_expected_in_place_of_metrics(make_case: MakeCase) -> None:
    text = with_change("accuracy = { max = 0.5 }", 'error = "torch.OutOfMemoryError: tried to allocate"')
    expectation = load_case(make_case(case__toml=text)).expect.on(Side.BUGGY)
    assert (expectation.error_class, expectation.error_message) == ("torch.OutOfMemoryError", "tried to allocate")


def test_case_is_frozen(small_case: Case) -> None:
    with pytest.raises(ValueError, match="frozen"):
        small_case.title = "other"  # type: ignore[misc]


def test_folder_is_absolute(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_case()
    monkeypatch.chdir(folder.parent)
    assert load_case(Path("small-case")).folder == folder.resolve()

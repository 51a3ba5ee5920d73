"""Finding cases: the shipped ones, and those of a team."""

import os
from pathlib import Path

import pytest

from repro.collection import CASES_VARIABLE, find_collection, shipped_folder
from repro.errors import CaseError, ReproError, UnknownCaseError
from tests.conftest import TOML, MakeCase


def test_shipped_cases_are_found() -> None:
    assert (shipped_folder() / "gait-transpose" / "case.toml").is_file()
    assert "gait-transpose" in find_collection()


def test_further_folders_from_option_and_environment(make_case: MakeCase, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make_case("team-one"), make_case("team-other")
    monkeypatch.setenv(CASES_VARIABLE, os.pathsep.join([str(one)]))
    found = find_collection([other])
    assert {"team-one", "team-other", "gait-transpose"} <= set(found)
    assert found.load("team-one").id == "team-one"


def test_folder_of_folders_and_same_folder_twice(make_case: MakeCase) -> None:
    root = make_case("team-one").parent
    make_case("team-other")
    (root / ".git").mkdir()
    (root / "notes.txt").touch()
    found = find_collection([root, root / "team-one"])
    assert {"team-one", "team-other"} < set(found)
    assert ".git" not in found


def test_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ReproError, match='--cases: "nowhere" is no folder'):
        find_collection([Path("nowhere")])


def test_same_id_twice(make_case: MakeCase) -> None:
    with pytest.raises(ReproError, match="two cases have the same id"):
        find_collection([make_case("gait-transpose")])


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("gait-transposed", "gait-transpose"), ("transpose", "gait-transpose"), ("gaittranspos", "gait")],
)
def test_unknown_id_names_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownCaseError, match=rf'no case "{wrong}"; nearest: .*{near}'):
        find_collection().load(wrong)


@pytest.mark.parametrize("key", ["lookalikes", "rule_out_first"])
def test_reference_to_a_case_that_is_not_there(make_case: MakeCase, key: str) -> None:
    text = TOML.format(id="small-case").lstrip().replace("[curve]", f'{key} = ["gait-transposed"]\n[curve]')
    folder = make_case(case__toml=text)
    with pytest.raises(CaseError, match=rf'{key}: there is no case "gait-transposed"; nearest: gait-transpose'):
        find_collection([folder]).load("small-case")


def test_broken_case_does_not_hide_the_others(make_case: MakeCase) -> None:
    folder = make_case(case__toml="nonsense")
    cases, errors = find_collection([folder]).load_valid(["small-case", "gait-transpose"])
    assert [case.id for case in cases] == ["gait-transpose"]
    assert "is not TOML" in str(errors[0])
    with pytest.raises(CaseError, match="is not TOML"):
        find_collection([folder]).load_all()

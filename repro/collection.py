"""Where cases are: the shipped ones, and a team's own beside them."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from repro.case import Case, load_case
from repro.errors import CaseError, ReproError, UnknownCaseError

CASES_VARIABLE = "REPRO_CASES"
"""Environment variable with further case folders, separated as in PATH."""


@dataclass(frozen=True)
class Collection:
    """The case folders that are in reach, by id. Nothing is read before a case is loaded."""

    folders: Mapping[str, Path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.folders)

    def __len__(self) -> int:
        return len(self.folders)

    def load(self, case_id: str) -> Case:
        """Load and validate one case, with the ids that it refers to.

        Raises:
            UnknownCaseError: no folder has this id; the message names the nearest ids.
            CaseError: the case breaks the form.

        """
        if case_id not in self.folders:
            raise UnknownCaseError(self._explain_unknown(case_id))
        case = load_case(self.folders[case_id])
        faults = [
            f'{case.folder / "case.toml"}: {key}: there is no case "{other}"{self._suggest(other)}'
            for key, ids in (("lookalikes", case.lookalikes), ("rule_out_first", case.rule_out_first))
            for other in ids
            if other not in self.folders
        ]
        if faults:
            raise CaseError("\n".join(faults))
        return case

    def load_valid(self, case_ids: Iterable[str] = ()) -> tuple[list[Case], list[CaseError]]:
        """The named cases (all, if none is named) that are valid, and the errors of those that are not."""
        cases: list[Case] = []
        errors: list[CaseError] = []
        for case_id in case_ids or self:
            try:
                cases.append(self.load(case_id))
            except CaseError as error:
                errors.append(error)
        return cases, errors

    def load_all(self, case_ids: Iterable[str] = ()) -> list[Case]:
        """The named cases (all, if none is named).

        Raises:
            UnknownCaseError, CaseError: as `load`; the message of CaseError has every fault of every case.

        """
        cases, errors = self.load_valid(case_ids)
        if errors:
            raise CaseError("\n".join(str(error) for error in errors))
        return cases

    def load_readable(self) -> tuple[list[Case], list[CaseError]]:
        """All cases that are valid by themselves, even where one refers to a case that is not here; and the errors."""
        cases: list[Case] = []
        errors: list[CaseError] = []
        for folder in self.folders.values():
            try:
                cases.append(load_case(folder))
            except CaseError as error:
                errors.append(error)
        return cases, errors

    def _explain_unknown(self, case_id: str) -> str:
        if not self.folders:
            return f'there is no case "{case_id}": no case folder was found'
        return f'there is no case "{case_id}"{self._suggest(case_id)}; `repro list` shows all {len(self)}'

    def _suggest(self, case_id: str) -> str:
        near = difflib.get_close_matches(case_id, self.folders, n=3, cutoff=0.4)
        near = near or [known for known in self.folders if case_id and case_id in known][:3]
        return f"; nearest: {', '.join(near)}" if near else ""


def find_collection(extra: Iterable[Path] = ()) -> Collection:
    """The shipped cases, those below the folders of `REPRO_CASES`, and those below `extra`.

    A folder may hold case folders, or be one itself.

    Raises:
        ReproError: a folder does not exist, or two folders have the same id.

    """
    from_environment = [Path(part) for part in os.environ.get(CASES_VARIABLE, "").split(os.pathsep) if part]
    folders: dict[str, Path] = {}
    for source, root in (
        ("the shipped cases", shipped_folder()),
        *((CASES_VARIABLE, root) for root in from_environment),
        *(("--cases", root) for root in extra),
    ):
        if not root.is_dir():
            raise ReproError(f'{source}: "{root}" is no folder; give one that holds case folders')
        for folder in _find_case_folders(root):
            known = folders.setdefault(folder.name, folder)
            if known != folder:
                raise ReproError(f"two cases have the same id, rename one: {known} and {folder}")
    return Collection(dict(sorted(folders.items())))


def shipped_folder() -> Path:
    """The cases that come with the package: inside it in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "cases"
    return installed if installed.is_dir() else package.parent / "cases"


def find_examples() -> list[Path]:
    """What comes with the package to try it on: logs, and a question with code."""
    package = Path(__file__).resolve().parent
    folder = package / "examples" if (package / "examples").is_dir() else package.parent / "examples"
    return sorted([*folder.glob("*.log"), *folder.glob("*.txt")])


def _find_case_folders(root: Path) -> list[Path]:
    root = root.resolve()
    if (root / "case.toml").is_file():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))

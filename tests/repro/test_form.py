"""The form of scripts, READMEs and diffs: every fault that is found, on a case that is otherwise right."""

import pytest

from repro.case import Case, load_case
from repro.form import find_form_faults
from tests.conftest import README, TOML, MakeCase, write_script

BUGGY = write_script("0.1  # [small-case] too low")
FIXED = write_script("0.95")


def test_right_form(small_case: Case) -> None:
    assert find_form_faults(small_case) == []


FAULTS = [
    ({"buggy.py": "x = ("}, "buggy.py: line 1: is not Python"),
    ({"buggy.py": BUGGY.replace('"""Train nothing at all."""', "")}, "must begin with a docstring of one line"),
    ({"fixed.py": FIXED + "\n# more" * 100}, "fixed.py: has"),
    ({"buggy.py": '"""Short."""\n'}, "buggy.py: has 1 lines that are not blank; 40 to 120 are right"),
    ({"fixed.py": FIXED.replace("import json", "import json\nimport pandas as pd")}, "fixed.py: imports pandas"),
    ({"fixed.py": FIXED.replace("import json", "import json\nfrom repro import run")}, "fixed.py: imports repro"),
    ({"fixed.py": FIXED.replace("import json", "import json\nfrom . import run")}, "fixed.py: imports ."),
    ({"fixed.py": BUGGY}, "fixed.py: is the same as buggy.py"),
    ({"fixed.py": BUGGY.replace("0.1 ", "0.9")}, "fixed.py: carries the mark [small-case]"),
    ({"buggy.py": write_script("0.1")}, "differ, and no guilty line there ends with # [small-case]"),
    ({"buggy.py": BUGGY.replace("FILLER_9 = 9", "FILLER_9 = 10")}, "FILLER_9 is not what it is in buggy.py"),
    ({"fixed.py": FIXED.replace("FILLER_", "FILL_")}, "differs in 31 lines; at most 8, or say why in diff_reason"),
    ({"README.md": README.replace("# A small", "# The small")}, 'README.md: must begin with "# A small case"'),
    ({"README.md": README.replace("## The fix", "## Fix")}, "README.md: has the sections What you see"),
    ({"README.md": README.replace("The constant.", "")}, 'has nothing below "What goes wrong"'),
    ({"README.md": README.replace("```python\nprint", "```\nprint")}, 'no ```python block below "How to be sure'),
    ({"README.md": README.replace("```log", "```")}, 'no ```log block below "What you see"'),
    ({"README.md": None}, "README.md: is missing"),
    ({"buggy.log": "epoch 0 loss 2.0000\n"}, "quotes a log line that no recorded log has: epoch 0 loss 1.0000"),
]


@pytest.mark.parametrize(("files", "message"), FAULTS, ids=[message[:50] for _, message in FAULTS])
def test_fault(make_case: MakeCase, files: dict[str, str | None], message: str) -> None:
    case = load_case(make_case(**{name.replace(".", "__"): text for name, text in files.items()}))
    faults = find_form_faults(case)
    assert any(message in fault for fault in faults), faults


def test_reason_allows_a_long_diff(make_case: MakeCase) -> None:
    marked = BUGGY.replace("FILLER_", "FILL_").replace("FILL_9 = 9", "FILL_9 = 9  # [small-case] too")
    toml = TOML.format(id="small-case").lstrip().replace("[curve]", 'diff_reason = "it takes that many"\n[curve]')
    faults = find_form_faults(load_case(make_case(case__toml=toml, buggy__py=marked)))
    assert not any("at most 8" in fault for fault in faults)

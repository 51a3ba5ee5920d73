"""What is normal: each answer's run shows it, and the answer is given to logs that deserve it and to no others."""

import json
from pathlib import Path

import pytest

from kb.match import Matcher, Verdict
from kb.match.query import make_query
from kb.normal import NormalAnswer, load_answers
from kb.read import read_text
from kb.signs import Answer, list_signs, measure_signs
from repro.collection import find_collection
from repro.launch import Launcher
from repro.run import Outcome, run_script

EACH = pytest.mark.parametrize("answer", [pytest.param(answer, id=answer.id) for answer in load_answers().values()])
PASTES = [json.loads(line) for line in (Path(__file__).parent / "normal.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.load(find_collection().load_all())


@EACH
def test_run_shows_it(fork_launcher: Launcher, answer: NormalAnswer) -> None:
    result = run_script(fork_launcher, answer.script, seed=0)
    assert result.outcome is Outcome.METRICS, result.lines
    assert set(answer.expect) <= set(result.metrics)
    for name, bound in answer.expect.items():
        assert bound.get("min", -1e9) <= result.metrics[name] <= bound.get("max", 1e9), name
    findings = measure_signs(read_text("\n".join(result.lines)))
    assert not [sign for sign in answer.absent if findings[sign].answer is Answer.SEEN]


@EACH
def test_form(answer: NormalAnswer) -> None:
    assert set(answer.shows) | set(answer.absent) <= set(list_signs())
    assert len(answer.asked) >= 10
    assert answer.references


@pytest.mark.parametrize("deserves", [True, False], ids=["deserved", "undeserved"])
def test_pastes(matcher: Matcher, deserves: bool) -> None:
    """Not every paste is told that it is normal, but hardly any is told so that is not."""
    told = []
    for paste in PASTES:
        if paste["deserves"] is deserves:
            diagnosis = matcher.diagnose(paste["text"])
            told.append(diagnosis.normal is not None and diagnosis.normal.id == paste["id"])
            assert (diagnosis.normal is None) or diagnosis.verdict is Verdict.HEALTHY
    share = sum(told) / len(told)
    assert share >= 0.3 if deserves else share <= 0.1, share


def test_a_sign_that_must_be_absent_takes_the_answer_back(matcher: Matcher) -> None:
    asked = load_answers()["amp-first-skips"].asked[1]
    assert matcher.diagnose(asked).normal is not None
    ends_in_nan = asked + "\n" + "\n".join(f"step {n} | loss {'nan' if n > 3 else 1.5}" for n in range(9))
    assert "loss-nan-later" in make_query(ends_in_nan).seen
    assert matcher.diagnose(ends_in_nan).normal is None

"""The queue of runs: so many at a time, in order, ended when nobody looks."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.case import Case, Side, load_case
from repro.launch import FreshLauncher, make_launcher
from repro.runs import QueuedRun, RunQueue, RunState

SLOW = 'import time\nprint("begun", flush=True)\ntime.sleep(60)\n'
MakeCase = Callable[..., Path]


@pytest.fixture
def queue() -> Iterator[RunQueue]:
    made = RunQueue(make_launcher, at_once=1, unwatched=60)
    yield made
    made.close()


@pytest.fixture
def slow(make_case: MakeCase) -> Case:
    return load_case(make_case(buggy__py=SLOW, fixed__py=SLOW))


def wait_for(run: QueuedRun, *states: RunState, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while run.watch() not in states:
        assert time.monotonic() < end, run.state
        time.sleep(0.02)


def test_run_ends_at_its_report(queue: RunQueue, make_case: MakeCase) -> None:
    run = queue.submit(load_case(make_case()), 0)
    wait_for(run, RunState.DONE)
    assert run.report is not None
    assert run.report.reproduced
    assert all(run.progress[side].lines and run.progress[side].done == 1.0 for side in Side)


def test_second_waits_for_the_first_and_is_told(queue: RunQueue, slow: Case) -> None:
    first, second = queue.submit(slow, 0), queue.submit(slow, 0)
    wait_for(first, RunState.RUNNING)
    assert second.state is RunState.WAITING
    assert queue.count_ahead(second) == 1
    first.cancel()
    wait_for(first, RunState.CANCELLED)
    wait_for(second, RunState.RUNNING)
    assert queue.count_ahead(second) == 0
    second.cancel()
    wait_for(second, RunState.CANCELLED)


def test_waiting_run_can_be_cancelled(queue: RunQueue, slow: Case) -> None:
    first, second = queue.submit(slow, 0), queue.submit(slow, 0)
    second.cancel()
    assert second.state is RunState.CANCELLED
    first.cancel()
    wait_for(first, RunState.CANCELLED)
    assert second.report is None


def test_run_that_nobody_watches_is_ended(slow: Case) -> None:
    queue = RunQueue(make_launcher, at_once=1, unwatched=0.5)
    run = queue.submit(slow, 0)
    end = time.monotonic() + 60
    while not run.ended:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert run.state is RunState.CANCELLED
    queue.close()


def test_the_next_run_survives_a_launcher_that_died(make_case: MakeCase) -> None:
    made: list[FreshLauncher] = []

    class Broken(FreshLauncher):
        def start(self, job, output):  # type: ignore[no-untyped-def]
            from repro.errors import RunnerError

            raise RunnerError("the process that forks scripts was killed")

    def make() -> FreshLauncher:
        made.append(Broken() if not made else FreshLauncher())
        return made[-1]

    queue = RunQueue(make, at_once=1)
    case = load_case(make_case())
    first = queue.submit(case, 0)
    wait_for(first, RunState.FAILED)
    assert "killed" in first.error
    second = queue.submit(case, 0)
    wait_for(second, RunState.DONE)
    queue.close()

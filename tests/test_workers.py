"""How the queue waits, and when it gives up."""

from __future__ import annotations

import threading

import pytest

from git_models.errors import ModelsError, Offline, RemoteError, Transient
from git_models.remotes.base import RateLimited
from git_models.workers import AHEAD, PROGRESS, Crew, Pace, Stopped, each
from tests.helpers.team import until
from tests.helpers.transfers import Clock


class Failing:
    """Raises the given errors one after the other, then answers."""

    def __init__(self, *errors: Exception, progress: int = 0) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.moved = 0
        self.progress = progress

    def __call__(self) -> str:
        self.calls += 1
        self.moved += self.progress
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def crew(clock: Clock, patience: float = 30.0) -> Crew:
    return Crew(clock.pace(), patience, lambda _seconds, _why: None)


def test_waits_double_and_end(clock: Clock) -> None:
    failing = Failing(*(Transient("x") for _ in range(9)))
    with pytest.raises(Transient):
        crew(clock).keep_trying(failing)
    assert failing.calls == 5
    assert sum(clock.slept) == pytest.approx((1 + 2 + 4 + 8) * 0.75)


def test_progress_makes_a_failure_the_first_one_again(clock: Clock) -> None:
    failing = Failing(*(Transient("x") for _ in range(20)), progress=PROGRESS)
    assert crew(clock).keep_trying(failing, lambda: failing.moved) == "done"
    assert failing.calls == 21


def test_a_trickle_is_no_progress(clock: Clock) -> None:
    failing = Failing(*(Transient("x") for _ in range(20)), progress=10)
    with pytest.raises(Transient):
        crew(clock).keep_trying(failing, lambda: failing.moved)
    assert failing.calls == 5


def test_what_does_not_pass_is_not_tried_again(clock: Clock) -> None:
    failing = Failing(RemoteError("no"))
    with pytest.raises(RemoteError):
        crew(clock).keep_trying(failing)
    assert failing.calls == 1


def test_a_guessed_wait_doubles_and_a_told_one_does_not(clock: Clock) -> None:
    guessed = Failing(*(RateLimited("x", after=60, exact=False) for _ in range(3)))
    assert crew(clock).keep_trying(guessed) == "done"
    assert sum(clock.slept) == pytest.approx(60 + 120 + 240, abs=3)
    clock.slept.clear()
    told = Failing(*(RateLimited("x", after=60) for _ in range(3)))
    assert crew(clock).keep_trying(told) == "done"
    assert sum(clock.slept) == pytest.approx(180, abs=3)


def test_a_rate_limit_holds_for_every_worker(clock: Clock) -> None:
    shared = crew(clock)
    shared.keep_trying(Failing(RateLimited("x", after=100)))
    began = clock.now
    shared.keep_trying(Failing())
    assert clock.now == began  # over by now

    limited = Failing(RateLimited("x", after=5000))
    with pytest.raises(RateLimited):
        shared.keep_trying(limited)


@pytest.mark.parametrize("patience", [3, 30])
def test_patience_ends_what_is_offline(clock: Clock, patience: float) -> None:
    failing = Failing(*(Offline("x") for _ in range(99)))
    with pytest.raises(Offline):
        crew(clock, patience).keep_trying(failing)
    assert sum(clock.slept) <= patience


def test_an_attempt_that_took_all_patience_is_the_last(clock: Clock) -> None:
    calls: list[float] = []

    def time_out() -> None:
        calls.append(clock.now)
        clock.now += 3
        raise Offline("x")

    with pytest.raises(Offline):
        crew(clock, patience=3).keep_trying(time_out)
    assert len(calls) == 1


def test_a_wait_ends_when_the_batch_is_stopped() -> None:
    real = Crew(Pace(), 30, lambda _seconds, _why: None)
    threading.Timer(0.05, real.stop.set).start()
    with pytest.raises(Stopped):
        real.pause(3600, "x")


def test_results_come_in_the_callers_thread_and_bugs_are_raised_there() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ModelsError("expected")
        return number * 10

    got = dict(each([1, 2, 3], work, 2, threading.Event()))
    assert (got[1], got[3]) == (10, 30)
    assert isinstance(got[2], ModelsError)
    with pytest.raises(ZeroDivisionError):
        list(each([0], lambda n: 1 // n, 1, threading.Event()))


def test_leaving_early_stops_the_rest() -> None:
    stop = threading.Event()
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        return number

    results = each(range(1000), work, 1, stop)
    next(results)
    results.close()
    assert stop.is_set()


def test_the_threads_do_not_run_far_ahead_of_the_caller() -> None:
    begun: list[int] = []
    tasks = list(range(20 * AHEAD))
    for taken, _ in enumerate(each(tasks, begun.append, 4, threading.Event())):
        assert until(lambda taken=taken: len(begun) >= min(len(tasks), taken + AHEAD), 10)
        assert len(begun) <= taken + 1 + AHEAD
    assert sorted(begun) == tasks


def test_threads_that_are_ahead_end_when_the_caller_leaves() -> None:
    before = threading.active_count()
    for _ in each(list(range(20 * AHEAD)), str, 4, threading.Event()):
        break
    assert until(lambda: threading.active_count() == before, 10)


def test_nothing_to_do_is_nothing_done() -> None:
    assert list(each([], str, 4, threading.Event())) == []

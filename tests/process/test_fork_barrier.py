"""A fork waits for threads inside, and nobody else waits for longer than it takes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process.fork_barrier import (
    after_fork_in_child,
    after_fork_in_parent,
    before_fork,
    call_allowing_forks,
    hold_forks,
    hold_forks_for_import,
)

from ..support.events import TextContext, TextEvent
from ..support.probe import (
    fork_barrier_condition,
    have_forks_wait,
    own_fork_barrier,
    threads_that_fork,
    threads_that_hold_forks,
    within_a_fork,
)
from ..support.programs import run_program
from ..support.sdk import MakeSdk
from ..support.threads import DEADLINE, running


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    with own_fork_barrier():
        yield


def fork_when(ready: threading.Event, done: threading.Event, steps: list[str]) -> None:
    """Fork, as far as the barrier knows."""
    assert ready.wait(DEADLINE)
    before_fork()
    steps.append("forked")
    done.set()
    after_fork_in_parent()


def test_fork_waits_for_a_thread_inside_and_lets_nobody_in() -> None:
    steps: list[str] = []
    inside, forked = threading.Event(), threading.Event()

    def attempt() -> None:
        with hold_forks():
            inside.set()
            while not threads_that_fork():
                pass
            steps.append("left")
        with hold_forks():
            steps.append("in again")

    with running(attempt, lambda: fork_when(inside, forked, steps)):
        pass
    assert steps == ["left", "forked", "in again"]


def test_fork_waits_for_an_import_that_begins_while_it_waits() -> None:
    steps: list[str] = []
    inside, forked = threading.Event(), threading.Event()
    have_forks_wait(0.1)  # for what is no import

    def attempt() -> None:
        with hold_forks():
            inside.set()
            while not threads_that_fork():
                pass
            with hold_forks_for_import():
                forked.wait(0.5)  # in vain
                steps.append("imported")

    with running(attempt, lambda: fork_when(inside, forked, steps)):
        pass
    assert steps == ["imported", "forked"]


def test_fork_happens_while_a_thread_waits_in_the_network() -> None:
    steps: list[str] = []
    waiting, forked = threading.Event(), threading.Event()

    def attempt() -> None:
        with hold_forks():
            waiting.set()
            assert call_allowing_forks(forked.wait, DEADLINE)
            steps.append("goes on")

    with running(attempt, lambda: fork_when(waiting, forked, steps)):
        pass
    assert steps == ["forked", "goes on"]


def test_thread_that_forks_does_not_wait_for_itself() -> None:
    """A signal handler has interrupted an attempt; a hook of the fork makes another."""

    def work() -> None:
        with hold_forks():
            before_fork()
            with hold_forks():
                pass
            after_fork_in_parent()

    with running(work):
        pass


def test_attempt_that_is_forked_goes_on_in_the_child() -> None:
    """What it enters and leaves is not in the books of the child."""

    def work() -> None:
        with hold_forks():
            before_fork()
            after_fork_in_child()
            call_allowing_forks(list)
        assert not threads_that_hold_forks()
        before_fork()
        after_fork_in_parent()

    with running(work):
        pass


def test_attempt_within_an_attempt_leaves_that_one_inside() -> None:
    """A signal handler has interrupted it."""
    with hold_forks():
        with hold_forks():
            pass
        assert threads_that_hold_forks() == {threading.get_ident()}
    assert not threads_that_hold_forks()


def test_child_does_not_wait_for_the_end_of_a_fork_of_its_parents() -> None:
    run_program("process/fork_while_another_forks")


def test_shutdown_waits_for_a_fork_until_its_deadline() -> None:
    sdk = PaltabrainSdk("localhost:1", "key", TextContext())
    begun, over = threading.Event(), threading.Event()

    def fork() -> None:
        before_fork()
        begun.set()
        assert over.wait(DEADLINE)
        after_fork_in_parent()

    with running(fork):
        assert begun.wait(DEADLINE)
        assert sdk.shutdown(timeout=0)
        over.set()


def test_call_that_allows_forks_does_so_alone() -> None:
    assert not call_allowing_forks(threads_that_hold_forks)
    assert not threads_that_hold_forks()


def test_shutdown_in_a_handler_that_interrupts_a_fork_does_not_wait_for_it(
    make_sdk: MakeSdk,
) -> None:
    """Nobody may send before the fork is over, and that is not before the handler returns."""
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.track(TextEvent())
    with within_a_fork():
        assert not sdk.shutdown(timeout=600)
    assert sdk.shutdown(timeout=600)
    assert sdk.stats().delivered == 1


def test_handler_that_interrupts_who_enters_does_not_wait(make_sdk: MakeSdk) -> None:
    """It may have interrupted the making of another SDK: nobody else enters before it returns."""
    outcomes: queue.SimpleQueue[bool] = queue.SimpleQueue()
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.track(TextEvent())

    def flush() -> None:
        with fork_barrier_condition():
            outcomes.put(bool(sdk.flush(timeout=600)))

    with running(flush):
        assert outcomes.get(timeout=DEADLINE) is False
    assert sdk.flush(timeout=DEADLINE)

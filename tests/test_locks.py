"""The condition variable: what is notified, when, and what an exception leaves behind."""

from __future__ import annotations

import contextlib
import threading

from paltabrain_fast.process.locks import Condition

from .support.interruption import everywhere, interrupt


def wait_in_thread(condition: Condition, woken: list[bool]) -> threading.Thread:
    """Start a thread that waits, and return when it does."""

    def wait() -> None:
        with condition:
            ready.set()
            woken.append(condition.wait(30))

    ready = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert ready.wait(30)
    with condition:  # which it lets go of when it waits
        pass
    return thread


def test_notify_wakes_one_and_notify_all_the_rest() -> None:
    condition, woken = Condition(), list[bool]()
    first, *others = [wait_in_thread(condition, woken) for _ in range(3)]
    with condition:
        condition.notify()
    first.join(30)
    assert woken == [True]
    with condition:
        condition.notify_all()
    for thread in others:
        thread.join(30)
    assert woken == [True] * 3


def test_wait_ends_with_its_timeout_and_lets_go_of_all_that_is_held() -> None:
    condition = Condition()
    with condition, condition:
        assert not condition.wait(0.01)
        assert condition.wait_for(lambda: 5, 0) == 5
        assert not condition.wait_for(lambda: 0, 0.01)
    assert_wakes_one_that_waits(condition)
    seen = list[bool]()
    other = threading.Thread(target=lambda: seen.append(condition.acquire(blocking=False)))
    other.start()
    other.join(30)
    assert seen == [True]


def assert_wakes_one_that_waits(condition: Condition) -> None:
    """Show that nobody is left who is woken in the place of another."""
    woken = list[bool]()
    thread = wait_in_thread(condition, woken)
    with condition:
        condition.notify()
    thread.join(30)
    assert woken == [True]


def test_exception_anywhere_in_notify_costs_no_wake_up() -> None:
    """Whoever was to be woken is, or waits on for the next."""
    for interruption in everywhere(interrupt, least=3):
        condition, woken = Condition(), list[bool]()
        thread = wait_in_thread(condition, woken)
        try:
            with condition, interruption:
                condition.notify()
        except KeyboardInterrupt:
            with condition:
                condition.notify()
        thread.join(30)
        assert woken == [True]


def test_exception_anywhere_in_a_wait_leaves_no_waiter_and_no_lock() -> None:
    for interruption in everywhere(interrupt):
        condition = Condition()
        with contextlib.suppress(KeyboardInterrupt), condition, interruption:
            condition.wait(0.01)
        assert_wakes_one_that_waits(condition)

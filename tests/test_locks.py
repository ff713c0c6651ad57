"""The condition variable: what is notified, when, and what an exception leaves behind."""

from __future__ import annotations

import sys
import threading

import pytest

from paltabrain_fast.process.locks import Condition


def wait_in_thread(condition: Condition, woken: list[bool]) -> threading.Thread:
    """Start a thread that waits, and return when it does."""
    waiting = len(condition._waiters)

    def wait() -> None:
        with condition:
            ready.set()
            woken.append(condition.wait(30))

    ready = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert ready.wait(30)
    with condition:  # which it has let go of
        assert len(condition._waiters) == waiting + 1
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
    assert not condition._waiters
    seen = list[bool]()
    other = threading.Thread(target=lambda: seen.append(condition.acquire(blocking=False)))
    other.start()
    other.join(30)
    assert seen == [True]


class Interruption:
    """Raises at one place where Python would call a signal handler."""

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, _frame: object, event: str, _function: object) -> None:
        if event in ("call", "c_return"):
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt


def test_exception_anywhere_in_notify_costs_no_wake_up() -> None:
    """Whoever was to be woken is, or waits on for the next."""
    place, left = 0, 0
    while not left:
        place += 1
        condition, woken = Condition(), list[bool]()
        thread = wait_in_thread(condition, woken)
        interruption = Interruption(place)
        try:
            with condition:
                sys.setprofile(interruption)
                try:
                    condition.notify()
                finally:
                    sys.setprofile(None)
        except KeyboardInterrupt:
            with condition:
                condition.notify()
        thread.join(30)
        assert woken == [True], place
        left = max(0, interruption.left)
    assert place > 2


def test_exception_before_the_wait_leaves_no_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be woken in the place of another."""
    condition = Condition()

    def interrupted(*_arguments: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("paltabrain_fast.process.locks.acquire", interrupted)
    with condition, pytest.raises(KeyboardInterrupt):
        condition.wait()
    assert not condition._waiters

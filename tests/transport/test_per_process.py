"""A value for each process, which its children neither use nor free."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from paltabrain_fast.transport.per_process import PerProcess

from ..support.programs import run_program
from ..support.threads import DEADLINE, running


def test_value_is_made_once_and_after_it_was_taken_away() -> None:
    numbers = PerProcess(count(1).__next__)
    assert [numbers.get(), numbers.get(), numbers.pop()] == [1, 1, 1]
    assert numbers.pop() is None
    assert numbers.get() == 2


def test_value_that_cannot_be_made_is_tried_again() -> None:
    answers = iter([OSError("no"), OSError("still no")])

    def make() -> str:
        for error in answers:
            raise error
        return "made"

    value = PerProcess(make)
    for text in ("no", "still no"):
        with pytest.raises(OSError, match=text):
            value.get()
    assert value.get() == "made"


def test_one_thread_makes_it_and_others_wait() -> None:
    made: list[object] = []
    is_making, goes_on = threading.Event(), threading.Event()

    def make() -> object:
        made.append(object())
        is_making.set()
        assert goes_on.wait(DEADLINE)
        return made[-1]

    def get_late() -> object:
        assert is_making.wait(DEADLINE)
        goes_on.set()
        return value.get()

    value = PerProcess(make)
    with running(value.get, get_late) as results:
        pass
    assert [result.result() for result in results] == made * 2


@pytest.mark.parametrize("ends", ["forgets", "exits"])
def test_child_never_frees_what_it_inherits(ends: str) -> None:
    freed = run_program("transport/inherited_value", ends).splitlines()
    assert freed.count("parent's") == 1  # by the parent
    if ends == "forgets":
        assert freed.count("child's") == 1

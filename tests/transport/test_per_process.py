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


def test_threads_that_make_it_at_the_same_time_get_the_same() -> None:
    both = threading.Barrier(2)

    def make() -> object:
        both.wait(DEADLINE)
        return object()

    value = PerProcess(make)
    with running(value.get, value.get) as results:
        pass
    first, second = (result.result() for result in results)
    assert first is second is value.get()


@pytest.mark.parametrize("ends", ["forgets", "exits"])
def test_child_never_frees_what_it_inherits(ends: str) -> None:
    freed = run_program("transport/inherited_value", ends).splitlines()
    assert freed.count("parent's") == 1  # by the parent
    if ends == "forgets":
        assert freed.count("child's") == 1

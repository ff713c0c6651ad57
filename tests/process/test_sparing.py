"""What may be said of a topic only once in a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from paltabrain_fast.process.log import Sparing

from ..support.probe import interrupted_turn, turns_kept, waits_watched
from ..support.threads import running


def answers(ask: Callable[[], bool], threads: int) -> list[bool]:
    """Have threads ask at the same time."""
    given: list[bool] = []
    together = threading.Barrier(threads)

    def work() -> None:
        together.wait(30)
        given.append(ask())

    with running(*[work] * threads):
        pass
    return given


def test_one_of_all_threads_may_tell_of_a_topic() -> None:
    for _ in range(50):
        sparing = Sparing(3600)
        given = answers(partial(sparing.may_tell, "a"), 8)
        assert sorted(given) == [False] * 7 + [True]


def test_topic_may_be_told_again_after_a_while() -> None:
    with waits_watched() as clock:
        sparing = Sparing(20)
        for _ in range(100):
            assert [sparing.may_tell(topic) for topic in ("a", "b", "a", "b")] == [True] * 2 + [
                False
            ] * 2
            clock.now += 19
            assert not sparing.may_tell("a")
            clock.now += 1
        assert turns_kept(sparing) == 2  # nothing is kept of turns that are over


def test_child_that_is_forked_within_a_turn_tells_in_the_next() -> None:
    """It has no thread that would end what another thread of the parent has begun."""
    with waits_watched() as clock:
        sparing = Sparing(20)
        interrupted_turn(sparing, "a")
        assert not sparing.may_tell("a")
        clock.now += 20
        assert sparing.may_tell("a")

"""What an outage decides, alone: when it begins, who may try, who waits, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paltabrain_fast.delivery.outage import OutageState

from ..support.probe import WaitClock, retrying_after, waits_watched
from .outage_service import CLEAR, DOWN, ENDED, ERROR, LIMIT, RECOVERING, Service


@pytest.fixture
def clock() -> Iterator[WaitClock]:
    with waits_watched() as clock:
        yield clock


@pytest.fixture
def service(clock: WaitClock) -> Iterator[Service]:
    """One with a backoff of as many seconds as attempts have failed, or as the server says."""
    with retrying_after(lambda attempts, retry_after: retry_after or attempts):
        yield Service(clock)


@pytest.fixture
def eager(clock: WaitClock) -> Iterator[Service]:
    """One without any backoff, so that time passes only where the test says so."""
    with retrying_after(lambda *_: 0.0):
        yield Service(clock)


def in_state(service: Service, state: OutageState) -> None:
    if state is DOWN:
        service.go_down("second", "third", "fourth", "fifth")
    elif state is RECOVERING:
        service.recover("second", "third", "fourth", "fifth", "sixth")
    elif state is ENDED:
        service.outage.end()
    assert service.outage.state is state


@pytest.mark.parametrize(
    ("state", "after_failure", "after_success", "after_last"),
    [
        (CLEAR, CLEAR, CLEAR, DOWN),
        (DOWN, DOWN, RECOVERING, DOWN),
        (RECOVERING, DOWN, RECOVERING, DOWN),
        (ENDED, ENDED, ENDED, ENDED),
    ],
)
def test_ways_of_an_outage(
    service: Service,
    state: OutageState,
    after_failure: OutageState,
    after_success: OutageState,
    after_last: OutageState,
) -> None:
    """Whatever happens in each state; and a shutdown ends each of them."""
    for step, following in enumerate([after_failure, after_success, after_last, ENDED]):
        one = Service(service.clock)
        in_state(one, state)
        name = one.due[0][0] if one.due else "new"
        if step == 3:
            one.outage.end()
        elif step == 1:
            one.is_delivered(name)
        else:
            one.fails(name, is_last=step == 2)
        assert one.outage.state is following


# How it begins


def test_two_batches_that_fail_begin_one(service: Service) -> None:
    assert service.fails("first") is None
    assert service.fails("first") is None
    assert service.fails("second") == []
    assert service.outage.state is DOWN


def test_server_that_is_reached_in_between_is_not_down(service: Service) -> None:
    assert service.fails("first") is None
    service.is_delivered("well")
    assert service.fails("second") is None
    assert service.outage.state is CLEAR


def test_batch_that_alone_has_used_up_its_attempts_begins_one(service: Service) -> None:
    assert service.fails("first") is None
    assert service.fails("first", is_last=True) == []
    assert service.outage.state is DOWN


def test_batch_that_fails_while_others_succeed_is_at_fault_itself(service: Service) -> None:
    assert service.fails("poison") is None
    service.is_delivered("well")
    assert service.fails("poison", is_last=True) is None
    assert service.outage.state is CLEAR


def test_batch_that_was_answered_itself_begins_anew(service: Service) -> None:
    """What it did before has nothing to do with who is at fault now."""
    assert service.fails("first") is None
    service.is_delivered("well")
    batch = service.begins("first")
    service.outage.reached(batch)  # by a 500
    assert service.ledger.postpone(batch)
    assert service.fails("first", is_last=True) == []


def test_batch_begins_three_outages_at_most(service: Service) -> None:
    """Where others are delivered in between, it is what something on the way answers to it."""
    for number in range(3):
        assert service.fails("poison", is_last=True) == []
        service.comes(f"well {number}")
        service.fails("poison")
        service.is_delivered(f"well {number}")
        assert service.outage.state is CLEAR
    assert service.fails("poison", is_last=True) is None


def test_there_is_none_where_none_is_wanted(service: Service) -> None:
    service.options.outage_seconds = 0.0
    assert service.fails("first", is_last=True) is None
    assert service.fails("second", is_last=True) is None
    assert service.outage.state is CLEAR


def test_one_begins_for_nothing_when_the_pipeline_ends(service: Service) -> None:
    service.outage.end()
    assert service.fails("first", is_last=True) is None
    assert service.fails("second", is_last=True) is None


# Who tries


def test_one_batch_at_a_time_tries_in_turn(service: Service) -> None:
    service.go_down("second", "third")
    for name in ["first", "second", "third", "first", "second"]:
        assert [entry[0] for entry in service.due] == [name]
        assert service.outage.parked == 2
        service.fails(name)


def test_pauses_grow_and_are_as_long_as_the_server_asks(service: Service) -> None:
    service.go_down()
    pauses = []
    for retry_after in [None, None, 20.0, None]:
        pauses.append(service.due[0][1])
        service.fails("first", retry_after=retry_after)
    assert [*pauses, service.due[0][1]] == [1, 2, 3, 20.0, 5]


def test_pauses_are_not_longer_than_five_seconds(clock: WaitClock) -> None:
    service = Service(clock)
    service.go_down()
    pauses = []
    for _ in range(200):
        pauses.append(service.due[0][1])
        service.fails("first")
    assert 4.5 < max(pauses) <= 5.0


def test_attempts_in_an_outage_are_excused(service: Service) -> None:
    """Those before it was recognised, too; but not what the server has answered to."""
    batch = service.begins("first")
    service.outage.reached(batch)  # by a 500
    service.ledger.postpone(batch)
    service.fails("first")
    batch.seconds_left = 1.0
    service.fails("second")
    service.comes("first")
    assert (batch.attempts, batch.excused, batch.seconds_left) == (2, 1, 300.0)
    service.fails("second")
    service.fails("first")
    assert (batch.attempts, batch.excused, batch.seconds_left) == (3, 2, 300.0)


def test_attempt_that_was_under_way_before_joins_those_that_wait(service: Service) -> None:
    late = service.begins("late")
    service.go_down()
    assert service.ends_in_vain(late) == []
    assert [entry[0] for entry in service.due] == ["first"]
    service.fails("first")
    assert [entry[0] for entry in service.due] == ["late"]


@pytest.mark.parametrize("is_under_way", [False, True])
def test_next_one_tries_if_the_one_that_should_vanishes(
    service: Service, is_under_way: bool
) -> None:
    """It was given up, or split, or lost to a fault."""
    service.go_down("second", "third")
    batch = service.begins("first") if is_under_way else service.batch("first")
    assert service.ledger.claim(batch)
    service.ledger.settle(batch, "EXCEPTION", "internal_error")
    service.outage.leave(batch)
    assert service.due[-1][0] == "second"
    assert service.outage.parked == 1


def test_batch_that_is_given_up_during_its_attempt_waits_no_more(service: Service) -> None:
    service.go_down("second")
    batch = service.begins("first")
    assert service.ledger.claim(batch)
    service.ledger.settle(batch, "EXCEPTION", "deadline")
    assert service.ends_in_vain(batch) == []
    assert [entry[0] for entry in service.due] == ["second"]
    assert service.outage.parked == 0


def test_first_batch_to_come_tries_when_all_others_are_gone(service: Service) -> None:
    service.go_down()
    assert service.fails("first", lasting=LIMIT) == ["first"]
    service.comes("new")
    assert [entry[0] for entry in service.due] == ["new"]


# How it ends


def test_ever_more_follow_when_the_server_is_reached(service: Service) -> None:
    waiting = [str(number) for number in range(11)]
    service.go_down(*waiting)
    service.is_delivered("first")
    waves = []
    while service.due:
        wave = [name for name, _ in service.due]
        waves.append(len(wave))
        for name in wave:
            service.is_delivered(name)
    assert waves == [2, 4, 5]
    assert service.outage.state is CLEAR


def test_what_comes_while_others_follow_waits_behind_them(service: Service) -> None:
    service.recover("second", "third", "fourth")
    service.comes("new")
    service.is_delivered("second")
    assert [name for name, _ in service.due] == ["third", "fourth", "new"]


def test_failure_while_others_follow_stops_that(service: Service) -> None:
    """The same outage goes on, with those that are on their way."""
    service.recover("second", "third", "fourth", "fifth")
    service.fails("second")
    assert service.outage.state is DOWN
    assert [name for name, _ in service.due] == ["third"]
    service.is_delivered("third")
    assert [name for name, _ in service.due] == ["fourth", "fifth"]


def test_batch_at_fault_that_follows_has_its_attempts(service: Service) -> None:
    """It is answered, so it is not parked again, and none of its attempts is excused."""
    service.recover(*"abcdef")
    for _ in range(3):
        batch = service.begins("a")
        service.outage.reached(batch)  # by a 500
        assert service.ledger.postpone(batch)
    assert (batch.attempts, batch.excused) == (3, 0)


def test_nothing_waits_for_a_server_that_was_reached_meanwhile(service: Service) -> None:
    """While the user is told of the failure, which takes a logging handler its time."""
    late = service.begins("late")
    service.go_down()
    service.reporter.outage_begun.side_effect = lambda _fault: service.outage.reached(late)
    assert service.fails("first") == []
    assert service.outage.state is CLEAR
    assert list(service.due) == [("first", 0.0)]


def test_all_try_at_once_when_the_pipeline_ends(service: Service) -> None:
    service.go_down("second", "third")
    late = service.begins("first")
    service.outage.end()
    assert list(service.due) == [("second", 0.0), ("third", 0.0)]
    assert service.ends_in_vain(late) is None
    service.begins("new")


def test_forked_child_has_nobody_to_send_for(service: Service) -> None:
    service.go_down("second")
    service.outage.abandon()
    service.outage.end()
    assert [name for name, _ in service.due] == ["first"]
    assert service.outage.parked == 0


# What it costs


def test_what_has_waited_too_long_is_given_up_when_another_attempt_fails(eager: Service) -> None:
    eager.go_down("second")
    assert eager.fails("first", lasting=1.0) == []
    eager.comes("later")
    assert eager.fails("second", lasting=LIMIT - 1.5) == []
    eager.clock.now += 0.5
    assert eager.outage.parked == 2  # the time alone does nothing
    assert eager.fails("first") == ["second", "first"]
    assert eager.fails("later", lasting=0.5) == []
    assert eager.fails("later", lasting=0.5) == ["later"]


def test_time_counts_from_the_beginning_of_each_outage(eager: Service) -> None:
    eager.recover("second")
    assert eager.outage.state is CLEAR
    assert eager.fails("second", lasting=LIMIT) is None
    assert eager.fails("third") == []
    eager.comes("second")
    assert eager.fails("third", lasting=LIMIT - 1) == []


def test_time_in_which_the_process_was_frozen_does_not_count(eager: Service) -> None:
    eager.go_down("second")
    eager.clock.now += LIMIT * 2  # the attempt is late
    assert eager.fails("first") == []
    eager.outage.slept(LIMIT * 2)  # an attempt was
    assert eager.fails("second", lasting=LIMIT * 2) == []


def test_batch_that_was_answered_is_not_late(eager: Service) -> None:
    """Its next attempt comes when the batch itself wants it, which is no freeze."""
    eager.recover(*"abcdefg")
    other, batch = eager.begins("a"), eager.begins("b")
    eager.outage.reached(batch)  # by a 500
    assert eager.ledger.postpone(batch)
    eager.clock.now += LIMIT
    eager.begins("b")
    assert eager.ends_in_vain(other) == ["e", "f", "g", "a"]


def test_user_is_told_when_a_second_look_has_confirmed_it(eager: Service) -> None:
    eager.go_down("second", "third", "fourth")
    eager.reporter.outage_begun.assert_not_called()
    assert (eager.stats().outages, eager.stats().outage_age) == (0, None)
    eager.fails("first", lasting=1.0)
    eager.reporter.outage_begun.assert_called_once_with(ERROR)
    assert (eager.stats().outages, eager.stats().outage_age) == (1, 1.0)
    eager.fails("second", lasting=9.0)
    eager.ledger.refuse("queue_full", 5)
    eager.ledger.refuse("serialization_error", 7)
    eager.is_delivered("third")
    eager.reporter.outage_over.assert_not_called()
    assert eager.stats().outage_age == 10.0
    eager.is_delivered("fourth")
    eager.reporter.outage_begun.assert_called_once()
    eager.reporter.outage_over.assert_called_once_with(10.0, 5)
    assert (eager.stats().outages, eager.stats().outage_age) == (1, None)


def test_nobody_is_told_of_a_moment(service: Service) -> None:
    service.recover()
    assert service.outage.state is CLEAR
    assert service.reporter.method_calls == []
    assert service.stats().outages == 0


def test_next_outage_is_told_again(service: Service) -> None:
    for number in range(1, 3):
        service.fails(f"{number}", is_last=True)
        service.fails(f"{number}")
        service.is_delivered(f"{number}")
        assert service.reporter.outage_begun.call_count == number
        assert service.reporter.outage_over.call_count == number
    assert service.stats().outages == 2

"""Exceptions that come from outside, such as Ctrl-C: whatever they interrupt, the books balance.

The control thread takes no signals, so only a thread of the user's is interrupted: it waits, or it
does the work of the SDK where no thread can be started.
"""

from __future__ import annotations

import pytest

from paltabrain_fast import InMemoryTransport, Request, SendResult

from ..support.events import TextEvent
from ..support.probe import interrupted_after, no_threads, retrying_after
from ..support.programs import run_program
from ..support.sdk import MakeSdk, assert_balanced


def test_ctrl_c_while_flush_waits_costs_no_event() -> None:
    run_program("delivery/ctrl_c_while_flushing")


@pytest.mark.parametrize(
    ("call", "places"),
    [("flush", 30), ("shutdown", 60), ("flush alone", 250), ("shutdown alone", 250)],
)
def test_exception_anywhere_leaves_the_rest_to_the_next_shutdown(call: str, places: int) -> None:
    """It is an exception of the handler's, no lock is held for ever, and no event left behind."""
    program = "delivery/interrupted_everywhere"
    assert int(run_program(program, *call.split(), timeout=100)) > places


@pytest.mark.parametrize("before", [[], [503, 503]], ids=["", "in an outage"])
def test_attempt_that_a_signal_handler_ends_is_made_again(
    make_sdk: MakeSdk, before: list[int]
) -> None:
    """The exception takes its course, and counts as no attempt."""
    interrupts = iter([KeyboardInterrupt(), SystemExit(), KeyboardInterrupt()])
    statuses = iter(before)

    def answer(_request: Request) -> SendResult:
        if (status := next(statuses, None)) is not None:
            return SendResult(status)
        if (interrupt := next(interrupts, None)) is not None:
            raise interrupt
        return SendResult(200)

    sdk = make_sdk(transport=InMemoryTransport(answer), flush_max_retries=1)
    with no_threads(), retrying_after(lambda *_: 0.0):
        sdk.track(TextEvent())
        for expected in (KeyboardInterrupt, SystemExit, KeyboardInterrupt):
            with pytest.raises(expected):
                sdk.flush(timeout=600)
        assert sdk.flush(timeout=600)
    assert (sdk.stats().delivered, sdk.stats().dropped) == (1, {})
    assert sdk.stats().requests == len(before) + 4


def test_transport_that_ends_every_attempt_so_costs_its_batch(make_sdk: MakeSdk) -> None:
    def leave(_request: Request) -> SendResult:
        raise SystemExit

    sdk = make_sdk(transport=InMemoryTransport(leave))
    with no_threads():
        sdk.track(TextEvent())
        for _ in range(6):
            with pytest.raises(SystemExit):
                sdk.flush(timeout=600)
        assert sdk.flush(timeout=600)
    assert sdk.stats().dropped == {"internal_error": 1}


def test_exception_of_a_signal_handler_leaves_no_lock_taken() -> None:
    run_program("process/locks_interrupted")


@pytest.mark.parametrize(("step", "lost"), [("take", 3), ("launch", 0), ("submit", 0)])
def test_exception_while_a_thread_frames_by_itself(make_sdk: MakeSdk, step: str, lost: int) -> None:
    """What is in no batch yet is counted as lost; a batch that is made is sent."""
    sdk = make_sdk(transport=InMemoryTransport())
    with no_threads():
        for _ in range(3):
            sdk.track(TextEvent())
        with interrupted_after(sdk, step), pytest.raises(KeyboardInterrupt):
            sdk.flush(timeout=600)
        assert sdk.flush(timeout=600)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=600)
    stats = sdk.stats()
    assert stats.dropped == ({"internal_error": lost} if lost else {})
    assert (stats.accepted, stats.delivered, stats.batches_in_flight) == (4, 4 - lost, 0)


def test_events_that_were_evicted_are_counted(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), overflow="drop_old", buffer_bytes=65_536)

    def overflow() -> None:
        while True:
            sdk.track(TextEvent("x" * 1000))

    with no_threads(), interrupted_after(sdk, "evict"), pytest.raises(KeyboardInterrupt):
        overflow()  # as nobody empties the buffer
    assert sdk.shutdown(timeout=600)
    stats = sdk.stats()
    assert stats.dropped_after_acceptance == stats.dropped["queue_full"] > 0
    assert_balanced(sdk)

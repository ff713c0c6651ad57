"""``session_event_seq_num``: which events are numbered, and how a service restarts the numbers."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport

from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk
from .support.threads import DEADLINE, running


def numbered(transport: InMemoryTransport) -> list[tuple[int, int]]:
    """Session and number of each event, in the order in which they arrived."""
    return [
        (event.common.session_id, event.common.session_event_seq_num)
        for batch in transport.batches
        for event in batch.events
    ]


def test_events_of_sessions_are_numbered_through_changes_of_the_session(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, max_in_flight=1)
    assert sdk.session_event_seq_num == 0
    for session_id in None, 5, 5, None, 7, 0, 5:
        sdk.session_id = session_id
        sdk.track(TextEvent(), TextContext(str(session_id)))
    assert sdk.session_event_seq_num == 4
    assert sdk.flush(timeout=DEADLINE)
    # a batch for each context
    assert numbered(transport) == [(0, 0), (0, 0), (5, 1), (5, 2), (5, 4), (7, 3), (0, 0)]
    assert sdk.session_event_seq_num == 4


def test_service_starts_a_new_session(make_sdk: MakeSdk) -> None:
    """What is buffered when it does keeps its session and its number."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, session_id=1)
    for session_id in 2, 3, 4:
        sdk.track(TextEvent())
        sdk.track(TextEvent())
        assert sdk.session_event_seq_num == 2
        sdk.session_id = session_id
        sdk.session_event_seq_num = 0
        assert sdk.session_event_seq_num == 0
    sdk.session_event_seq_num = 41
    sdk.track(TextEvent())
    assert sdk.flush(timeout=DEADLINE)
    assert numbered(transport) == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 42)]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (None, TypeError),
        ("0", TypeError),
        (0.0, TypeError),
        (False, TypeError),
        (-1, ValueError),
        (2**62 + 1, ValueError),
        (2**80, ValueError),
    ],
)
def test_only_a_number_that_can_be_counted_on_is_taken(
    make_sdk: MakeSdk, wrong: Any, error: type[Exception]
) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), session_id=1)
    sdk.track(TextEvent())
    with pytest.raises(error, match=rf"session_event_seq_num must be .*, not {wrong!r}"):
        sdk.session_event_seq_num = wrong
    assert sdk.session_event_seq_num == 1


def test_dropped_event_has_a_number_only_if_it_was_accepted(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), session_id=1)
    sdk.track(TextEvent("x" * 600_000))
    assert sdk.session_event_seq_num == 0
    sdk.track(TextEvent("x" * 524_250))
    sdk.track(TextEvent())
    assert sdk.session_event_seq_num == 2
    assert sdk.flush(timeout=DEADLINE)
    assert sdk.stats().dropped["too_large"] == 2
    assert sdk.shutdown()
    sdk.track(TextEvent())
    assert sdk.session_event_seq_num == 2


def test_disabled_sdk_can_be_assigned_a_number(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(disabled=True, session_id=1)
    sdk.track(TextEvent())
    assert sdk.session_event_seq_num == 0
    sdk.session_event_seq_num = 5
    assert sdk.session_event_seq_num == 5


def test_signal_handlers_and_threads_restart_while_events_are_tracked_and_sent(
    make_sdk: MakeSdk,
) -> None:
    """Whenever they come, there is no gap and no repeat but the restart itself."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, session_id=1, flush_buffer_size=10, max_in_flight=1)
    handled, rounds = threading.Semaphore(0), 200
    main = threading.main_thread().ident
    assert main is not None

    def handle(*_: object) -> None:
        sdk.session_event_seq_num = 1_000_000
        assert sdk.session_event_seq_num >= 1_000_000
        handled.release()

    def interrupt() -> None:
        for _ in range(rounds):
            signal.pthread_kill(main, signal.SIGUSR1)
            assert handled.acquire(timeout=DEADLINE)
            sdk.session_event_seq_num = 2_000_000
            os.sched_yield()

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with running(interrupt) as (interrupter,):
            count = 0
            while not interrupter.done():
                sdk.track(TextEvent())
                count += 1
        interrupter.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert sdk.flush(timeout=DEADLINE)
    numbers = [number for _, number in numbered(transport)]
    stats = sdk.stats()
    assert len(numbers) == stats.accepted
    assert stats.accepted + sum(stats.dropped.values()) == count  # the buffer may have been full
    restarts = 0
    for previous, number in zip([0, *numbers], numbers, strict=False):
        if number != previous + 1:
            assert number in (1_000_001, 2_000_001)
            restarts += 1
    assert 0 < restarts <= 2 * rounds

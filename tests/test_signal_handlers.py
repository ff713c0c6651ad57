"""Signal handlers that flush, shut down or look at the counts, wherever they come: none hangs."""

from __future__ import annotations

import signal
import threading

import pytest

from paltabrain_fast import DeliveryResult, InMemoryTransport, PaltabrainSdk, Request, SendResult

from .support.events import TextContext, TextEvent
from .support.probe import after_take, fork_barrier_condition, no_threads, waiting_for_our_books
from .support.programs import run_program
from .support.sdk import MakeSdk, assert_balanced


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_shutdown_in_a_signal_handler_does_not_hang(call: str) -> None:
    """Nothing can go on before it returns."""
    nested = run_program("signals/shutdown_in_handler", call, loses=True).split()
    assert nested == ["False"] or (call == "flush" and nested == ["True"])


def test_shutdown_in_a_signal_handler_that_interrupts_framing_does_not_hang() -> None:
    run_program("signals/shutdown_in_framing", loses=True)


def test_shutdown_in_a_signal_handler_anywhere_in_another_does_not_hang() -> None:
    run_program("signals/shutdown_in_shutdown", loses=True)


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_shutdown_in_a_signal_handler_anywhere_in_a_call_loses_nothing(call: str) -> None:
    run_program("signals/shutdown_everywhere", call, timeout=100, loses=True)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_shutdown_in_a_handler_that_interrupts_track_waits_for_nothing_of_it(engine: str) -> None:
    """Such as the lock of the buffer in pure Python, which the control thread waits for."""
    run_program("signals/shutdown_in_track", loses=True, PALTABRAIN_SDK_ENGINE=engine)


def test_stats_in_a_handler_do_not_wait_for_who_waits_for_what_it_has_interrupted() -> None:
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    sdk.track(TextEvent())
    with waiting_for_our_books(sdk):
        assert sdk.stats().pending_events == 1
        assert_balanced(sdk)
    assert sdk.shutdown(timeout=30)


def test_stats_in_a_handler_that_interrupts_framing_count_what_is_taken() -> None:
    """When it has left the buffer, and is in no batch yet."""
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    seen = list[int]()

    def handler() -> None:
        seen.append(sdk.stats().pending_events)
        assert_balanced(sdk)

    with no_threads(), after_take(sdk, handler):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
        assert seen[0] == 1
        assert sdk.shutdown(timeout=30)


def test_shutdown_in_a_handler_that_interrupts_the_fork_barrier_is_left_to_the_next() -> None:
    """Each attempt enters the barrier."""
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    sdk.track(TextEvent())
    with fork_barrier_condition():
        assert not sdk.shutdown(timeout=30)
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1


def test_signal_handler_that_interrupts_a_shutdown_may_shut_down_another_sdk(
    make_sdk: MakeSdk,
) -> None:
    """And need not come back: nothing is left to do for that one."""
    arrived, outcomes = threading.Event(), list[DeliveryResult]()
    main = threading.main_thread().ident
    assert main is not None

    def arrive(_request: Request) -> SendResult:
        arrived.set()
        return SendResult(status=200)

    def interrupt(_request: Request) -> SendResult:
        signal.pthread_kill(main, signal.SIGUSR1)
        return SendResult(status=200 if arrived.wait(30) else 400)

    sdk = make_sdk(transport=InMemoryTransport(interrupt))
    other = make_sdk(transport=InMemoryTransport(arrive))
    sdk.track(TextEvent())
    other.track(TextEvent())
    before = signal.signal(signal.SIGUSR1, lambda *_: outcomes.append(other.shutdown(timeout=30)))
    try:
        assert sdk.shutdown(timeout=60)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [bool(outcome) for outcome in outcomes] == [True]
    assert sdk.stats().delivered == 1

"""Threads that start while the SDK shuts down: none is missed, and nothing is kept for them."""

from __future__ import annotations

import queue
import sys
import threading

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from ..support.api_server import ApiServer
from ..support.events import TextContext, TextEvent, UnserializableEvent
from ..support.probe import is_kept_for_exit, starting_thread_interrupted
from ..support.programs import run_program
from ..support.sdk import Sdk, texts


def make_sdk() -> Sdk:
    return PaltabrainSdk(
        "localhost",
        "key",
        TextContext(),
        transport=InMemoryTransport(),
        on_error=print,
        shutdown_timeout=None,
    )


def test_what_comes_after_shutdown_does_not_keep_the_sdk() -> None:
    sdk = make_sdk()
    sdk.track(TextEvent())
    assert sdk.shutdown()
    sdk.track(UnserializableEvent())
    sdk.track(TextEvent())
    assert not is_kept_for_exit(sdk)


@pytest.mark.parametrize("started", [False, True])
def test_shutdown_waits_for_the_control_thread_that_starts_just_now(started: bool) -> None:
    """It frames what was tracked, and is waited for when it has ended."""
    sdk = make_sdk()
    reached, go_on = threading.Event(), threading.Event()
    outcomes: list[bool] = []

    def pause() -> None:
        reached.set()
        assert go_on.wait(30)

    tracking = threading.Thread(target=sdk.track, args=(TextEvent(),), daemon=True)
    ending = threading.Thread(target=lambda: outcomes.append(bool(sdk.shutdown())), daemon=True)
    with starting_thread_interrupted("control", pause, started=started):
        tracking.start()
        assert reached.wait(30)
        ending.start()
        go_on.set()
        tracking.join(30)
        ending.join(30)
    assert outcomes == [True]
    assert sdk.stats().delivered == 1
    assert not is_kept_for_exit(sdk)


@pytest.mark.parametrize("started", [False, True])
def test_signal_handler_does_not_wait_for_the_thread_whose_start_it_interrupts(
    started: bool,
) -> None:
    """Nothing goes on before it returns, so it gets ``False``; and then all is delivered."""
    sdk = make_sdk()
    outcomes: list[bool] = []
    with starting_thread_interrupted(
        "control", lambda: outcomes.append(bool(sdk.shutdown())), started=started
    ):
        tracking = threading.Thread(target=sdk.track, args=(TextEvent(),), daemon=True)
        tracking.start()
        tracking.join(30)
    assert not tracking.is_alive()
    assert outcomes == [False]
    assert sdk.shutdown()
    assert sdk.stats().delivered == 1
    assert not is_kept_for_exit(sdk)


@pytest.mark.parametrize("started", [False, True])
def test_exception_of_a_handler_while_a_thread_starts_leaves_nothing_to_wait_for(
    started: bool,
) -> None:
    """Whether it comes before the thread is there or when it is."""
    sdk = make_sdk()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with (
        starting_thread_interrupted("control", interrupt, started=started),
        pytest.raises(KeyboardInterrupt),
    ):
        sdk.track(TextEvent())
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1


def test_what_was_tracked_before_a_handler_shuts_down_is_flushed_at_exit(api: ApiServer) -> None:
    """Inside our own log call the shutdown can wait for nothing, and leaves it to the exit."""
    run_program("delivery/shutdown_in_a_log_handler", api.hostname)
    assert texts(api) == [["tracked in time"]]


@pytest.mark.parametrize("name", ["settrace", "setprofile"])
def test_thread_has_the_hook_of_threading_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without the GIL, to set none takes a lock that a fork meanwhile leaves locked."""
    hooks: queue.SimpleQueue[object] = queue.SimpleQueue()
    monkeypatch.setattr(sys, name, hooks.put)

    def deliver() -> None:
        sdk = make_sdk()
        sdk.track(TextEvent())
        assert sdk.shutdown(timeout=30)

    deliver()
    assert hooks.empty()

    def hook(*_arguments: object) -> None:
        pass

    getattr(threading, name)(hook)
    try:
        deliver()
    finally:
        getattr(threading, name)(None)
    assert hooks.get(timeout=30) is hook

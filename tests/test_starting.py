"""Threads that start while the SDK shuts down: none is missed, and nothing is kept for them."""

from __future__ import annotations

import pkgutil
import threading
from collections.abc import Callable

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import lifetime
from paltabrain_fast.process.threads import Thread

from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.sdk import Sdk, run_script, texts


def make_sdk() -> Sdk:
    return PaltabrainSdk(
        "localhost",
        "key",
        TextContext(),
        transport=InMemoryTransport(),
        on_error=print,
        shutdown_timeout=None,
    )


class Held:
    """Stops whoever calls it first, until it is let go."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call
        self.reached, self.let_go = threading.Event(), threading.Event()

    def __call__(self, *arguments: object) -> object:
        if not self.reached.is_set():
            self.reached.set()
            assert self.let_go.wait(30)
        return self._call(*arguments)


class Wanted:
    """A lock that has the one who is held let go when somebody else comes to wait for it."""

    def __init__(self, held: Held) -> None:
        lock = threading.RLock()
        self._held, self._acquire, self.release = held, lock.acquire, lock.release

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._held.reached.is_set():
            self._held.let_go.set()
        return self._acquire(blocking, timeout)


def while_held(held: Held, first: Callable[[], object], then: Callable[[], object]) -> None:
    """Let ``then`` run, or wait, while ``first`` is held; end both."""
    threads = [threading.Thread(target=call, daemon=True) for call in (first, then)]
    threads[0].start()
    assert held.reached.wait(30)
    threads[1].start()
    threads[1].join(30)
    held.let_go.set()
    threads[0].join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_what_comes_after_shutdown_does_not_keep_the_sdk() -> None:
    sdk = make_sdk()
    sdk.track(TextEvent())
    assert sdk.shutdown()
    sdk.track(UnserializableEvent())
    sdk._control.event_recorded()
    assert not lifetime.has_entered(sdk._control)


@pytest.mark.parametrize("step", ["lifetime.enter", "lifetime.may_start_threads", "Thread"])
def test_shutdown_waits_for_the_control_thread_that_starts_just_now(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sdk = make_sdk()
    held = Held(pkgutil.resolve_name(f"paltabrain_fast.delivery.control.{step}"))
    monkeypatch.setattr(f"paltabrain_fast.delivery.control.{step}", held)
    monkeypatch.setattr(sdk._control, "_starting", Wanted(held))
    seen: list[bool] = []

    def shut_down() -> None:
        seen.extend((sdk.shutdown(), held.let_go.is_set()))

    while_held(held, lambda: sdk.track(TextEvent()), shut_down)
    assert seen == [True, True]
    assert not lifetime.has_entered(sdk._control)
    assert sdk._control._thread is None


@pytest.mark.parametrize(
    "step", ["lifetime.enter", "lifetime.may_start_threads", "Thread", "Thread.start"]
)
def test_signal_handler_shuts_down_what_it_has_interrupted_while_starting(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It waits for no thread that starts only when it returns."""
    sdk = make_sdk()
    target = f"paltabrain_fast.delivery.control.{step}"
    call = pkgutil.resolve_name(target)
    outcomes: list[bool] = []

    def interrupted(*arguments: object) -> object:
        monkeypatch.setattr(target, call)
        outcomes.append(sdk.shutdown())
        return call(*arguments)

    monkeypatch.setattr(target, interrupted)
    tracking = threading.Thread(target=lambda: sdk.track(TextEvent()), daemon=True)
    tracking.start()
    tracking.join(30)
    assert not tracking.is_alive()
    assert outcomes == [True]
    assert not lifetime.has_entered(sdk._control)


@pytest.mark.parametrize("started", [False, True])
def test_ctrl_c_while_flush_starts_a_thread_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, started: bool
) -> None:
    """Whether it comes before the thread is there or when it is."""
    sdk = make_sdk()
    sdk.flush_interval_ms = 3_600_000  # the control thread leaves it to flush()
    start = Thread.start

    def interrupted(thread: Thread) -> None:
        if thread.name == "paltabrain-control":
            return start(thread)
        monkeypatch.setattr(Thread, "start", start)
        if started:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(Thread, "start", interrupted)
    sdk.track(TextEvent())
    with pytest.raises(KeyboardInterrupt):
        sdk.flush()
    outcomes: list[bool] = []
    ending = threading.Thread(target=lambda: outcomes.append(sdk.shutdown()), daemon=True)
    ending.start()
    ending.join(30)
    assert outcomes == [True]
    assert sdk.stats().delivered == 1


SHUT_DOWN_BEFORE_THE_START = """
import logging, sys
from paltabrain_fast import PaltabrainSdk, explain
from paltabrain_fast.process import lifetime
from tests.support.events import TextContext, TextEvent

explain(TextContext)  # now, as that is logged as well

class ForeignEvent:  # which is logged when it is in the buffer, before a thread is started for it
    event_type_id = 1
    serialize_header = TextEvent.serialize_header
    serialize_payload = TextEvent.serialize_payload
    text = "tracked in time"

class ShuttingDown(logging.Handler):
    def emit(self, record):
        outcomes.append((lifetime.has_entered(sdk._control), sdk.shutdown()))

outcomes = []
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=30)
sdk.logger.addHandler(ShuttingDown())
sdk.track(ForeignEvent())
assert outcomes == [(False, False)], outcomes
"""


def test_what_was_tracked_before_a_handler_shuts_down_is_flushed_at_exit(api: ApiServer) -> None:
    """Inside our own log call the shutdown can wait for nothing, and leaves it to the exit."""
    run_script(SHUT_DOWN_BEFORE_THE_START, api.hostname)
    assert texts(api) == [["tracked in time"]]

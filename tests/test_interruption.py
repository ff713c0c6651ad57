"""Exceptions that come from outside, such as Ctrl-C: whatever they interrupt, the books balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.delivery.control import Control

from .support.events import TextEvent
from .support.sdk import MakeSdk, run_script

FRAMING = """
import os, signal, sys, threading, time
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

signal.signal(signal.SIGINT, signal.default_int_handler)  # which may be ignored in the background
transport = InMemoryTransport()
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=transport,
    flush_buffer_size=10**6, flush_interval_ms=3_600_000, buffer_bytes=64 << 20,
    shutdown_timeout=30,
)

def interrupt(go):
    go.wait()
    os.kill(os.getpid(), signal.SIGINT)

for attempt in range(20):
    for number in range(4000):
        sdk.track(TextEvent("x" * 500))
    go = threading.Event()
    thread = threading.Thread(target=interrupt, args=(go,))
    thread.start()
    try:
        go.set()
        sdk.flush()
        thread.join()
        end = time.monotonic() + 30  # unless a finalizer has swallowed it
        while time.monotonic() < end:
            pass
    except KeyboardInterrupt:
        thread.join()
assert sdk.shutdown()
stats = sdk.stats()
assert stats.accepted == 80_000 and not stats.pending_events, stats
assert stats.dropped_after_acceptance < 8_000, stats  # what is cut is handed over, as a rule
assert stats.delivered == sum(len(batch.events) for batch in transport.batches)
assert stats.delivered + stats.dropped_after_acceptance == stats.accepted, stats
"""


def test_ctrl_c_while_flush_frames_leaves_no_event_without_an_outcome() -> None:
    run_script(FRAMING)


EVERYWHERE = """
import os, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

class Interruption:
    "Raises at one place where Python would call a signal handler: a call, or the return from C."

    # 3.14 and 3.15 also tell of the return to a with statement, but only 3.14 calls a handler there
    nowhere = "__enter__" if sys.version_info >= (3, 15) else None

    def __init__(self, place):
        self.left = place

    def __call__(self, frame, event, function):
        if event == "c_return" and function.__name__ == self.nowhere:
            return
        if event in ("call", "c_return") and "paltabrain_fast" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

def end(sdk):
    ended.append(sdk.flush(timeout=30) and sdk.shutdown(timeout=30))

place, ended = 0, []
while True:
    place += 1
    transport = InMemoryTransport()
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    sdk._control._thread = threading.current_thread()  # so that none is started, and none frames
    for _ in range(3):
        sdk.track(TextEvent())
    interruption = Interruption(place)
    try:
        sys.setprofile(interruption)
        try:
            sdk.flush()
        finally:
            sys.setprofile(None)
    except KeyboardInterrupt:
        pass
    sdk._control._thread = None
    ending = threading.Thread(target=end, args=(sdk,), daemon=True)
    ending.start()
    ending.join(60)
    assert ended.pop(), place
    stats = sdk.stats()
    assert stats.accepted == 3 == stats.delivered + stats.dropped_after_acceptance, (place, stats)
    assert stats.delivered == sum(len(batch.events) for batch in transport.batches), (place, stats)
    if interruption.left > 0:
        break
print(place)
"""


def test_exception_anywhere_in_flush_leaves_no_event_without_an_outcome() -> None:
    assert int(run_script(EVERYWHERE)) > 50


LOCKS = """
import signal
from paltabrain_fast.process.locks import Condition, RLock

class Interruption(BaseException):
    pass

def interrupt(*_):
    raise Interruption

signal.signal(signal.SIGALRM, interrupt)
for lock in RLock(), Condition():
    for _ in range(500):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            while True:
                with lock:
                    pass
        except Interruption:
            pass
        assert not lock._is_owned(), lock
"""


def test_exception_of_a_signal_handler_leaves_no_lock_taken() -> None:
    run_script(LOCKS)


SHUTDOWN = """
import sys
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import fork_barrier
from tests.support.events import TextContext, TextEvent

class Interruption:
    nowhere = "__enter__" if sys.version_info >= (3, 15) else None

    def __init__(self, place):
        self.left = place

    def __call__(self, frame, event, function):
        if event == "c_return" and function.__name__ == self.nowhere:
            return
        if event in ("call", "c_return") and "paltabrain_fast" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

place = 0
while True:
    place += 1
    transport = InMemoryTransport()
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    for _ in range(3):
        sdk.track(TextEvent())
    interruption = Interruption(place)
    try:
        sys.setprofile(interruption)
        try:
            sdk.shutdown(timeout=30)
        finally:
            sys.setprofile(None)
    except KeyboardInterrupt:
        pass
    sdk.shutdown(timeout=30)  # as at exit: the rest is done
    stats = sdk.stats()
    assert stats.accepted == 3 == stats.delivered + stats.dropped_after_acceptance, (place, stats)
    assert stats.delivered == sum(len(batch.events) for batch in transport.batches), (place, stats)
    assert not fork_barrier._guard._inside, place
    if interruption.left > 0:
        break
print(place)
"""


def test_exception_anywhere_in_shutdown_leaves_the_rest_to_the_next() -> None:
    """It is an exception of the handler's, no lock is held for ever, and no event left behind."""
    assert int(run_script(SHUTDOWN)) > 100


@contextmanager
def interrupted(owner: object, method: str) -> Iterator[None]:
    """Have one call raise ``KeyboardInterrupt`` when it has done its work."""
    call: Callable[..., Any] = getattr(owner, method)
    with pytest.MonkeyPatch.context() as monkeypatch:

        def interrupt(*arguments: Any, **keywords: Any) -> None:
            call(*arguments, **keywords)
            monkeypatch.undo()
            raise KeyboardInterrupt

        monkeypatch.setattr(owner, method, interrupt)
        with pytest.raises(KeyboardInterrupt):
            yield


class Wrapped:
    """An engine whose methods can be replaced."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.take, self.evict = engine.take, engine.evict

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __len__(self) -> int:
        return len(self._engine)


def owner_of(control: Control, method: str) -> object:
    if method in ("take", "evict"):
        control._engine = Wrapped(control._engine)
        return control._engine
    return control.ledger if method == "launch" else control._pool


@pytest.mark.parametrize("method", ["take", "launch", "enqueue"])
def test_batch_that_was_not_handed_over_is_counted_as_lost(make_sdk: MakeSdk, method: str) -> None:
    """And nothing waits for it: neither for its events nor for its outcome."""
    sdk = make_sdk(transport=InMemoryTransport())
    for _ in range(3):
        sdk.track(TextEvent())
    with interrupted(owner_of(sdk._control, method), method):
        sdk.flush()
    assert sdk.flush(timeout=600)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=600)
    stats = sdk.stats()
    assert stats.dropped == {"internal_error": 3}
    assert (stats.accepted, stats.delivered, stats.batches_in_flight) == (4, 1, 0)


def test_events_that_were_evicted_are_counted(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(), overflow="drop_old", buffer_bytes=65_536, max_in_flight=1
    )
    owner = owner_of(sdk._control, "evict")
    with sdk._control._framing, interrupted(owner, "evict"):  # the buffer stays full
        while True:
            sdk.track(TextEvent("x" * 1000))
    assert sdk.shutdown(timeout=600)
    stats = sdk.stats()
    assert stats.dropped_after_acceptance == stats.dropped["queue_full"] > 0
    assert stats.accepted == stats.delivered + stats.dropped_after_acceptance

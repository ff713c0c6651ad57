"""From the first event to the end: flush, shutdown, exit, garbage collection."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import time
import weakref

import pytest

from paltabrain_fast import (
    InMemoryTransport,
    PaltabrainSdk,
    SendResult,
)
from paltabrain_fast.delivery.control import Control
from paltabrain_fast.delivery.sender import Delivery
from paltabrain_fast.sdk_pb2 import BatchTelemetry

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.sdk import MakeSdk, Sdk, assert_balanced, run_script, start_script, texts


def test_flush_does_not_wait_and_flush_with_timeout_does(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    try:
        sdk.track(TextEvent())
        assert sdk.flush() is False
        assert len(sdk.event_buffer) == 0
        api.wait_for(1)
        assert sdk.flush(timeout=0.05) is False
    finally:
        release.set()
    assert sdk.flush(timeout=30) is True


def test_flush_waits_only_for_what_was_tracked_before(api: ApiServer, make_sdk: MakeSdk) -> None:
    first, second = threading.Event(), threading.Event()
    api.answer = lambda count, _request: Answer(release=second if count else first)
    sdk = make_sdk(api.hostname, flush_buffer_size=1)
    flushed: queue.SimpleQueue[bool] = queue.SimpleQueue()
    sdk.track(TextEvent("before"))
    api.wait_for(1)
    waiter = threading.Thread(target=lambda: flushed.put(sdk.flush(timeout=30)))
    waiter.start()
    try:
        sdk.track(TextEvent("after"))
        api.wait_for(2)
        first.set()
        assert flushed.get(timeout=30) is True
        assert sdk.stats().batches_in_flight == 1
    finally:
        first.set()
        second.set()
        waiter.join()


def test_event_is_not_settled_between_buffer_and_ledger(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    sender = sdk._control._sender
    submit, seen = sender.submit, []

    def look_then_submit(batch: Delivery, report: BatchTelemetry | None) -> None:
        seen.append(sdk._control._is_settled(1))
        submit(batch, report)

    monkeypatch.setattr(sender, "submit", look_then_submit)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert seen == [False]


def test_shutdown_delivers_all_and_ends_the_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = {thread.name for thread in threading.enumerate()}
    sdk = make_sdk(api.hostname)
    for number in range(1000):
        sdk.track(TextEvent(str(number)))
    assert not sdk.is_shutdown
    assert sdk.shutdown()
    assert sdk.is_shutdown
    arrived = sorted(int(text) for batch in texts(api) for text in batch)
    assert arrived == list(range(1000))
    assert not {t.name for t in threading.enumerate() if "paltabrain" in t.name} - before
    assert sdk.shutdown()
    assert sdk.flush(timeout=1)


def test_shutdown_gives_up_at_its_deadline(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, max_in_flight=1)
    try:
        sdk.track(TextEvent("in flight"))
        sdk.flush()
        api.wait_for(1)
        sdk.track(TextEvent("buffered"))
        sdk.track(TextEvent("buffered"))
        assert sdk.shutdown(timeout=0.05) is False
        assert sdk.shutdown() is False
    finally:
        release.set()
    stats = sdk.stats()
    assert stats.dropped == {"deadline": 3}
    assert stats.pending_events == 0
    assert_balanced(sdk)
    given_up = [r for r in caplog.records if "not delivered" in r.getMessage()]
    assert [r.getMessage() for r in given_up] == [
        "3 events were not delivered before the shutdown timeout"
    ]


def test_shutdown_interrupts_the_wait_for_a_retry(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda _count, _request: Answer(503, headers={"Retry-After": "3000"})
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    sdk.flush()
    api.wait_for(1)
    assert sdk.shutdown(timeout=0.2) is False
    sdk._control._pool.join(time.monotonic() + 30)
    assert not [t for t in threading.enumerate() if "paltabrain-sender" in t.name]
    assert len(api.requests) == 1


def test_after_shutdown_events_are_dropped_with_one_warning(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    sdk.shutdown()
    for _ in range(5):
        sdk.track(TextEvent())
    assert sdk.stats().dropped == {"already_shutdown": 5}
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    assert len(sdk.event_buffer) == 0
    assert transport.requests == []


def test_context_manager_shuts_down_and_hides_no_exception(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext())

    def use() -> None:
        with sdk:
            sdk.track(TextEvent("sent all the same"))
            raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        use()
    assert sdk.is_shutdown
    assert texts(api) == [["sent all the same"]]


FORGETFUL = """
import atexit, sys, threading
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=float(sys.argv[2]))
for number in range(10):
    sdk.track(TextEvent(str(number)))

def refuse(_thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")

# as Python 3.12 and later do; exit handlers run last in, first out
atexit.register(setattr, threading.Thread, "start", refuse)
"""


def test_forgotten_shutdown_is_made_up_for_at_exit(api: ApiServer) -> None:
    run_script(FORGETFUL, api.hostname, "30")
    assert [text for batch in texts(api) for text in batch] == [str(n) for n in range(10)]


def test_exit_is_bounded_when_nobody_answers(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        done = start_script(FORGETFUL, api.hostname, "0.1")
    finally:
        release.set()
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


RE_ENTRANT = """
import os, signal, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from tests.support.events import TextContext, TextEvent

class Interrupting(InMemoryTransport):
    def send(self, request):
        if not self.requests:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().send(request)

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Interrupting())
nested = []

def handler(_signal, _frame):
    sdk.track(TextEvent())
    nested.append(sdk.shutdown())

signal.signal(signal.SIGTERM, handler)
sdk.track(TextEvent())
"""

INSIDE_SHUTDOWN = """
assert sdk.shutdown() is True
assert nested == [False] and sdk.shutdown() is True, nested
"""

INSIDE_FLUSH = """
take = sdk._engine.take
class Engine:
    def __getattr__(self, name):
        return getattr(sdk._engine, name)
    def __len__(self):
        return len(sdk._engine)
    def take(self, *arguments):
        if not nested:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(*arguments)
sdk._control._engine = Engine()
sdk.flush()
assert set(nested) == {False}, nested
assert sdk.shutdown() is True
assert sdk.stats().delivered == sdk.stats().accepted >= 1
"""


@pytest.mark.parametrize("inside", [INSIDE_SHUTDOWN, INSIDE_FLUSH], ids=["shutdown", "flush"])
def test_shutdown_in_a_signal_handler_does_not_hang(inside: str) -> None:
    run_script(RE_ENTRANT + inside)


@pytest.mark.parametrize("timeout", [-5, 0, 1e10, float("inf")])
def test_any_number_is_a_timeout(make_sdk: MakeSdk, timeout: float) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    assert sdk.flush(timeout=timeout)
    assert sdk.shutdown(timeout=timeout)


def test_on_error_may_shut_down(make_sdk: MakeSdk) -> None:
    done: queue.SimpleQueue[bool] = queue.SimpleQueue()
    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda _error, _info: done.put(sdk.shutdown(timeout=30)),
    )
    sdk.track(TextEvent())
    sdk.flush()
    assert done.get(timeout=30) is True


@pytest.mark.parametrize("where", ["transport", "on_error"])
def test_exit_in_a_sender_thread_costs_one_batch_at_most(make_sdk: MakeSdk, where: str) -> None:
    answers = iter([400])

    def leave(*_arguments: object) -> SendResult:
        if next(answers, None):
            raise SystemExit(1)
        return SendResult(status=200)

    if where == "transport":
        sdk = make_sdk(transport=InMemoryTransport(leave), max_in_flight=1)
    else:
        statuses = iter([400])
        refuse_once = InMemoryTransport(lambda _request: SendResult(next(statuses, 200)))
        sdk = make_sdk(transport=refuse_once, max_in_flight=1, on_error=leave)
    for text in "first", "second":
        sdk.track(TextEvent(text))
        assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 1
    assert sdk.stats().dropped_after_acceptance == 1
    assert sdk.shutdown(timeout=30)


def test_track_does_not_raise_at_the_limit_of_recursion(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    event = TextEvent()
    escaped = []

    def probe() -> None:
        """There is room for one more call."""

    def deeper() -> None:
        probe()
        try:
            sdk.track(event)
        except RecursionError as error:
            escaped.append(error)
        deeper()

    with pytest.raises(RecursionError):
        deeper()
    assert not escaped


# Exit


SEVERAL = """
import atexit, sys
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdks = [
    PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=float(sys.argv[2]))
    for _ in range(5)
]
for number, sdk in enumerate(sdks):
    sdk.track(TextEvent(str(number)))
atexit.register(sdks[0].track, TextEvent("at exit"))
PaltabrainSdk(sys.argv[1], "key", TextContext())  # which never has an event
"""


def test_all_sdks_are_flushed_at_exit_with_what_exit_handlers_track(api: ApiServer) -> None:
    run_script(SEVERAL, api.hostname, "30")
    assert sorted(text for batch in texts(api) for text in batch) == [*"01234", "at exit"]


def test_exit_of_all_sdks_has_one_time_limit(api: ApiServer) -> None:
    """Five of them give up together, not one after the other."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    started = time.monotonic()
    try:
        done = start_script(SEVERAL, api.hostname, "2")
    finally:
        release.set()
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 8


def test_nothing_starts_when_the_interpreter_is_ending(api: ApiServer) -> None:
    """An event that comes when our exit handler has run is dropped, without a thread or a trace."""
    run_script(
        """
import atexit, sys, threading

def late():
    threads = set(threading.enumerate())
    for sdk in used, unused:
        sdk.track(TextEvent("late"))
        sdk.track(TextEvent("late"))
    assert set(threading.enumerate()) <= threads
    assert used.stats().dropped == {"already_shutdown": 2}

atexit.register(late)
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

class AtTheVeryEnd:
    def __init__(self, event, *sdks):
        self.event, self.sdks = event, sdks

    def __del__(self):
        for sdk in self.sdks:
            sdk.track(self.event)

used = PaltabrainSdk(sys.argv[1], "key", TextContext())
unused = PaltabrainSdk(sys.argv[1], "key", TextContext())
used.track(TextEvent("in time"))
keep = AtTheVeryEnd(TextEvent("later"), used, unused)
""",
        api.hostname,
    )
    assert ["in time"] in texts(api)


# Shutdown from everywhere


def test_shutdown_from_many_threads_has_one_outcome(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext(), flush_buffer_size=1)
    for number in range(50):
        sdk.track(TextEvent(str(number)), TextContext(str(number)))
    outcomes: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=lambda: outcomes.put(sdk.shutdown(timeout=30))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert [outcomes.get(timeout=60) for _ in threads] == [True] * 8
    for thread in threads:
        thread.join()
    assert len(api.requests) == 50


def test_on_error_may_shut_down_while_others_do(make_sdk: MakeSdk) -> None:
    """Neither waits for the other."""
    outcomes: queue.SimpleQueue[bool] = queue.SimpleQueue()
    called = threading.Event()

    def shut_down(*_told: object) -> None:
        called.set()
        outcomes.put(sdk.shutdown())

    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=shut_down,
        shutdown_timeout=None,
    )
    sdk.track(UnserializableEvent())
    sdk.track(TextEvent())
    assert called.wait(30)
    assert sdk.shutdown() is True
    assert outcomes.get(timeout=30) is True


def test_logging_handler_that_shuts_down_does_not_hang(make_sdk: MakeSdk) -> None:
    class ShuttingDown(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            assert sdk.shutdown() in (True, False)

    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(status=400)))
    handler = ShuttingDown()
    sdk.logger.addHandler(handler)
    level = sdk.logger.level
    sdk.logger.setLevel(logging.INFO)
    try:
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    finally:
        sdk.logger.setLevel(level)
        sdk.logger.removeHandler(handler)
    assert sdk.is_shutdown
    assert sdk.shutdown(timeout=30)


def test_deadlines_hold_inside_a_wait_for_a_retry(make_sdk: MakeSdk) -> None:
    """Flush comes back without an outcome, shutdown without waiting it out."""
    retried = InMemoryTransport(lambda _request: SendResult(status=503, retry_after=30.0))
    sdk = make_sdk(transport=retried)
    sdk.track(TextEvent())
    started = time.monotonic()
    assert not sdk.flush(timeout=0.1)
    assert not sdk.shutdown(timeout=0.1)
    assert time.monotonic() - started < 10  # not one of the thirty seconds that were asked for
    assert sdk.stats().dropped == {"deadline": 1}


# Garbage collection


def threads_of_sdks() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "paltabrain" in thread.name}


def forget_sdk(hostname: str) -> tuple[weakref.ref[Sdk], weakref.ref[Control]]:
    class Service:
        def __init__(self) -> None:
            self.sdk: Sdk = PaltabrainSdk(
                hostname,
                "key",
                TextContext(),
                flush_interval_ms=3_600_000,
                on_error=self.on_error,  # which refers to the SDK
            )

        def on_error(self, *_told: object) -> None:
            raise AssertionError

    sdk = Service().sdk
    sdk.track(TextEvent("kept"))
    return weakref.ref(sdk), weakref.ref(sdk._control)


def test_forgotten_sdk_delivers_what_it_has_and_ends(api: ApiServer) -> None:
    before = threads_of_sdks()
    gone, control = forget_sdk(api.hostname)
    gc.collect()
    assert gone() is None
    api.wait_for(1)
    for thread in threads_of_sdks() - before:
        thread.join(30)
        assert not thread.is_alive()
    gc.collect()
    assert control() is None


def test_sdks_in_a_loop_do_not_pile_up() -> None:
    """Each with its threads and its ring of 16 MiB."""
    out = run_script(
        """
import gc, threading, weakref
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdks = []
for number in range(200):
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    sdk.track(TextEvent(str(number)))
    sdks.append(weakref.ref(sdk))
    if number % 2:
        sdk.shutdown()
del sdk
gc.collect()
assert not any(sdk() for sdk in sdks)
while others := [thread for thread in threading.enumerate() if "paltabrain" in thread.name]:
    for thread in others:
        thread.join(30)
assert threading.active_count() == 1, threading.enumerate()
from paltabrain_fast.process import lifetime
assert not lifetime._at_work and not len(lifetime._renewables)
gc.collect()
print(len([line for line in open("/proc/self/maps") if "rw-p" in line and " 0 " in line]),
      sorted(int(e.payload) for b in transport.batches for e in b.events) == list(range(200)))
"""
    )
    mappings, complete = out.split()
    assert complete == "True"
    assert int(mappings) < 150

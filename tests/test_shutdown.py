"""``shutdown()``: all is delivered or told of, threads end, and anybody may call it at any time."""

from __future__ import annotations

import logging
import queue
import threading

import pytest

from paltabrain_fast import DeliveryResult, InMemoryTransport, PaltabrainSdk, SendResult

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.log_lines import LogLines
from .support.sdk import MakeSdk, Sdk, assert_balanced, texts
from .support.threads import await_end, threads_of_sdks


def test_shutdown_delivers_all_and_ends_the_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = threads_of_sdks()
    sdk = make_sdk(api.hostname)
    for number in range(1000):
        sdk.track(TextEvent(str(number)))
    assert not sdk.is_shutdown
    assert sdk.shutdown()
    assert sdk.is_shutdown
    arrived = sorted(int(text) for batch in texts(api) for text in batch)
    assert arrived == list(range(1000))
    assert not threads_of_sdks() - before
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
        assert not sdk.shutdown(timeout=0.05)
        assert not sdk.shutdown()
    finally:
        release.set()
    stats = sdk.stats()
    assert stats.dropped == {"deadline": 3}
    assert stats.pending_events == 0
    assert_balanced(sdk)
    given_up = [r for r in caplog.records if "not delivered" in r.getMessage()]
    assert [r.getMessage() for r in given_up] == [
        "not delivered before the shutdown timeout: 3 events lost; raise shutdown_timeout"
    ]


def test_shutdown_interrupts_the_wait_for_a_retry(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda _count, _request: Answer(503, headers={"Retry-After": "3000"})
    before = threads_of_sdks()
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    sdk.flush()
    api.wait_for(1)
    assert not sdk.shutdown(timeout=0.2)
    await_end(threads_of_sdks() - before, deadline=15)  # in 30 s, it would be made
    assert len(api.requests) == 1


def test_after_shutdown_events_are_dropped_with_one_warning(
    make_sdk: MakeSdk,
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    lines = LogLines(sdk)
    sdk.shutdown()
    for _ in range(5):
        sdk.track(TextEvent())
    assert sdk.stats().dropped == {"already_shutdown": 5}
    assert lines.next() == (
        "tracked after shutdown(): 5 events lost; shut down after the last event, or make a new"
        " PaltabrainSdk"
    )
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


def test_on_error_may_shut_down(make_sdk: MakeSdk) -> None:
    done: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda _error, _info: done.put(sdk.shutdown(timeout=30)),
    )
    sdk.track(TextEvent())
    sdk.flush()
    assert done.get(timeout=30)


def test_shutdown_from_many_threads_has_one_outcome(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext(), flush_buffer_size=1)
    for number in range(50):
        sdk.track(TextEvent(str(number)), TextContext(str(number)))
    outcomes: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=lambda: outcomes.put(sdk.shutdown(timeout=30))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert all(outcomes.get(timeout=60) for _ in threads)
    for thread in threads:
        thread.join()
    assert len(api.requests) == 50


def test_on_error_may_shut_down_while_others_do(make_sdk: MakeSdk) -> None:
    """Neither waits for the other."""
    outcomes: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
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
    assert sdk.shutdown()
    assert outcomes.get(timeout=30)


def test_logging_handler_that_shuts_down_does_not_hang(make_sdk: MakeSdk) -> None:
    class ShuttingDown(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            assert sdk.shutdown() is not None

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

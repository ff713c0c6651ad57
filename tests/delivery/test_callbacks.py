"""``on_error`` has a thread of its own, and may hang."""

from __future__ import annotations

import queue
import threading

from paltabrain_fast import InMemoryTransport, SendResult

from ..support.events import TextEvent, UnserializableEvent
from ..support.probe import await_delivery
from ..support.sdk import MakeSdk


def test_on_error_is_called_in_a_thread_of_our_own(make_sdk: MakeSdk) -> None:
    threads: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda *_told: threads.put(threading.current_thread()),
    )
    sdk.track(UnserializableEvent())
    assert threads.get(timeout=30) is not threading.current_thread()
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert threads.get(timeout=30) is not threading.current_thread()


def test_hanging_on_error_holds_up_nothing(make_sdk: MakeSdk) -> None:
    called, release, calls = threading.Event(), threading.Event(), []

    def hang(*told: object) -> None:
        calls.append(told)
        called.set()
        release.wait(60)

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, on_error=hang, flush_buffer_size=1)
    try:
        for _ in range(2000):
            sdk.track(UnserializableEvent())
        for _ in range(10):
            sdk.track(TextEvent())
        await_delivery(sdk, 10)
        assert called.wait(30)
        assert len(calls) == 1
    finally:
        release.set()
    assert sdk.shutdown()
    assert 1000 <= len(calls) <= 1002  # those beyond were not kept

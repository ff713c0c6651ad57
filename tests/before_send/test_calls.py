"""When ``before_send`` is called, and when not: by threads, in forked children, within itself."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import InMemoryTransport

from ..support.api_server import ApiServer
from ..support.events import TextEvent, UnserializableEvent
from ..support.programs import run_program
from ..support.scarce import needs
from ..support.sdk import MakeSdk, sent, texts
from ..support.threads import DEADLINE, running


def test_it_runs_in_the_thread_that_tracks(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    threads: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()

    def note(event: TextEvent, _context: Any) -> TextEvent:
        threads.put((threading.get_ident(), event.text))
        return event

    def track() -> None:
        for _ in range(100):
            sdk.track(TextEvent(str(threading.get_ident())))

    sdk = make_sdk(transport=transport, before_send=note)
    with running(*[track] * 8):
        pass
    assert len(sent(sdk, transport)) == 800
    seen = [threads.get() for _ in range(800)]
    assert all(str(thread) == text for thread, text in seen)
    assert threads.empty()


def test_what_is_no_event_is_not_shown_to_it(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    sdk = make_sdk(transport=transport, before_send=lambda *_: 1 / 0)
    wrong: Any
    for wrong in None, "event", TextEvent, object():
        sdk.track(wrong)
    assert sdk.stats().dropped == {"serialization_error": 4}


def test_event_that_it_tracks_itself_is_refused(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    """Or it would never end, or something be sent that the hook has not seen."""

    def track(event: TextEvent, _context: Any) -> TextEvent:
        sdk.track(TextEvent("from within"))
        return event

    sdk = make_sdk(transport=transport, before_send=track)
    for number in range(3):
        sdk.track(TextEvent(str(number)))
    assert sent(sdk, transport) == ["0", "1", "2"]
    assert sdk.stats().dropped == {"reentrant": 3}


def test_event_that_it_tracks_with_another_sdk_is_sent(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    audit = make_sdk(transport=transport, before_send=lambda event, _context: event)

    def mirror(event: TextEvent, _context: Any) -> None:
        audit.track(TextEvent(f"mirrored {event.text}"))

    sdk = make_sdk(transport=InMemoryTransport(), before_send=mirror)
    sdk.track(TextEvent("a"))
    assert sent(audit, transport) == ["mirrored a"]


def test_other_threads_track_while_it_runs(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    inside, tracked = threading.Event(), threading.Event()

    def wait(event: TextEvent, _context: Any) -> TextEvent:
        if event.text == "slow":
            inside.set()
            assert tracked.wait(DEADLINE)
        return event

    sdk = make_sdk(transport=transport, before_send=wait)
    with running(lambda: sdk.track(TextEvent("slow"))):
        assert inside.wait(DEADLINE)
        sdk.track(TextEvent("meanwhile"))
        tracked.set()
    assert sent(sdk, transport) == ["meanwhile", "slow"]


@pytest.mark.parametrize("engine", ["native", "python"])
def test_interrupt_anywhere_leaves_the_thread_able_to_track(engine: str) -> None:
    """As if it were still in the hook, and all that it tracks were refused."""
    run_program("before_send/interrupted", PALTABRAIN_SDK_ENGINE=engine)


@needs("gevent")
def test_other_greenlets_track_while_it_runs() -> None:
    run_program("before_send/greenlets")


def test_it_may_flush(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    def flush(event: Any, _context: Any) -> Any:
        assert sdk.flush(timeout=DEADLINE)
        return event

    sdk = make_sdk(transport=transport, before_send=flush)
    sdk.track(TextEvent("a"))
    sdk.track(TextEvent("b"))
    assert [len(batch.events) for batch in transport.batches] == [1]
    assert sent(sdk, transport) == ["a", "b"]


def test_disabled_sdk_does_not_call_it(make_sdk: MakeSdk) -> None:
    calls: list[Any] = []
    sdk = make_sdk(disabled=True, before_send=lambda *arguments: calls.append(arguments))
    sdk.track(TextEvent())
    assert calls == []
    assert sdk.stats().dropped == {}


def test_event_that_is_refused_anyway_is_not_shown_to_it(make_sdk: MakeSdk) -> None:
    """As one that a logging handler tracks for a line of the SDK's own."""
    calls: list[str] = []

    class Tracking(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            sdk.track(TextEvent("logged"))

    def note(event: TextEvent, _context: Any) -> TextEvent:
        calls.append(event.text)
        return event

    sdk = make_sdk(transport=InMemoryTransport(), before_send=note)
    handler = Tracking()
    sdk.logger.addHandler(handler)
    try:
        sdk.track(UnserializableEvent("fails"))
    finally:
        sdk.logger.removeHandler(handler)
    assert calls == ["fails"]
    assert sdk.stats().dropped["reentrant"] >= 1


@pytest.mark.parametrize("fork", ["os.fork", "past the hooks"])
def test_forked_child_keeps_it(api: ApiServer, fork: str) -> None:
    if fork != "os.fork" and paltabrain_fast.engine != "native":
        return  # which cannot count forks
    run_program("before_send/forked", api.hostname, fork)
    found = sorted(text for batch in texts(api) for text in batch)
    assert found == ["child: changed", "parent: changed"]


@pytest.mark.parametrize("engine", ["native", "python"])
def test_child_forgets_which_threads_of_the_parent_were_in_it(engine: str) -> None:
    """Its own threads may get their identities, and would be taken for them."""
    run_program("before_send/fork_in_hook", PALTABRAIN_SDK_ENGINE=engine)

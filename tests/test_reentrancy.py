"""What the SDK itself calls does not feed it: logging handlers, transports, its threads."""

from __future__ import annotations

import inspect
import logging
import threading

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from .support.api_server import ApiServer
from .support.events import TextEvent, UnserializableEvent
from .support.probe import await_delivery
from .support.programs import run_program
from .support.scarce import needs
from .support.sdk import MakeSdk, Sdk, assert_balanced, texts


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_root_handler_that_tracks_each_record_comes_to_rest(
    api: ApiServer, transport: str, engine: str
) -> None:
    run_program(
        "reentrancy/tracks_each_record", api.hostname, transport, PALTABRAIN_SDK_ENGINE=engine
    )
    assert [text for batch in texts(api) for text in batch] == ["app", "own"]


def test_transport_that_tracks_each_request_comes_to_rest(make_sdk: MakeSdk) -> None:
    class Tracking(InMemoryTransport):
        def send(self, request: Request) -> SendResult:
            sdk.track(TextEvent("request"))
            return super().send(request)

    sdk = make_sdk(transport=Tracking(), flush_buffer_size=1)
    for number in range(3):
        sdk.track(TextEvent(str(number)))
    await_delivery(sdk, 3)
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.accepted, set(stats.dropped)) == (3, {"reentrant"})
    assert_balanced(sdk)


def test_on_error_may_track(make_sdk: MakeSdk) -> None:
    told = threading.Event()

    def on_error(*_error: object) -> None:
        sdk.track(TextEvent("told"))
        told.set()

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, on_error=on_error)
    sdk.track(UnserializableEvent())
    assert told.wait(30)
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["told"]]


def test_threads_that_log_at_the_same_time_track_nevertheless(
    make_sdk: MakeSdk,
) -> None:
    """A line of ours in one thread is no business of another's."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    inside, tracked = threading.Event(), threading.Event()

    class Waiting(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            inside.set()
            assert tracked.wait(30)

    handler = Waiting()
    sdk.logger.addHandler(handler)
    try:
        failing = threading.Thread(target=sdk.track, args=(UnserializableEvent(),))
        failing.start()
        assert inside.wait(30)
        sdk.track(TextEvent("meanwhile"))
    finally:
        tracked.set()
        failing.join(30)
        sdk.logger.removeHandler(handler)
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["meanwhile"]]


@needs("gevent")
def test_greenlets_that_run_while_another_logs_track_nevertheless() -> None:
    run_program("reentrancy/greenlets")


@pytest.mark.parametrize("engine", ["native", "python"])
def test_child_forgets_which_threads_of_the_parent_were_logging(engine: str) -> None:
    """Its own threads may get their identities, and would be taken for them."""
    run_program("reentrancy/fork_while_logging", PALTABRAIN_SDK_ENGINE=engine)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_exception_anywhere_in_a_log_line_ends_it(engine: str) -> None:
    """All that is tracked later would be taken for the SDK's own doing."""
    run_program("reentrancy/interrupted_line", loses=True, PALTABRAIN_SDK_ENGINE=engine)


def test_handler_that_tracks_what_we_log_is_no_loop(make_sdk: MakeSdk) -> None:
    """Neither a deadlock nor a recursion."""

    depths = [0]

    class Tracking(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            depths.append(len(inspect.stack(0)))
            sdk.track(TextEvent("logged"))
            sdk.track(UnserializableEvent())
            sdk.stats()
            sdk.flush(timeout=60)

    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)), flush_buffer_size=1
    )
    handler = Tracking()
    sdk.logger.addHandler(handler)
    try:
        sdk.track(UnserializableEvent())
        for _ in range(10):
            sdk.track(TextEvent())
        assert sdk.flush(timeout=60)
    finally:
        sdk.logger.removeHandler(handler)
    assert max(depths) < 200
    assert sdk.shutdown()

"""Use an SDK while time stands still (arguments: what stops it, from when on); it has to end."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

freezer, when = sys.argv[1:]


@contextmanager
def frozen() -> Iterator[None]:
    with ExitStack() as stack:
        if freezer == "freezegun":
            stack.enter_context(import_module("freezegun").freeze_time("2030-01-14", tick=False))
        elif freezer == "time-machine":
            stack.enter_context(import_module("time_machine").travel("2030-01-14", tick=False))
        else:
            for module, name in (
                ("time", "time"),
                ("time", "monotonic"),
                ("threading", "_time"),
                ("queue", "time"),
            ):
                stack.enter_context(patch(f"{module}.{name}", lambda *_: 1e9))
        yield


def parts() -> Iterator[str]:
    """Yield the name of each point from which time may stand still, when it is reached."""
    from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
    from tests.support.events import TextContext, TextEvent

    arrived, refuse = threading.Semaphore(0), threading.Event()

    def answer(_request: Request) -> SendResult:
        if refuse.is_set():
            return SendResult(503, retry_after=30.0)
        if len(transport.requests) % 2:
            return SendResult(503)
        arrived.release()
        return SendResult(200)

    def make(**options: Any) -> PaltabrainSdk[TextContext]:
        return PaltabrainSdk("http://" + hostname, "key", TextContext(), **options)

    transport = InMemoryTransport(answer)
    silent = socket.create_server(("127.0.0.1", 0))  # connects, and never says a word
    hostname = f"127.0.0.1:{silent.getsockname()[1]}"
    yield "import"
    sdk = make(flush_interval_ms=50, transport=transport, overflow="block", block_timeout_ms=50)
    yield "construction"
    sdk.track(TextEvent())
    yield "first event"
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30), "retries"
    while arrived.acquire(blocking=False):
        pass
    sdk.track(TextEvent())
    assert arrived.acquire(timeout=30), "interval"
    refuse.set()
    sdk.track(TextEvent())
    assert not sdk.flush(timeout=0.05), "flush"
    assert not sdk.shutdown(timeout=0.05), "shutdown"
    assert sdk.stats().dropped == {"deadline": 1}

    with make(flush_max_retries=2, request_timeout=0.05) as sdk:
        sdk.track(TextEvent())
    assert isinstance(sdk.last_request_error, TimeoutError), sdk.last_request_error
    sdk = make(exit_timeout=0.05)
    sdk.track(TextEvent())  # and the interpreter ends


with ExitStack() as stack:
    if when == "before import":
        stack.enter_context(frozen())
    for done in parts():
        if when == done:
            stack.enter_context(frozen())
print("ended")

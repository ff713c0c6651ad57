"""Time that a user's tests have frozen: nothing waits by it, so that everything ends."""

from __future__ import annotations

from typing import Final

import pytest

from .support.scarce import needs
from .support.sdk import run_script

_SCRIPT: Final = """
import os
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from importlib import import_module
from unittest.mock import patch

freezer, when, os.environ["PALTABRAIN_SDK_ENGINE"] = sys.argv[1:]


@contextmanager
def frozen():
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


def parts():
    from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
    from tests.support.events import TextContext, TextEvent

    arrived = threading.Semaphore(0)

    def answer(request):
        if len(transport.requests) % 2:
            return SendResult(503)
        arrived.release()
        return SendResult(200)

    def make(**options):
        return PaltabrainSdk("http://" + hostname, "key", TextContext(), **options)

    transport = InMemoryTransport(answer)
    silent = socket.create_server(("127.0.0.1", 0))  # connects, and never says a word
    hostname = "127.0.0.1:%d" % silent.getsockname()[1]
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
    transport._answer = lambda _request: SendResult(503, retry_after=30.0)
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
"""


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("when", ["before import", "import", "construction", "first event"])
@pytest.mark.parametrize(
    "freezer",
    ["freezegun", pytest.param("time-machine", marks=needs("time_machine")), "patches"],
)
def test_everything_ends_while_time_is_frozen(freezer: str, when: str, engine: str) -> None:
    assert run_script(_SCRIPT, freezer, when, engine) == "ended\n"

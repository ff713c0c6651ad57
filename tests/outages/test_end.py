"""The end of an SDK in an outage: each batch has its attempts, and what is given up is told."""

from __future__ import annotations

import threading
import time

import pytest

from paltabrain_fast import HttpsTransport, InMemoryTransport, SendResult

from ..support.events import TextContext, TextEvent
from ..support.log_lines import LogLines
from ..support.probe import await_delivery, parked_batches, retrying_after
from ..support.programs import run_program
from ..support.sdk import MakeSdk, assert_balanced
from .conftest import Comings
from .watching import BATCHES, Watching, await_parked, track_batches


@pytest.mark.usefixtures("quick")
def test_shutdown_makes_the_attempts_that_are_due_and_ends(make_sdk: MakeSdk) -> None:
    down = InMemoryTransport(lambda _: SendResult(error=ConnectionError("nobody there")))
    watching = Watching(down)
    sdk = make_sdk(transport=watching, flush_max_retries=3)
    track_batches(sdk)
    await_parked(sdk, watching, BATCHES - 1)
    assert not sdk.flush(timeout=0)  # which only waits
    assert parked_batches(sdk) == BATCHES - 1
    watching.forget()
    assert sdk.shutdown(timeout=30)
    stats = sdk.stats()
    assert stats.dropped == {"retries_exhausted": BATCHES}
    assert stats.outage_age is None
    assert len(watching.attempts) == BATCHES
    assert min(watching.attempts.values()) >= 3
    assert max(watching.attempts.values()) <= 5  # some were made meanwhile
    assert_balanced(sdk)


@pytest.mark.usefixtures("quick")
def test_what_the_server_takes_again_arrives_at_shutdown(
    comings: Comings, make_sdk: MakeSdk
) -> None:
    watching = Watching(HttpsTransport())
    sdk = make_sdk(comings.hostname, transport=watching)
    track_batches(sdk)
    await_parked(sdk, watching, BATCHES - 1)
    comings.come()
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == BATCHES


def test_shutdown_waits_for_no_turn_to_try(make_sdk: MakeSdk) -> None:
    """The batch whose turn it is makes its attempt at once, as those do that are parked."""
    is_down = threading.Event()
    is_down.set()
    watching = Watching(InMemoryTransport(lambda _: SendResult(503 if is_down.is_set() else 200)))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    with retrying_after(lambda *_: 3600.0):
        track_batches(sdk, 3)
        deadline = time.monotonic() + 10
        while parked_batches(sdk) < 2:
            assert time.monotonic() < deadline
        is_down.clear()
        assert sdk.shutdown(timeout=30)
    assert (sdk.stats().delivered, sdk.stats().dropped) == (3, {})


def test_what_is_given_up_says_why_though_others_were_delivered(make_sdk: MakeSdk) -> None:
    poisoned = InMemoryTransport(lambda each: SendResult(500 if b"poison" in each.body else 200))
    sdk = make_sdk(transport=poisoned)
    lines = LogLines(sdk)
    with retrying_after(lambda *_: 200.0):
        sdk.track(TextEvent("poison"), TextContext("poison"))
        sdk.flush()
        deadline = time.monotonic() + 10
        while sdk.flush(timeout=0).error is None:
            assert time.monotonic() < deadline
        sdk.track(TextEvent())
        sdk.flush()
        await_delivery(sdk, 1)
        assert not sdk.shutdown(timeout=0.1)
    assert lines.next().startswith(
        "not delivered before the shutdown timeout (server error (500)): 1 event lost; "
    )


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("program", ["outages/forks", "outages/exits"])
def test_process_in_an_outage(program: str, engine: str) -> None:
    run_program(program, PALTABRAIN_SDK_ENGINE=engine)

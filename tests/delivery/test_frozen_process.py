"""A process that stands still, for longer than anything may take: what it had in flight arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.answers import Answer, Fault, in_order
from ..support.api_server import ApiServer
from ..support.events import TextEvent
from ..support.probe import JumpingClock, before_retries_wait, jumping_clock
from ..support.scarce import needs
from ..support.sdk import ROOT, MakeSdk

_HOURS: Final = 10_000.0


@pytest.fixture
def clock() -> Iterator[JumpingClock]:
    with jumping_clock() as clock:
        yield clock


@pytest.mark.parametrize("retries", [1, 2])
def test_freeze_within_an_attempt_costs_none(
    make_sdk: MakeSdk, clock: JumpingClock, retries: int
) -> None:
    def answer(_request: Request) -> SendResult:
        if len(transport.requests) == 1:
            clock.jump(_HOURS)
            return SendResult(error=TimeoutError())
        return SendResult(200)

    transport = InMemoryTransport(answer)
    sdk = make_sdk(transport=transport, flush_max_retries=retries)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=_HOURS * 2)
    assert sdk.stats().delivered == 1
    timeouts = [request.timeout for request in transport.requests]
    assert timeouts == [pytest.approx(timeouts[0], abs=5)] * 2  # the same time, once more


def test_freeze_between_attempts_takes_no_time_of_the_batch(
    make_sdk: MakeSdk, clock: JumpingClock
) -> None:
    transport = InMemoryTransport(lambda _: SendResult(200 if len(transport.requests) > 2 else 503))
    sdk = make_sdk(transport=transport)
    with before_retries_wait(lambda: clock.jump(_HOURS)):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=_HOURS * 10)
    assert sdk.stats().delivered == 1
    assert all(request.timeout > 1 for request in transport.requests)


def test_what_is_always_late_is_no_freeze(make_sdk: MakeSdk, clock: JumpingClock) -> None:
    """Such as a name server that answers after the timeout: attempts are counted."""

    def answer(_request: Request) -> SendResult:
        clock.jump(_HOURS)
        return SendResult(error=TimeoutError())

    transport = InMemoryTransport(answer)
    sdk = make_sdk(transport=transport, flush_max_retries=3, outage_seconds=0)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=_HOURS * 10)
    assert len(transport.requests) == 4
    assert sdk.stats().dropped == {"retries_exhausted": 1}


def test_freeze_within_shutdown_leaves_it_its_time(make_sdk: MakeSdk, clock: JumpingClock) -> None:
    def answer(_request: Request) -> SendResult:
        if len(transport.requests) == 1:
            clock.jump(_HOURS)
            return SendResult(error=TimeoutError())
        return SendResult(200)

    transport = InMemoryTransport(answer)
    sdk = make_sdk(transport=transport)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
@pytest.mark.parametrize(
    ("first", "shutdown_seconds"),
    [
        (Answer(fault=Fault.SILENCE), 60),
        (Answer(503, {"Retry-After": "1"}), 60),
        (Answer(fault=Fault.SILENCE), 2),
    ],
    ids=["in an attempt", "between attempts", "in shutdown"],
)
def test_stopped_process_delivers_when_it_is_continued(
    api: ApiServer, transport: str, first: Answer, shutdown_seconds: int
) -> None:
    api.answer = in_order([first, Answer()])
    arguments = [api.hostname, transport, str(shutdown_seconds)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.programs.delivery.one_event", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            api.wait_for(1)
            os.kill(process.pid, signal.SIGSTOP)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(4)  # stopped for longer than all that it is given
            os.kill(process.pid, signal.SIGCONT)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert output == "1\n"
    assert len(api.requests) == 2

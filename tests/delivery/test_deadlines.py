"""What waits is handed what is left of a timeout, never more; on a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.events import TextEvent
from ..support.probe import WaitClock, control_thread_busy, exit_of, no_threads, waits_watched
from ..support.sdk import MakeSdk, Sdk

_TIMEOUT: Final = 2.5  # whose sums with readings of the clock are exact
_DEADLINE: Final = WaitClock.START + _TIMEOUT
_PATIENT_END: Final = WaitClock.START + 2
"""When ``shutdown`` says for what it waits, before it goes on to wait."""
_PATIENCE: Final = 30.0


@pytest.fixture
def clock() -> Iterator[WaitClock]:
    with waits_watched() as clock:
        yield clock


def retried(_request: Request) -> SendResult:
    return SendResult(status=503, retry_after=30.0)


def shutdown(sdk: Sdk) -> bool:
    return bool(sdk.shutdown(timeout=_TIMEOUT))


def exit_later(sdk: Sdk) -> bool:
    exit_of(sdk, started=WaitClock.START - 1)
    return bool(sdk.shutdown(timeout=0))


def test_flush_waits_for_its_timeout(make_sdk: MakeSdk, clock: WaitClock) -> None:
    sdk = make_sdk(transport=InMemoryTransport(retried), shutdown_timeout=0)
    sdk.track(TextEvent())
    sdk.flush()
    clock.ends.clear()
    clock.is_in_vain = True
    assert not sdk.flush(timeout=_TIMEOUT)
    assert clock.ends == {_DEADLINE}


@pytest.mark.parametrize("end", [shutdown, Sdk.shutdown, exit_later])
def test_all_that_shutdown_waits_for_has_one_deadline(
    make_sdk: MakeSdk, clock: WaitClock, end: Callable[[Sdk], object]
) -> None:
    """Outcomes and threads, which have a moment more to end."""
    sdk = make_sdk(
        transport=InMemoryTransport(retried),
        shutdown_timeout=_TIMEOUT,
        exit_timeout=_TIMEOUT + 1,
    )
    release = threading.Event()
    with control_thread_busy(release):
        sdk.track(TextEvent())
        sdk.flush()
        clock.ends.clear()
        clock.is_in_vain = True
        try:
            assert not end(sdk)
        finally:
            release.set()
    assert sdk.stats().dropped == {"deadline": 1}
    assert clock.ends == {_PATIENT_END, _DEADLINE, _DEADLINE + 0.1}


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_thread_that_sends_by_itself_waits_no_longer_for_a_retry(
    make_sdk: MakeSdk, clock: WaitClock, call: str
) -> None:
    transport = InMemoryTransport(retried)
    sdk = make_sdk(transport=transport, shutdown_timeout=0)
    with no_threads():
        sdk.track(TextEvent())
        clock.is_in_vain = True
        assert not getattr(sdk, call)(timeout=_TIMEOUT)
    assert len(transport.requests) == 1
    # shutdown() says after two seconds for what it waits
    assert clock.ends - {_PATIENT_END} == {_DEADLINE}


@pytest.mark.usefixtures("clock")
def test_attempts_end_with_the_timeout_of_shutdown(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, request_timeout=_PATIENCE)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=_TIMEOUT)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=_TIMEOUT)
    assert [request.timeout for request in transport.requests] == [_PATIENCE, _TIMEOUT]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_attempts_of_a_thread_that_sends_by_itself_end_with_its_timeout(
    make_sdk: MakeSdk, call: str
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, request_timeout=_PATIENCE)
    with no_threads():
        sdk.track(TextEvent())
        assert getattr(sdk, call)(timeout=_TIMEOUT)
    assert [request.timeout for request in transport.requests] == [_TIMEOUT]

"""What is an outage, what is a batch at fault, and what is neither."""

from __future__ import annotations

import threading

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.answers import Answer, Fault
from ..support.api_server import ApiServer
from ..support.events import TextContext, TextEvent
from ..support.log_lines import LogLines
from ..support.probe import await_delivery, await_stats
from ..support.sdk import MakeSdk
from .watching import Watching, await_parked, track_batches


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "sign",
    [
        *(Answer(status, {"Retry-After": "0"}) for status in (429, 502, 503, 504)),
        *(Answer(fault=fault) for fault in (Fault.RESET, Fault.CLOSE, Fault.SILENCE)),
    ],
    ids=lambda answer: str(answer.fault or answer.status),
)
def test_all_that_says_that_the_server_is_down(
    api: ApiServer, make_sdk: MakeSdk, sign: Answer
) -> None:
    api.answer = lambda count, _request: sign if count < 6 else Answer()
    sdk = make_sdk(api.hostname, flush_max_retries=1, request_timeout=0.3)
    track_batches(sdk, 3)
    assert sdk.flush(timeout=30)
    assert (sdk.stats().delivered, sdk.stats().dropped) == (3, {})
    assert sdk.stats().outages == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [408, 500, 501, 505, 413, 302])
def test_any_other_answer_is_the_batchs_own_affair(
    api: ApiServer, make_sdk: MakeSdk, status: int
) -> None:
    api.answer = lambda _count, _request: Answer(status)
    sdk = make_sdk(api.hostname, flush_max_retries=2)
    track_batches(sdk, 3)
    assert sdk.flush(timeout=30)
    attempts = 2 if status in (408, 500, 501, 505) else 1
    assert (len(api.requests), sdk.stats().outages) == (3 * attempts, 0)
    assert sum(sdk.stats().dropped.values()) == 3


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [500, 502])
def test_batch_at_fault_is_given_up_while_others_are_delivered(
    make_sdk: MakeSdk, status: int
) -> None:
    arrived, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def answer(request: Request) -> SendResult:
        if b"poison" not in request.body:
            return SendResult(200)
        arrived.release()
        assert go_on.acquire(timeout=30)
        return SendResult(status)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=3)
    sdk.track(TextEvent("poison"), TextContext("poison"))
    sdk.flush()
    for number in range(1, 4):
        assert arrived.acquire(timeout=30)
        sdk.track(TextEvent("well"))
        sdk.flush()
        await_delivery(sdk, number)
        go_on.release()
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (3, {"retries_exhausted": 1})
    assert (sorted(watching.attempts.values()), stats.outages) == ([1, 1, 1, 3], 0)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [500, 502])
def test_batch_at_fault_keeps_no_outage_alive(make_sdk: MakeSdk, status: int) -> None:
    """It has its turn like the others, and its attempts when the server is back."""
    is_down = threading.Event()
    is_down.set()

    def answer(request: Request) -> SendResult:
        if is_down.is_set():
            return SendResult(error=ConnectionError("nobody there"))
        return SendResult(status if b"poison" in request.body else 200)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=3)
    sdk.track(TextEvent("poison"), TextContext("poison"))
    track_batches(sdk, 5)
    await_parked(sdk, watching, 5)
    is_down.clear()
    await_delivery(sdk, 5)
    for number in range(6, 100):  # with each, the one at fault is known a bit better
        if sdk.stats().dropped:
            break
        sdk.track(TextEvent("well"))
        sdk.flush()
        await_delivery(sdk, number)
    await_stats(sdk, lambda stats: stats.dropped == {"retries_exhausted": 1})


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("garbage", "words"),
    [
        (None, "must return a SendResult, not a NoneType"),
        (SendResult(), "without status and error"),
        (SendResult("503"), "without status and error"),  # type: ignore[arg-type]
        (SendResult(503, retry_after="1"), "must be a number"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_transport_that_returns_garbage_is_told_of(
    make_sdk: MakeSdk, garbage: SendResult, words: str
) -> None:
    """It is no fault of the SDK's, and costs nothing if it ends."""
    results = iter([garbage] * 3)
    sdk = make_sdk(transport=InMemoryTransport(lambda _: next(results, SendResult(200))))
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert (sdk.stats().delivered, sdk.stats().retries) == (1, 3)
    sdk = make_sdk(transport=InMemoryTransport(lambda _: garbage), outage_seconds=0)
    lines = LogLines(sdk)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert words in lines.next()
    assert sdk.stats().dropped == {"retries_exhausted": 1}

"""A server that cannot be reached for a while: nothing is lost, and one batch at a time knocks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from paltabrain_fast import HttpsTransport, InMemoryTransport, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.log_lines import LogLines
from .support.probe import (
    Delivery,
    JumpingClock,
    await_delivery,
    await_stats,
    jumping_clock,
    parked_batches,
    retrying_after,
    waits_watched,
)
from .support.programs import run_program
from .support.sdk import MakeSdk, Sdk, assert_balanced

BATCHES = 12


class Watching:
    """Passes requests on, and counts them.

    Attributes:
        attempts: of each batch, by its id.
        most: how many were under way at once, at most.
    """

    def __init__(self, transport: HttpsTransport | InMemoryTransport) -> None:
        self.attempts: Counter[str] = Counter()
        self.most = 0
        self._transport = transport
        self._changed = threading.Condition()
        self._under_way = 0

    def send(self, request: Request) -> SendResult:
        with self._changed:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            return self._transport.send(request)
        finally:
            with self._changed:
                self._under_way -= 1
                self.attempts[Batch.FromString(request.body).common.batch_id] += 1
                self._changed.notify_all()

    def close(self) -> None:
        self._transport.close()

    def forget(self) -> None:
        """Begin to count anew."""
        with self._changed:
            self.attempts.clear()
            self.most = 0

    def await_attempts(self, count: int) -> None:
        """Wait until so many have ended since."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.attempts.total() >= count, 30)


class Comings:
    """A server that goes away and comes back, always on the same port.

    Attributes:
        hostname: of it.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        server = self.come()
        self._port = server.port
        self.hostname = "http://" + server.hostname

    _port = 0

    def come(self) -> ApiServer:
        return self._stack.enter_context(ApiServer(None, port=self._port).serving())

    def go(self) -> None:
        self._stack.close()


@pytest.fixture
def comings() -> Iterator[Comings]:
    comings = Comings()
    comings.go()
    yield comings
    comings.go()


@pytest.fixture
def quick() -> Iterator[None]:
    """Have no wait between two attempts last."""
    with retrying_after(lambda *_: 0.001):
        yield


def track_batches(sdk: Sdk, count: int = BATCHES) -> None:
    """Track events that make a batch each."""
    for number in range(count):
        sdk.track(TextEvent(), TextContext(str(number)))
    sdk.flush()


def await_parked(sdk: Sdk, watching: Watching, count: int) -> None:
    """Wait until so many batches wait for the server, while one tries."""
    while parked_batches(sdk) < count:
        watching.await_attempts(watching.attempts.total() + 1)


# Shorter than outage_seconds


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("retries", [1, 2])
def test_outage_that_outlasts_all_attempts_loses_nothing(
    comings: Comings, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture, retries: int
) -> None:
    watching = Watching(HttpsTransport())
    sdk = make_sdk(comings.hostname, transport=watching, flush_max_retries=retries)
    track_batches(sdk)
    watching.await_attempts(BATCHES * retries * 5)
    assert sdk.stats().dropped == {}
    assert sdk.stats().outages == 1
    assert (sdk.stats().outage_age or 0) > 0
    comings.come()
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (BATCHES, {})
    assert (stats.outages, stats.outage_age) == (1, None)
    assert stats.requests == watching.attempts.total()
    assert_balanced(sdk)
    assert caplog.text.count("events are kept for up to") == 1
    assert caplog.text.count(" s: 0 events lost") == 1


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
def test_one_batch_at_a_time_tries_and_the_others_use_up_nothing(make_sdk: MakeSdk) -> None:
    is_down = threading.Event()
    is_down.set()
    watching = Watching(InMemoryTransport(lambda _: SendResult(503 if is_down.is_set() else 200)))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    track_batches(sdk)
    await_parked(sdk, watching, BATCHES - 1)
    watching.forget()
    watching.await_attempts(BATCHES * 5)
    assert watching.most == 1
    attempts = watching.attempts.values()
    assert max(attempts) - min(attempts) <= 1  # each in its turn
    assert len(Delivery(sdk).threads()) <= 4  # one of them frames
    is_down.clear()
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == BATCHES


@pytest.mark.usefixtures("quick")
def test_what_comes_during_an_outage_waits_without_an_attempt(make_sdk: MakeSdk) -> None:
    holding, arrived, go_on = threading.Event(), threading.Semaphore(0), threading.Event()

    def answer(_request: Request) -> SendResult:
        if holding.is_set():
            arrived.release()
            assert go_on.wait(30)
        return SendResult(200 if go_on.is_set() else 503)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    try:
        track_batches(sdk, 1)
        watching.await_attempts(5)
        holding.set()
        assert arrived.acquire(timeout=30)
        track_batches(sdk, BATCHES)
        deadline = time.monotonic() + 10
        while parked_batches(sdk) < BATCHES:
            assert time.monotonic() < deadline
        assert not arrived.acquire(blocking=False)
    finally:
        go_on.set()
    assert sdk.flush(timeout=30)
    assert sorted(watching.attempts.values())[:-1] == [1] * BATCHES


@pytest.mark.usefixtures("quick")
def test_ever_more_follow_when_the_server_is_back(make_sdk: MakeSdk) -> None:
    is_down, go_on, arrived = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    is_down.set()

    def answer(_request: Request) -> SendResult:
        if is_down.is_set():
            return SendResult(error=ConnectionError("nobody there"))
        arrived.release()
        assert go_on.acquire(timeout=30)
        return SendResult(200)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching)
    track_batches(sdk, 15)
    await_parked(sdk, watching, 14)
    is_down.clear()
    left = 14
    for wave in (1, 2, 4, 8):
        for _ in range(wave):
            assert arrived.acquire(timeout=30)
        assert parked_batches(sdk) == left
        left = max(0, left - 2 * wave)
        for _ in range(wave):
            go_on.release()
    await_delivery(sdk, 15)


def test_frozen_process_gives_nothing_up_when_it_goes_on(make_sdk: MakeSdk) -> None:
    """It makes at least one more attempt, and no time has passed."""
    with jumping_clock() as clock, retrying_after(lambda *_: 0.001):
        _freeze_in_an_outage(make_sdk, clock)


def _freeze_in_an_outage(make_sdk: MakeSdk, clock: JumpingClock) -> None:
    is_down, jumps = threading.Event(), iter([10_000.0])
    is_down.set()

    def answer(_request: Request) -> SendResult:
        if watching.attempts.total() > 20:
            clock.jump(next(jumps, 0.0))
        return SendResult(503 if is_down.is_set() else 200)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    track_batches(sdk, 3)
    watching.await_attempts(60)
    assert sdk.stats().dropped == {}
    is_down.clear()
    assert sdk.flush(timeout=20_000.0)
    assert sdk.stats().delivered == 3


# Batches at fault


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


# Longer than outage_seconds, or none at all


@pytest.mark.usefixtures("quick")
def test_outage_costs_what_has_waited_too_long(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """And what has found no room, and nothing else."""
    is_down = threading.Event()
    is_down.set()
    watching = Watching(InMemoryTransport(lambda _: SendResult(503 if is_down.is_set() else 200)))
    sdk = make_sdk(
        transport=watching,
        flush_max_retries=1,
        outage_seconds=0.4,
        max_in_flight=1,  # so that nothing is framed before it is over
        buffer_bytes=65_536,
    )
    sdk.track(TextEvent())
    sdk.track(TextEvent())
    sdk.flush()
    await_stats(sdk, lambda stats: stats.dropped == {"deadline": 2})
    sdk.track(TextEvent())
    sdk.flush()
    watching.await_attempts(watching.attempts.total() + 1)
    for number in range(300):
        sdk.track(TextEvent("x" * 1000), TextContext(str(number)))
    is_down.clear()
    assert sdk.flush(timeout=30)
    sdk.flush(timeout=30)
    stats = sdk.stats()
    assert set(stats.dropped) == {"deadline", "queue_full"}
    assert stats.dropped["queue_full"] > 100
    assert_balanced(sdk)
    lost = sum(stats.dropped.values())
    assert lost == 303 - stats.delivered
    assert f" s: {lost} events lost" in caplog.text


@pytest.mark.usefixtures("quick")
def test_without_outages_each_batch_has_its_attempts(make_sdk: MakeSdk) -> None:
    watching = Watching(InMemoryTransport(lambda _: SendResult(error=ConnectionError("no"))))
    sdk = make_sdk(transport=watching, flush_max_retries=3, outage_seconds=0)
    track_batches(sdk)
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.dropped, stats.outages) == ({"retries_exhausted": BATCHES}, 0)
    assert set(watching.attempts.values()) == {3}


# The end


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


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("program", ["outages/forks", "outages/exits"])
def test_process_in_an_outage(program: str, engine: str) -> None:
    run_program(program, PALTABRAIN_SDK_ENGINE=engine)


# Sender threads


def test_server_that_answers_at_once_needs_one_thread(make_sdk: MakeSdk) -> None:
    with waits_watched():  # where no time passes, so that it is at once
        sdk = make_sdk(transport=InMemoryTransport())
        track_batches(sdk, 100)
        await_delivery(sdk, 100)
        assert len(Delivery(sdk).threads()) == 2  # one of them frames

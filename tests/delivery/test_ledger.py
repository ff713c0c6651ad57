"""Memory is bounded, drops reach the server; and the ledger alone."""

from __future__ import annotations

import contextlib
import sys
import threading

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast._engine.protocol import Counts, FramedBatch
from paltabrain_fast.delivery.batch import Batch, BatchState
from paltabrain_fast.delivery.ledger import Ledger
from paltabrain_fast.sdk_pb2 import Batch as BatchMessage
from paltabrain_fast.sdk_pb2 import BatchTelemetry
from paltabrain_fast.transport import Request

from ..support.answers import Answer
from ..support.api_server import ApiServer
from ..support.events import TextContext, TextEvent, UnserializableEvent
from ..support.sdk import MakeSdk, Sdk, assert_balanced

NOTHING = Counts(0, 0, 0)


def make_batch(batch_id: str = "id", start: int = 0, report: BatchTelemetry | None = None) -> Batch:
    return Batch(FramedBatch(b"body", batch_id, 3, 0, start, start + 3, start + 3), report)


def reported(batches: list[BatchMessage]) -> int:
    return sum(each.telemetry.events_dropped for each in batches)


# The ledger alone


class Interruption:
    """Counts a drop and a text at one place where a signal handler could, of many."""

    def __init__(self, ledger: Ledger, place: int) -> None:
        self._ledger = ledger
        self.left = place

    def __call__(self, _frame: object, event: str, _argument: object) -> None:
        if event in ("call", "c_return"):
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                self._ledger.refuse("queue_full")
                self._ledger.note_error("of the handler")


@pytest.mark.parametrize("before", [False, True])
def test_signal_handler_that_counts_meanwhile_takes_nothing_away(before: bool) -> None:
    """Wherever it comes, be it the first drop of its kind or not."""
    place, left = 0, 0
    while not left:
        place += 1
        ledger = Ledger()
        if before:
            ledger.refuse("queue_full")
        interruption = Interruption(ledger, place)
        sys.setprofile(interruption)
        try:
            ledger.refuse("queue_full")
            ledger.drop("queue_full", 1)
            ledger.note_error("own")
            ledger.return_report(ledger.take_report())
        finally:
            sys.setprofile(None)
        left = max(0, interruption.left)
        interrupted = not left
        count = 2 + before + interrupted
        assert ledger.stats(NOTHING).dropped == {"queue_full": count}, place
        report = ledger.take_report()
        assert report is not None
        assert report.events_dropped == count, place
        assert sorted(report.serialization_errors) == ["of the handler"] * interrupted + ["own"]
    assert place > 10


def test_only_the_first_outcome_of_a_batch_counts() -> None:
    ledger, batch = Ledger(), make_batch()
    ledger.launch(batch)
    assert ledger.stats(NOTHING).pending_events == 3
    assert [ledger.claim(batch), ledger.claim(batch)] == [True, False]
    ledger.settle(batch, "SUCCESS")
    ledger.settle(batch, "EXCEPTION", "deadline")
    stats = ledger.stats(Counts(3, 0, 0))
    assert (stats.delivered, stats.dropped, stats.pending_events) == (3, {}, 0)
    assert ledger.batch_counters == {"SUCCESS": 1, "REJECT": 0, "EXCEPTION": 0}
    assert not ledger.claim(batch)


def test_outcome_is_entered_only_for_a_batch_that_was_claimed() -> None:
    """So that whoever waits for the outcome finds it reported."""
    ledger, batch = Ledger(), make_batch()
    ledger.launch(batch)
    ledger.settle(batch, "SUCCESS")
    assert ledger.stats(NOTHING).delivered == 0
    assert batch.state is BatchState.WAITING


def test_one_attempt_at_a_time() -> None:
    ledger, batch = Ledger(), make_batch()
    assert not ledger.begin_attempt(batch)  # it is not in flight
    ledger.launch(batch)
    assert [ledger.begin_attempt(batch), ledger.begin_attempt(batch)] == [True, False]
    assert ledger.postpone(batch)
    assert ledger.begin_attempt(batch)
    stats = ledger.stats(NOTHING)
    assert (stats.requests, stats.retries) == (2, 1)


def test_batch_that_was_given_up_is_not_sent_again() -> None:
    ledger, sending, waiting = Ledger(), make_batch("sending"), make_batch("waiting", 3)
    ledger.launch(sending)
    ledger.launch(waiting)
    assert ledger.begin_attempt(sending)
    assert ledger.give_up() == 6
    assert not ledger.postpone(sending)
    assert not ledger.begin_attempt(waiting)
    assert ledger.stats(NOTHING).dropped == {"deadline": 6}


def test_batch_whose_outcome_is_being_reported_is_not_given_up() -> None:
    ledger, batch = Ledger(), make_batch()
    ledger.launch(batch)
    assert ledger.claim(batch)
    assert ledger.give_up() == 0
    ledger.settle(batch, "SUCCESS")
    assert ledger.stats(NOTHING).delivered == 3


@pytest.mark.parametrize("split", [False, True])
def test_what_comes_after_the_ledger_has_given_up_is_lost(split: bool) -> None:
    ledger, batch = Ledger(), make_batch()
    if split:
        ledger.launch(batch)
        assert ledger.claim(batch)
    ledger.give_up()
    if split:
        ledger.split(batch, [make_batch("first"), make_batch("second")])
    else:
        ledger.launch(batch)
    stats = ledger.stats(NOTHING)
    assert (stats.batches_in_flight, stats.dropped) == (0, {"deadline": 6 if split else 3})


def test_events_of_a_split_batch_are_settled_with_its_later_half() -> None:
    ledger, batch = Ledger(), make_batch()
    halves = [make_batch("first"), make_batch("second")]
    ledger.launch(batch)
    assert ledger.claim(batch)
    ledger.split(batch, halves)
    for half in halves:
        assert not ledger.is_settled(1)
        assert ledger.claim(half)
        ledger.settle(half, "SUCCESS")
    assert ledger.is_settled(3)
    assert not ledger.is_settled(4)  # which nobody has framed yet


def test_balance_can_fail() -> None:
    """Nothing is computed from what it is to be compared with: a batch that vanishes shows."""
    ledger = Ledger()
    ledger.launch(make_batch())
    ledger.abandon()
    stats = ledger.stats(Counts(3, 0, 0))
    assert stats.accepted != (
        stats.delivered + stats.dropped_after_acceptance + stats.pending_events
    )


def test_reports_come_back_from_lost_batches() -> None:
    ledger = Ledger()
    assert ledger.take_report() is None
    ledger.refuse("queue_full")
    ledger.note_error("first")
    report = ledger.take_report()
    assert report is not None
    assert ledger.take_report() is None
    lost = make_batch(report=report)
    ledger.launch(lost)
    ledger.note_error("second")
    assert ledger.claim(lost)
    ledger.settle(lost, "EXCEPTION", "deadline")
    again = ledger.take_report()
    assert again is not None
    assert again.events_dropped == 1 + 3
    assert list(again.serialization_errors) == ["first", "second"]
    delivered = make_batch(report=again)
    ledger.launch(delivered)
    assert ledger.claim(delivered)
    ledger.settle(delivered, "SUCCESS")
    assert ledger.take_report() is None


@pytest.mark.parametrize("owned", [False, True])
def test_forked_child_waits_for_no_lock_of_the_books(owned: bool) -> None:
    """Another thread of the parent may hold it; a handler may have interrupted its holder."""
    ledger = Ledger()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.suppress(RuntimeError), ledger.books:  # which is no longer its own
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold, daemon=True)
    if owned:
        ledger.books.acquire()
    else:
        holder.start()
        assert held.wait(30)
    try:
        ledger.abandon()
        assert ledger.stats(NOTHING).batches_in_flight == 0
        if owned:
            ledger.books.release()
    finally:
        release.set()


def test_error_texts_are_few() -> None:
    ledger = Ledger()
    for number in range(1000):
        ledger.note_error(str(number))
    report = ledger.take_report()
    assert report is not None
    assert list(report.serialization_errors) == [str(n) for n in range(990, 1000)]
    ledger.note_error("new")
    ledger.return_report(report)
    report = ledger.take_report()
    assert report is not None
    assert list(report.serialization_errors) == [*(str(n) for n in range(991, 1000)), "new"]


# Through the SDK


def test_memory_is_bounded_while_nobody_answers(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, buffer_bytes=1 << 20, max_in_flight=2, flush_buffer_size=10)
    try:
        for number in range(20_000):
            sdk.track(TextEvent(f"{number:01000}"))
            if number % 1000 == 0:
                assert sdk.stats().pending_bytes <= (1 << 20) + 2 * 524_288
                assert sdk.stats().batches_in_flight <= 2
        assert sdk.stats().dropped["queue_full"] > 15_000
        assert_balanced(sdk)
    finally:
        release.set()
    assert sdk.flush(timeout=60)
    assert sdk.stats().delivered == sdk.stats().accepted


def fill_and_overflow(sdk: Sdk, events: int = 300) -> None:
    for _ in range(events):
        sdk.track(TextEvent("x" * 1000))


def test_healthy_sdk_sends_no_telemetry(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    for context in "abc":
        sdk.track(TextEvent(), TextContext(context))
    assert sdk.flush(timeout=30)
    assert len(transport.batches) == 3
    assert not any(each.HasField("telemetry") for each in transport.batches)


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_drops_reach_the_server(make_sdk: MakeSdk, overflow: str) -> None:
    """However they came about, and through batches that are lost."""
    answers = iter([400, 503, 503, 200, 400])
    arrived = []
    hold = threading.Event()

    def answer(request: Request) -> SendResult:
        hold.wait(60)
        status = next(answers, 200)
        if status == 200:
            arrived.append(BatchMessage.FromString(request.body))
        return SendResult(status, retry_after=0.0)

    sdk = make_sdk(
        transport=InMemoryTransport(answer),
        buffer_bytes=65_536,
        max_in_flight=1,
        flush_max_retries=2,
        outage_seconds=0,
        overflow=overflow,
        block_timeout_ms=0,
    )
    try:
        for number in range(4):
            fill_and_overflow(sdk)
            sdk.track(UnserializableEvent())
            sdk.track(TextEvent("x" * 600_000))
            sdk.track(TextEvent(), TextContext(str(number)))
    finally:
        hold.set()
    for _ in range(4):
        assert sdk.flush(timeout=30)
        fill_and_overflow(sdk)
    assert sdk.flush(timeout=30)
    sdk.track(TextEvent("carries the rest"))
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert {"queue_full", "serialization_error", "too_large", "rejected"} <= set(stats.dropped)
    assert reported(arrived) == sum(stats.dropped.values())
    assert_balanced(sdk)
    sdk.track(TextEvent("all is said"))
    assert sdk.flush(timeout=30)
    assert not arrived[-1].HasField("telemetry")


def test_serialization_errors_reach_the_server_in_few_words(make_sdk: MakeSdk) -> None:
    class Hostile(TextEvent):
        def serialize_payload(self) -> bytes:
            raise ValueError(self.text)

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise ValueError

    class Worse(TextEvent):
        def serialize_payload(self) -> bytes:
            raise UnprintableError

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, api_key="s3cret")
    sdk.track(Hostile("the key is s3cret"))
    sdk.track(Hostile("long" * 1000))
    sdk.track(Hostile("\ud800"))
    sdk.track(Worse())
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    telemetry = transport.batches[0].telemetry
    assert telemetry.events_dropped == 4
    key, long, surrogate, unprintable = telemetry.serialization_errors
    assert key == "Hostile: ValueError: the key is ***"
    assert len(long) == 200
    assert surrogate == "Hostile: ValueError: ?"
    assert unprintable == "Worse: UnprintableError"


def test_batch_limit_includes_telemetry(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=10_000)
    for _ in range(20):
        sdk.track(UnserializableEvent())
    for _ in range(6000):
        sdk.track(TextEvent("x" * 100))
    assert sdk.flush(timeout=30)
    sizes = [len(request.body) for request in transport.requests]
    assert len(sizes) == 2
    assert transport.batches[0].HasField("telemetry")
    assert 524_288 - 130 < sizes[0] <= 524_288

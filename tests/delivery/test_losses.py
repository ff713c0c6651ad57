"""When the user is told of losses, and that the count is exact."""

from __future__ import annotations

import logging
import math
import random
import threading
from itertools import pairwise
from typing import Any, get_args

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.delivery.diagnosis import by_reason
from paltabrain_fast.delivery.ledger import Ledger
from paltabrain_fast.delivery.losses import Losses
from paltabrain_fast.delivery.notify import Reporter
from paltabrain_fast.delivery.telling import Teller
from paltabrain_fast.errors import Diagnosis, DropReason
from paltabrain_fast.options import Options

from ..support.events import TextEvent, UnserializableEvent
from ..support.log_lines import LogLines
from ..support.probe import (
    drop_for,
    jumping_clock,
    outage_begins,
    outage_ends,
    telling_every,
    waits_watched,
)
from ..support.sdk import MakeSdk
from ..support.threads import running

FIRE = Diagnosis("fire", "on fire", "put it out")
REFUSED = "check api_key or PALTABRAIN_SDK_API_KEY"


class Keeping(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())


def options() -> Options:
    values: dict[str, Any] = dict.fromkeys(Options.__dataclass_fields__, 1)
    return Options(
        **values
        | {"hostname": "localhost", "api_key": "key", "instance_id": "x", "overflow": "block"}
        | {"buffer_bytes": 65_536}
    )


def refusing() -> InMemoryTransport:
    return InMemoryTransport(lambda _request: SendResult(status=401))


def test_first_line_of_a_kind_comes_within_a_second_and_has_what_followed() -> None:
    with waits_watched() as clock:
        losses, begun = Losses(), clock.now
        assert losses.due == math.inf
        assert losses.note(FIRE, 1)
        assert begun < losses.due <= begun + 1
        assert not losses.note(FIRE, 3)
        assert losses.take(begun) == []
        assert losses.take(begun + 1) == ["on fire: 4 events lost; put it out"]
        assert losses.due == math.inf
        assert losses.take(math.inf) == []


def test_each_kind_has_one_line_in_twenty_seconds_with_the_count_and_the_last_cause() -> None:
    with waits_watched() as clock:
        losses, told = Losses(), dict[str, list[float]]()
        generator = random.Random(1)
        counts = dict.fromkeys("abc", 0)
        for _ in range(2000):
            clock.now += generator.random()
            kind, events = generator.choice("abc"), generator.randint(1, 5)
            counts[kind] += events
            losses.note(Diagnosis(kind, f"{kind} {counts[kind]}", "none"), events)
            for line in losses.take(clock.now):
                name, last, _, count, *_ = line.replace(":", " :").split()
                assert (int(last), int(count)) == (counts[name], counts[name])
                told.setdefault(name, []).append(clock.now)
    for times in told.values():
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert min(pauses) >= 20
        assert max(pauses) < 30
        assert len(pauses) > 20


def test_kinds_are_bounded_and_none_of_the_rest_is_lost() -> None:
    losses = Losses()
    for number in range(10_000):
        losses.note(Diagnosis(f"bad {number}", "bad", "mend it"), 1)
    lines = losses.take(math.inf)
    assert len(lines) < 100
    assert sum(int(line.split()[1]) for line in lines) == 10_000


@pytest.mark.parametrize("reason", [*get_args(DropReason), "before_send_error"])
def test_no_reason_is_silent(make_sdk: MakeSdk, reason: Any) -> None:
    """Whoever drops an event for a new reason need not remember to tell of it."""
    sdk = make_sdk(transport=InMemoryTransport())
    lines = LogLines(sdk)
    drop_for(sdk, reason)
    assert sdk.shutdown()
    if reason != "before_send":  # which is the user's own wish
        assert ": 1 event lost; " in lines.next()
    assert lines.are_read


def test_line_is_not_told_of_what_it_causes_itself() -> None:
    """A handler that tracks each record would have the SDK tell of that for ever."""

    class Tracking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())
            ledger.refuse("reentrant")

    texts: list[str] = []
    sdk_options = options()
    ledger, reporter = Ledger(by_reason(sdk_options)), Reporter(None, sdk_options)
    reporter.logger = logging.Logger("tracked", logging.WARNING)
    reporter.logger.addHandler(Tracking())
    teller = Teller(ledger, reporter)
    ledger.refuse("reentrant")
    teller.tell()
    assert [": 1 event lost; " in text for text in texts] == [True]
    assert teller.due == math.inf
    ledger.refuse("reentrant")
    teller.tell()
    assert [": 3 events lost; " in text for text in texts] == [False, True]


def test_line_of_another_kind_hides_no_loss() -> None:
    sdk_options = options()
    ledger, reporter = Ledger(by_reason(sdk_options)), Reporter(None, sdk_options)
    reporter.logger, texts = logging.Logger("kept", logging.WARNING), list[str]()
    reporter.logger.addHandler(Keeping(texts))
    teller = Teller(ledger, reporter)
    with waits_watched() as clock:
        ledger.refuse("queue_full")
        clock.now += 0.4
        ledger.refuse("reentrant")
        clock.now += 0.2
        teller.tell(clock.now)
        clock.now += 0.4
        teller.tell(clock.now)
    assert [text.partition(": ")[0].split()[0] for text in texts] == ["buffer", "tracked"]


def test_child_does_not_tell_of_its_parents_losses() -> None:
    ledger = Ledger(by_reason(options()))
    ledger.refuse("queue_full")
    ledger.abandon()  # as it is done after a fork, in a child
    assert ledger.losses.take(math.inf) == []


def test_thread_that_sleeps_wakes_to_tell_again(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=refusing())
    lines = LogLines(sdk)
    with telling_every(1.0):
        for events, total in ((2, 2), (3, 5)):
            for _ in range(events):
                sdk.track(TextEvent())
            sdk.flush()
            assert lines.next() == f"API key refused (401): {total} events lost; {REFUSED}"
    assert lines.are_read


def test_nothing_more_is_told_for_twenty_seconds(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=refusing())
    lines = LogLines(sdk)

    def lose(events: int) -> None:
        for _ in range(events):
            sdk.track(TextEvent())
        assert sdk.flush(timeout=30)

    with jumping_clock() as clock:
        lose(2)
        assert lines.next() == f"API key refused (401): 2 events lost; {REFUSED}"
        lose(3)
        clock.jump(19)
        lose(1)
        assert lines.are_read
        clock.jump(1)
        sdk.flush_interval_ms = 5000  # which wakes the control thread
        assert lines.next() == f"API key refused (401): 6 events lost; {REFUSED}"
    assert sdk.shutdown()
    assert lines.are_read


@pytest.mark.parametrize("session_id", [None, 1])
def test_count_is_exact_in_the_end(make_sdk: MakeSdk, session_id: int | None) -> None:
    sdk = make_sdk(transport=refusing(), session_id=session_id, max_in_flight=2)
    lines = LogLines(sdk)

    def lose() -> None:
        for number in range(500):
            sdk.track(UnserializableEvent() if number % 2 else TextEvent())

    with running(*[lose] * 8):
        pass
    assert sdk.shutdown()
    told = []
    while not lines.are_read:
        told.append(lines.next())
    assert f"API key refused (401): 2000 events lost; {REFUSED}" in told
    assert [text for text in told if "UnserializableEvent" in text][-1].count(": 2000 events lost")
    assert len(told) <= 4


def test_error_of_each_class_and_property_is_written_once(make_sdk: MakeSdk) -> None:
    class Other(UnserializableEvent):
        def serialize_header(self) -> bytes:
            raise LookupError("elsewhere")

    told: list[Any] = []
    sdk = make_sdk(transport=InMemoryTransport(), on_error=lambda *error: told.append(error))
    records: list[str] = []
    lines = LogLines(sdk)
    sdk.logger.addHandler(Keeping(records))
    for event in [UnserializableEvent(), Other()] * 3:
        sdk.track(event)
        assert isinstance(
            sdk.last_serialization_error, LookupError if type(event) is Other else ValueError
        )
    assert sdk.shutdown()
    skipped = [text for text in records if "was skipped due to serialization error" in text]
    assert skipped == [
        f"Event [{name}] was skipped due to serialization error"
        for name in ("UnserializableEvent", "Other")
    ]
    assert len(told) == 6
    assert sdk.stats().dropped == {"serialization_error": 6}
    assert all(f"{__file__}:" in lines.next() for _ in skipped)
    assert lines.are_read


def test_outage_is_told_at_its_beginning_and_end(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), outage_seconds=60)
    lines = LogLines(sdk)
    with waits_watched() as clock:
        outage_begins(sdk, ConnectionError("nobody there"))
        assert lines.next() == (
            "sending failed (ConnectionError: nobody there): events are kept for up to 60 s; see"
            " sdk.last_request_error"
        )
        outage_ends(sdk, 12.3, 0)
        assert lines.next() == "server reached again after 12.3 s: 0 events lost"
        clock.now += 15
        outage_begins(sdk, ConnectionError("again"))  # of a server that comes and goes
        outage_ends(sdk, 0.3, 0)
        assert lines.are_read
        outage_begins(sdk, ConnectionError("again"))
        outage_ends(sdk, 400, 1)
        assert lines.next() == "server reached again after 400 s: 1 event lost"
        clock.now += 5
        outage_begins(sdk, ConnectionError("again"))
        assert "again" in lines.next()


def test_loss_that_is_entered_after_the_shutdown_is_told(make_sdk: MakeSdk) -> None:
    """The outcome of its batch was known before, and only being logged."""
    sdk = make_sdk(transport=refusing())
    lines, logged, release = LogLines(sdk), threading.Event(), threading.Event()
    sdk.logger.setLevel(logging.INFO)

    def hold(record: logging.LogRecord) -> bool:
        if "REJECT" in record.getMessage():
            logged.set()
            release.wait(60)
        return True

    sdk.logger.addFilter(hold)
    try:
        sdk.track(TextEvent())
        sdk.flush()
        assert logged.wait(30)
        assert not sdk.shutdown(timeout=0)
    finally:
        release.set()
    assert lines.next() == f"API key refused (401): 1 event lost; {REFUSED}"


def test_event_that_comes_when_the_rest_is_told_is_told(make_sdk: MakeSdk) -> None:
    """The control thread wakes for it, and finds that the shutdown is over."""
    sdk = make_sdk(transport=refusing())
    lines = LogLines(sdk)

    def track(record: logging.LogRecord) -> bool:
        if "API key refused" in record.getMessage():
            with running(lambda: sdk.track(TextEvent())):  # in a thread of the user's
                pass
        return True

    logger = sdk.logger
    logger.addFilter(track)
    try:
        sdk.track(TextEvent())
        assert sdk.shutdown(timeout=30)
        assert lines.next() == f"API key refused (401): 1 event lost; {REFUSED}"
        assert lines.next().startswith("tracked after shutdown(): 1 event lost; ")
    finally:
        logger.removeFilter(track)

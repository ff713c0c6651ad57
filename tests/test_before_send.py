"""``before_send``: the user's hook, which may change or drop an event before it is encoded."""

from __future__ import annotations

import gc
import logging
import queue
import sys
import threading
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

import pytest

import paltabrain_fast
from paltabrain_fast import ErrorInfo, InMemoryTransport, PaltabrainSdk

from .schema.packages import EXAMPLE, imported
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.programs import run_program
from .support.scarce import needs
from .support.sdk import MakeSdk, Sdk, assert_balanced, texts
from .support.threads import DEADLINE, running

SECRET = "jane@example.com"


@pytest.fixture
def transport() -> InMemoryTransport:
    return InMemoryTransport()


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def sent(sdk: Sdk, transport: InMemoryTransport) -> list[str]:
    assert sdk.flush(timeout=DEADLINE)
    assert_balanced(sdk)
    return [text for batch in texts(transport) for text in batch]


def fail(_event: Any, _context: Any) -> NoReturn:
    raise ValueError(SECRET)


# What it may do


def test_event_that_it_changes_in_place_is_sent_changed(
    make_sdk: MakeSdk, transport: InMemoryTransport, config: Any
) -> None:
    def scrub(event: Any, _context: Any) -> Any:
        page = event.asdict()["payload"].get("page_id")
        if page and "@" in page:
            event.asdict()["payload"]["page_id"] = "***"
        return event

    sdk = make_sdk(transport=transport, context=config.Context(), before_send=scrub)
    sdk.track(config.EventPageOpen(page_id=SECRET))
    sdk.track(config.EventPageOpen(page_id="start"))
    assert sdk.flush(timeout=DEADLINE)
    payloads = [event.payload for batch in transport.batches for event in batch.events]
    messages = [config.EventPayloadMessage.FromString(payload) for payload in payloads]
    number = config.EventPageOpen.event_type_id
    assert [getattr(m, f"event_{number}").page_id for m in messages] == ["***", "start"]
    assert not any(SECRET.encode() in request.body for request in transport.requests)
    assert sdk.stats().dropped == {}


def test_it_may_return_another_event(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    class Foreign:
        def serialize_header(self) -> bytes:
            return b""

        def serialize_payload(self) -> bytes:
            return b"foreign"

    sdk = make_sdk(transport=transport, before_send=lambda _event, _context: Foreign())
    sdk.track(TextEvent("own"))
    assert sent(sdk, transport) == ["foreign"]


def test_event_that_it_drops_is_counted_and_told_to_nobody(
    make_sdk: MakeSdk, transport: InMemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []
    sdk = make_sdk(
        transport=transport,
        before_send=lambda event, _context: None if event.text == "secret" else event,
        on_error=lambda *error: told.append(error),
    )
    for text in "a", "secret", "b", "secret":
        sdk.track(TextEvent(text))
    assert sent(sdk, transport) == ["a", "b"]
    assert sdk.shutdown(timeout=DEADLINE)
    stats = sdk.stats()
    assert stats.dropped == {"before_send": 2}
    assert (stats.accepted, stats.delivered, stats.dropped_after_acceptance) == (2, 2, 0)
    assert not any(batch.HasField("telemetry") for batch in transport.batches)
    assert told == []
    assert sdk.last_serialization_error is None
    assert not [line for line in caplog.messages if "before_send" in line or "drop" in line]


def test_it_gets_the_context_that_the_event_will_carry(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    seen: list[Any] = []

    def note(event: Any, context: Any) -> Any:
        seen.append(context)
        return event

    own, given, later = TextContext("own"), TextContext("given"), TextContext("later")
    sdk = make_sdk(transport=transport, context=own, before_send=note)
    sdk.track(TextEvent("1"))
    sdk.track(TextEvent("2"), given)
    sdk.context = later
    sdk.track(TextEvent("3"), context=None)
    assert seen == [own, given, later]
    assert sdk.flush(timeout=DEADLINE)
    assert {batch.context.decode() for batch in transport.batches} == {"own", "given", "later"}


def test_it_gets_none_where_there_is_no_context(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    seen: list[Any] = []

    def note(event: Any, context: Any) -> Any:
        seen.append(context)
        return event

    sdk = make_sdk(transport=transport, context=None, before_send=note)
    sdk.track(TextEvent())
    assert seen == [None]
    assert sdk.stats().dropped == {"serialization_error": 1}
    assert "no context: give track() one" in str(sdk.last_serialization_error)


def test_it_gets_the_context_that_a_subclass_names(transport: InMemoryTransport) -> None:
    class Own(PaltabrainSdk[Any]):
        @property
        def context(self) -> Any:
            return just_now

        @context.setter
        def context(self, _context: Any) -> None:
            pass

    seen: list[Any] = []

    def note(event: Any, context: Any) -> Any:
        seen.append(context)
        return event

    just_now = TextContext("just now")
    with Own("localhost", "key", None, transport=transport, before_send=note) as sdk:
        sdk.track(TextEvent())
    assert seen == [just_now]
    assert [batch.context for batch in transport.batches] == [b"just now"]


def test_it_gets_the_context_of_the_scope_before_that_of_a_subclass(
    transport: InMemoryTransport,
) -> None:
    class Own(PaltabrainSdk[Any]):
        @property
        def context(self) -> Any:
            return TextContext("of the class")

        @context.setter
        def context(self, _context: Any) -> None:
            pass

    seen: list[str] = []

    def note(event: Any, context: Any) -> Any:
        seen.append(context.text)
        return event

    with Own("localhost", "key", None, transport=transport, before_send=note) as sdk:
        sdk.track(TextEvent())
        with sdk.scoped_context() as context:
            context.text = "of the scope"
            sdk.track(TextEvent())
    assert seen == ["of the class", "of the scope"]
    assert [batch.context.decode() for batch in transport.batches] == seen


def test_it_runs_in_the_thread_that_tracks(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    threads: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()

    def note(event: TextEvent, _context: Any) -> TextEvent:
        threads.put((threading.get_ident(), event.text))
        return event

    def track() -> None:
        for _ in range(100):
            sdk.track(TextEvent(str(threading.get_ident())))

    sdk = make_sdk(transport=transport, before_send=note)
    with running(*[track] * 8):
        pass
    assert len(sent(sdk, transport)) == 800
    seen = [threads.get() for _ in range(800)]
    assert all(str(thread) == text for thread, text in seen)
    assert threads.empty()


def test_events_are_encoded_natively_after_it(make_sdk: MakeSdk, config: Any) -> None:
    def serialized() -> int:
        calls = 0

        def count(frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call" and frame.f_code.co_name == "serialize_payload"

        sys.setprofile(count)
        try:
            sdk.track(config.EventPageOpen(page_id="again"))
        finally:
            sys.setprofile(None)
        return calls

    sdk = make_sdk(
        transport=InMemoryTransport(),
        context=config.Context(),
        before_send=lambda event, _context: event,
    )
    is_native = paltabrain_fast.engine == "native"
    assert paltabrain_fast.explain(config.EventPageOpen).accelerated == is_native
    sdk.track(config.EventPageOpen(page_id="first"))  # which is compared with its own bytes
    assert serialized() == (0 if is_native else 1)
    assert sdk.stats().accepted == 2


# Its faults


@pytest.mark.parametrize("returned", [True, "event", TextEvent, object(), [TextEvent()]])
def test_what_is_no_event_is_an_error(
    make_sdk: MakeSdk, transport: InMemoryTransport, returned: Any
) -> None:
    sdk = make_sdk(transport=transport, before_send=lambda _event, _context: returned)
    sdk.track(TextEvent())
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 1}
    error = sdk.last_serialization_error
    assert isinstance(error, TypeError)
    assert "before_send" in str(error)


def test_error_drops_the_event_and_is_told(
    make_sdk: MakeSdk, transport: InMemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.SimpleQueue[tuple[Exception, ErrorInfo]] = queue.SimpleQueue()
    sdk = make_sdk(transport=transport, before_send=fail, on_error=lambda *error: told.put(error))
    for _ in range(3):
        sdk.track(TextEvent())
    for _ in range(3):
        error, info = told.get(timeout=DEADLINE)
        assert isinstance(error, ValueError)
        assert info == ErrorInfo("before_send_error", 1, event_class="TextEvent")
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 3}
    assert isinstance(sdk.last_serialization_error, ValueError)
    (note,) = sdk.last_serialization_error.__notes__
    assert "in fail" in note
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "Event [TextEvent] was dropped" in line.getMessage()
    assert "before_send" in line.getMessage()
    assert line.exc_info is not None  # with its traceback


def test_warning_says_where_the_hook_has_failed_and_not_with_which_text(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), before_send=fail)
    for _ in range(3):
        sdk.track(TextEvent())
    sdk.shutdown(DEADLINE)
    (line,) = [text for text in caplog.messages if text.startswith("before_send raised")]
    place = f"{__file__}:{fail.__code__.co_firstlineno + 1}"
    assert line.startswith(f"before_send raised ValueError at {place}: 3 events lost; ")
    assert SECRET not in line


def test_each_kind_of_error_is_logged(make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture) -> None:
    errors = [ValueError("a"), KeyError("b"), ValueError("c"), KeyError("d")]

    def fail_in_turn(_event: Any, _context: Any) -> NoReturn:
        raise errors.pop(0)

    sdk = make_sdk(transport=InMemoryTransport(), before_send=fail_in_turn)
    for _ in range(4):
        sdk.track(TextEvent())
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [type(line.exc_info[1]) for line in lines if line.exc_info] == [ValueError, KeyError]


def test_server_is_told_how_many_events_an_error_has_cost_and_not_its_text(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    def check(event: TextEvent, _context: Any) -> TextEvent:
        return fail(event, None) if SECRET in event.text else event

    sdk = make_sdk(transport=transport, before_send=check)
    sdk.track(TextEvent(SECRET))
    sdk.track(TextEvent("harmless"))
    assert sent(sdk, transport) == ["harmless"]
    (batch,) = transport.batches
    assert batch.telemetry.events_dropped == 1
    assert SECRET.encode() not in transport.requests[0].body


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes(
    make_sdk: MakeSdk, transport: InMemoryTransport, raised: type[BaseException]
) -> None:
    def interrupt(event: TextEvent, _context: Any) -> TextEvent:
        if event.text == "interrupted":
            raise raised
        return event

    sdk = make_sdk(transport=transport, before_send=interrupt)
    with pytest.raises(raised):
        sdk.track(TextEvent("interrupted"))
    sdk.track(TextEvent("next"))
    assert sent(sdk, transport) == ["next"]
    assert sdk.stats().dropped == {}


def test_what_is_no_event_is_not_shown_to_it(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    sdk = make_sdk(transport=transport, before_send=fail)
    wrong: Any
    for wrong in None, "event", TextEvent, object():
        sdk.track(wrong)
    assert sdk.stats().dropped == {"serialization_error": 4}


def test_event_that_cannot_be_serialized_is_skipped_after_it(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), before_send=lambda event, _context: event)
    sdk.track(UnserializableEvent())
    assert sdk.stats().dropped == {"serialization_error": 1}


def test_recursion_limit_in_it_sends_nothing(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    def endless(event: Any, context: Any) -> Any:
        return endless(event, context)

    sdk = make_sdk(transport=transport, before_send=endless)
    gc.collect()
    gc.disable()  # a finalizer that finds no room on the stack would say so
    try:
        sdk.track(TextEvent())
    finally:
        gc.enable()
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 1}


# Where it is called, and where not


def test_event_that_it_tracks_itself_is_refused(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    """Or it would never end, or something be sent that the hook has not seen."""

    def track(event: TextEvent, _context: Any) -> TextEvent:
        sdk.track(TextEvent("from within"))
        return event

    sdk = make_sdk(transport=transport, before_send=track)
    for number in range(3):
        sdk.track(TextEvent(str(number)))
    assert sent(sdk, transport) == ["0", "1", "2"]
    assert sdk.stats().dropped == {"reentrant": 3}


def test_event_that_it_tracks_with_another_sdk_is_sent(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    audit = make_sdk(transport=transport, before_send=lambda event, _context: event)

    def mirror(event: TextEvent, _context: Any) -> None:
        audit.track(TextEvent(f"mirrored {event.text}"))

    sdk = make_sdk(transport=InMemoryTransport(), before_send=mirror)
    sdk.track(TextEvent("a"))
    assert sent(audit, transport) == ["mirrored a"]


def test_other_threads_track_while_it_runs(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    inside, tracked = threading.Event(), threading.Event()

    def wait(event: TextEvent, _context: Any) -> TextEvent:
        if event.text == "slow":
            inside.set()
            assert tracked.wait(DEADLINE)
        return event

    sdk = make_sdk(transport=transport, before_send=wait)
    with running(lambda: sdk.track(TextEvent("slow"))):
        assert inside.wait(DEADLINE)
        sdk.track(TextEvent("meanwhile"))
        tracked.set()
    assert sent(sdk, transport) == ["meanwhile", "slow"]


@pytest.mark.parametrize("engine", ["native", "python"])
def test_interrupt_anywhere_leaves_the_thread_able_to_track(engine: str) -> None:
    """As if it were still in the hook, and all that it tracks were refused."""
    run_program("before_send/interrupted", PALTABRAIN_SDK_ENGINE=engine)


@needs("gevent")
def test_other_greenlets_track_while_it_runs() -> None:
    run_program("before_send/greenlets")


def test_context_that_cannot_be_asked_is_a_serialization_error(make_sdk: MakeSdk) -> None:
    class Odd(TextContext):
        def __bool__(self) -> bool:
            raise ValueError("neither true nor false")

    sdk = make_sdk(transport=InMemoryTransport(), before_send=lambda event, _context: event)
    sdk.track(TextEvent(), Odd())
    assert sdk.stats().dropped == {"serialization_error": 1}


def test_it_may_flush(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    def flush(event: Any, _context: Any) -> Any:
        assert sdk.flush(timeout=DEADLINE)
        return event

    sdk = make_sdk(transport=transport, before_send=flush)
    sdk.track(TextEvent("a"))
    sdk.track(TextEvent("b"))
    assert [len(batch.events) for batch in transport.batches] == [1]
    assert sent(sdk, transport) == ["a", "b"]


def test_disabled_sdk_does_not_call_it(make_sdk: MakeSdk) -> None:
    calls: list[Any] = []
    sdk = make_sdk(disabled=True, before_send=lambda *arguments: calls.append(arguments))
    sdk.track(TextEvent())
    assert calls == []
    assert sdk.stats().dropped == {}


def test_event_that_is_refused_anyway_is_not_shown_to_it(make_sdk: MakeSdk) -> None:
    """As one that a logging handler tracks for a line of the SDK's own."""
    calls: list[str] = []

    class Tracking(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            sdk.track(TextEvent("logged"))

    def note(event: TextEvent, _context: Any) -> TextEvent:
        calls.append(event.text)
        return event

    sdk = make_sdk(transport=InMemoryTransport(), before_send=note)
    handler = Tracking()
    sdk.logger.addHandler(handler)
    try:
        sdk.track(UnserializableEvent("fails"))
    finally:
        sdk.logger.removeHandler(handler)
    assert calls == ["fails"]
    assert sdk.stats().dropped["reentrant"] >= 1


def test_hook_that_refers_to_its_sdk_does_not_keep_it_alive() -> None:
    def make() -> weakref.ref[Any]:
        def count(event: Any, _context: Any) -> Any:
            sdk.stats()
            return event

        sdk: Sdk = PaltabrainSdk(
            "localhost",
            "key",
            TextContext(),
            transport=InMemoryTransport(),
            flush_interval_ms=3_600_000,
            before_send=count,
        )
        sdk.track(TextEvent())
        return weakref.ref(sdk)

    forgotten = make()
    gc.collect()
    assert forgotten() is None


@pytest.mark.parametrize("fork", ["os.fork", "past the hooks"])
def test_forked_child_keeps_it(api: ApiServer, fork: str) -> None:
    if fork != "os.fork" and paltabrain_fast.engine != "native":
        return  # which cannot count forks
    run_program("before_send/forked", api.hostname, fork)
    found = sorted(text for batch in texts(api) for text in batch)
    assert found == ["child: changed", "parent: changed"]


@pytest.mark.parametrize("engine", ["native", "python"])
def test_child_forgets_which_threads_of_the_parent_were_in_it(engine: str) -> None:
    """Its own threads may get their identities, and would be taken for them."""
    run_program("before_send/fork_in_hook", PALTABRAIN_SDK_ENGINE=engine)


# What the constructor takes


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "before_send must be callable, not 5"),
        (lambda: None, "before_send must take an event and its context"),
        (lambda _event: None, "before_send must take an event and its context"),
        (TextEvent(), "before_send must be callable"),
    ],
)
def test_what_cannot_be_called_so_is_refused(wrong: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        PaltabrainSdk("localhost", "key", TextContext(), before_send=wrong)


def test_function_that_has_to_be_awaited_is_refused() -> None:
    async def later(event: Any, _context: Any) -> Any:
        return event

    with pytest.raises(TypeError, match="before_send must be a plain function"):
        PaltabrainSdk("localhost", "key", TextContext(), before_send=later)


def test_method_and_built_in_function_are_taken(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    class Scrubber:
        def scrub(self, event: Any, _context: Any) -> Any:
            return event

        __call__ = scrub

    hook: Any
    for hook in Scrubber().scrub, Scrubber():
        sdk = make_sdk(transport=transport, before_send=hook)
        sdk.track(TextEvent("a"))
        assert sdk.flush(timeout=DEADLINE)
    assert texts(transport) == [["a"], ["a"]]
    make_sdk(transport=transport, before_send=max)

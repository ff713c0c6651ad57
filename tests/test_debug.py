"""``debug=True``: what a person reads of each event and each batch, and where."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult

from .schema.packages import EXAMPLE, imported
from .support.events import TextContext, TextEvent
from .support.programs import start_program
from .support.sdk import MakeSdk, Sdk
from .support.threads import DEADLINE, running

KEY = "s3cret-key"


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


@pytest.fixture
def debugged(make_sdk: MakeSdk, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what is written of an SDK to which something is done."""

    def use(act: Callable[[Sdk], object], **options: Any) -> str:
        sdk = make_sdk(**({"debug": True, "transport": InMemoryTransport()} | options))
        act(sdk)
        assert sdk.shutdown(timeout=DEADLINE)
        return capsys.readouterr().err

    return use


def service(*words: str, **environment: Any) -> tuple[str, str]:
    """Run a service that has no logging; return what it writes, to the standard output first."""
    done = start_program("debug/service", *words, PYTHONPATH=str(EXAMPLE.parent), **environment)
    assert done.returncode == 0, done
    assert done.stdout.endswith("done\n")
    assert KEY not in done.stdout + done.stderr
    return done.stdout, done.stderr


# A new user's service, without logging


@pytest.mark.parametrize("engine", ["native", "python"])
def test_service_without_logging_is_told_everything(engine: str) -> None:
    _, text = service(PALTABRAIN_SDK_ENGINE=engine)
    for part in (
        f"paltabrain_fast {paltabrain_fast.__version__}, CPython ",
        "protobuf ",
        "urllib3 ",
        f"engine: {engine}\n",
        "hostname: 'telemetry.example.com' (set by the argument)",
        "api_key: set by the argument",
        "transport: InMemoryTransport",
        "buffer_bytes=16777216",
        "flush_interval_ms=5000",
        "max_in_flight=20",
        "request_timeout=10",
        "outage_seconds=300",
        "EventSessionStart is not sent: before_send\n",
        "EventPageOpen is accelerated"
        if engine == "native"
        else "EventPageOpen is serialized by its own methods: the engine is pure Python",
        "header={'parent': {'parent_elements': ['main']}}",
        "EventPurchase(result=<EnumPaymentResult.PAID: 1>, prices={'a': Decimal('1.50')})",
        "Context(application={'app_id': 'shop'})",
        "session 7",
        "EventPageOpen is not sent: serialization_error, TypeError",
        "context {'application': {'app_id': 'shop'}}",
        "session 7 #2 EventPurchase {'result': 1, 'prices': {'a': '1.50'}}",
        "header {'parent': {'parent_elements': ['main']}}",
        "attempt 1, status 503 in ",
        "next attempt in ",
        "attempt 2, no answer, ConnectionError: no route in ",
        "attempt 3, status 200 in ",
        "SUCCESS, 2 events delivered",
    ):
        assert part in text, text
    assert "Ä" * 200 not in text  # long values are cut
    assert max(map(len, text.splitlines())) < 1500


def test_variable_turns_it_on() -> None:
    _, text = service(
        "undebugged", "environment", PALTABRAIN_SDK_DEBUG="1", PALTABRAIN_SDK_API_KEY=KEY
    )
    assert "api_key: set by PALTABRAIN_SDK_API_KEY" in text
    assert "track EventPageOpen" in text


def test_variable_that_is_neither_on_nor_off_is_a_warning() -> None:
    _, text = service("undebugged", PALTABRAIN_SDK_DEBUG="perhaps")
    assert "PALTABRAIN_SDK_DEBUG is neither on nor off" in text
    assert "track EventPageOpen" not in text


def test_nothing_is_written_without_it() -> None:
    _, text = service("undebugged")
    assert "EventPageOpen(" not in text
    assert "SUCCESS" not in text


def test_lines_go_to_the_log_where_that_shows_them() -> None:
    out, text = service("log")
    assert text == ""
    for part in "track EventPurchase(", "engine: ", "attempt 3, status 200 in ":
        assert out.count(part) == 1, out
    assert "LOG DEBUG debugging in process" in out


def test_batches_are_logged_without_it() -> None:
    out, text = service("log", "undebugged")
    assert text == ""
    assert "track EventPageOpen(" not in out
    assert out.count("session 7 #2 EventPurchase {'result': 1,") == 1
    assert ", status 200 in " not in out


@pytest.mark.parametrize("stream", ["closed", "none"])
def test_service_without_stderr_goes_on(stream: str) -> None:
    assert service(stream) == ("done\n", "")


def test_stderr_in_ascii_shows_what_it_can(make_sdk: MakeSdk, config: Any) -> None:
    written = io.BytesIO()
    sdk = make_sdk(debug=True, transport=InMemoryTransport())
    with contextlib.redirect_stderr(io.TextIOWrapper(written, "ascii", "strict")):
        sdk.track(config.EventPageOpen(page_id="Ä"))
        assert sdk.shutdown(timeout=DEADLINE)
        text = written.getvalue()
    assert rb"track EventPageOpen(page_id='\xc4')" in text


def test_key_in_the_url_of_a_proxy_is_not_shown() -> None:
    _, text = service(HTTPS_PROXY=f"http://user:{KEY}@proxy.example.com:3128")
    assert "proxy: http://proxy.example.com:3128 (set by HTTPS_PROXY)" in text


# Events


def test_event_is_shown_as_the_hook_leaves_it(debugged: Callable[..., str], config: Any) -> None:
    def scrub(event: Any, _context: Any) -> Any:
        event.asdict()["payload"]["page_id"] = "***"
        return event

    text = debugged(
        lambda sdk: sdk.track(config.EventPageOpen(page_id="jane@example.com")), before_send=scrub
    )
    assert "track EventPageOpen(page_id='***')" in text
    assert "jane@example.com" not in text


def test_class_is_explained_once(debugged: Callable[..., str], config: Any) -> None:
    def track(sdk: Sdk) -> None:
        for _ in range(3):
            sdk.track(config.EventPageOpen(page_id="a"), config.Context())

    text = debugged(track)
    state = "is accelerated" if paltabrain_fast.engine == "native" else "is serialized by its own"
    assert text.count(f"EventPageOpen {state}") == text.count(f": Context {state}") == 1
    assert text.count("track EventPageOpen") == 3


class Bad:
    def __repr__(self) -> str:
        raise RuntimeError


def test_event_that_cannot_be_shown_is_sent(debugged: Callable[..., str]) -> None:
    class Hidden(TextEvent):
        def asdict(self) -> Any:
            raise RuntimeError("no")

    class Odd(TextEvent):
        def asdict(self) -> Any:
            return {"header": {}, "payload": {"odd": Bad(), "bytes": b"x" * 5000}}

    transport = InMemoryTransport()

    def track(sdk: Sdk) -> None:
        sdk.track(Hidden("a"))
        sdk.track(Odd("b"))

    text = debugged(track, transport=transport)
    assert [event.payload for batch in transport.batches for event in batch.events] == [b"a", b"b"]
    assert "track <Hidden object at " in text
    assert "track Odd(odd=<Bad instance at " in text
    assert "x" * 200 not in text


def test_what_is_no_event_is_skipped_as_ever(debugged: Callable[..., str]) -> None:
    wrong: Any

    def track(sdk: Sdk) -> None:
        nonlocal wrong
        for wrong in None, "event", TextEvent, 5:
            sdk.track(wrong)
        assert sdk.stats().dropped == {"serialization_error": 4}

    text = debugged(track)
    assert text.count("is not sent: serialization_error") == 4


def test_error_that_cannot_be_shown_is_kept_and_counted(debugged: Callable[..., str]) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    class Failing(TextEvent):
        def serialize_payload(self) -> bytes:
            raise MuteError

    def track(sdk: Sdk) -> None:
        sdk.track(Failing())
        assert isinstance(sdk.last_serialization_error, MuteError)
        assert sdk.stats().dropped == {"serialization_error": 1}

    assert "track Failing()" in debugged(track)


def test_no_context_and_no_session_are_said(debugged: Callable[..., str]) -> None:
    text = debugged(lambda sdk: sdk.track(TextEvent()), context=None)
    assert "in no context\n    session none\n" in text
    assert "TextEvent is not sent: serialization_error, TypeError: the SDK has no context" in text


def test_each_event_that_is_dropped_is_said(debugged: Callable[..., str]) -> None:
    def fail(event: TextEvent, _context: Any) -> Any:
        return event if event.text == "late" else 5

    def track(sdk: Sdk) -> None:
        sdk.track(TextEvent())
        sdk.shutdown(timeout=DEADLINE)
        sdk.track(TextEvent("late"))

    text = debugged(track, before_send=fail)
    assert (
        "TextEvent is not sent: before_send_error, TypeError: before_send must return an event or"
        " None, not int" in text
    )
    assert "an event is not sent: already_shutdown" in text


def test_many_events_of_a_batch_are_cut(debugged: Callable[..., str]) -> None:
    def track(sdk: Sdk) -> None:
        for number in range(50):
            sdk.track(TextEvent(f"text {number};"))

    text = debugged(track)
    assert "50 events" in text
    assert "b'text 19;'" in text
    assert "b'text 20;'" not in text
    assert "and 30 more" in text


def test_lost_batch_is_said(debugged: Callable[..., str]) -> None:
    text = debugged(
        lambda sdk: sdk.track(TextEvent()), transport=InMemoryTransport(lambda _: SendResult(401))
    )
    assert "attempt 1, status 401 in " in text
    assert "REJECT, 1 event lost (rejected)" in text


def test_disabled_sdk_says_so_and_shows_no_event(capsys: pytest.CaptureFixture[str]) -> None:
    with PaltabrainSdk[Any](context=TextContext(), disabled=True, debug=True) as sdk:
        sdk.track(TextEvent())
    text = capsys.readouterr().err
    assert "DISABLED: no event is sent" in text
    assert "api_key: not set" in text
    assert "TextEvent" not in text


def test_lines_of_threads_are_whole(debugged: Callable[..., str]) -> None:
    def track_in_threads(sdk: Sdk) -> None:
        def track() -> None:
            for _ in range(50):
                sdk.track(TextEvent())

        with running(*[track] * 4):
            pass

    text = debugged(track_in_threads)
    assert (
        text.count("paltabrain_fast: track TextEvent()\n    in TextContext()\n    session none\n")
        == 200
    )


def test_stderr_that_tracks_comes_to_rest(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tracking(io.StringIO):
        def write(self, text: str) -> int:
            sdk.track(TextEvent("written"))
            return super().write(text)

    sdk = make_sdk(debug=True, transport=InMemoryTransport())
    stream = Tracking()
    monkeypatch.setattr(sys, "stderr", stream)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=DEADLINE)
    assert sdk.stats().delivered == 1
    assert "track TextEvent()" in stream.getvalue()


def test_stderr_that_fails_breaks_nothing(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError("no space left")

    transport = InMemoryTransport()
    sdk = make_sdk(debug=True, transport=transport)
    monkeypatch.setattr(sys, "stderr", Failing())
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=DEADLINE)
    assert len(transport.requests) == 1


def test_interrupt_while_a_line_is_written_passes(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if "track" in text:
                raise KeyboardInterrupt
            return super().write(text)

    sdk = make_sdk(debug=True, transport=InMemoryTransport())
    monkeypatch.setattr(sys, "stderr", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        sdk.track(TextEvent())


def test_handler_above_debug_shows_nothing(
    debugged: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """Then the lines go to the standard error after all."""
    caplog.set_level(logging.DEBUG, "paltabrain_sdk")
    levels = {handler: handler.level for handler in logging.getLogger().handlers}
    try:
        for handler in levels:
            handler.setLevel(logging.INFO)
        text = debugged(lambda sdk: sdk.track(TextEvent()))
    finally:
        for handler, level in levels.items():
            handler.setLevel(level)
    assert "track TextEvent()" in text
    assert not [line for line in caplog.messages if "track TextEvent()" in line]


def test_assigned_logger_gets_the_lines(
    make_sdk: MakeSdk, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is no logger of the standard library is believed to show them."""
    lines: list[str] = []

    class Own:
        def debug(self, message: str, *arguments: object, **_more: object) -> None:
            lines.append(message % arguments)

        info = warning = error = debug

    sdk = make_sdk(debug=True, transport=InMemoryTransport())
    capsys.readouterr()
    own: Any = Own()
    sdk.logger = own
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=DEADLINE)
    assert capsys.readouterr().err == ""
    assert [line for line in lines if line.startswith("track TextEvent()")]


def test_forked_child_says_who_it_is(make_sdk: MakeSdk) -> None:
    reading, writing = os.pipe()
    sdk = make_sdk(debug=True, transport=InMemoryTransport())
    child = os.fork()
    if child == 0:
        with open(writing, "w") as stream, contextlib.redirect_stderr(stream):
            sdk.track(TextEvent())
        os._exit(0)
    os.close(writing)
    with open(reading) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    assert text.startswith(f"paltabrain_fast: in process {child}, forked from {os.getpid()}\n")
    assert "track TextEvent()" in text


def test_key_is_masked_in_what_others_say(debugged: Callable[..., str]) -> None:
    def refuse(_request: object) -> SendResult:
        return SendResult(error=ConnectionError(f"with {KEY} in it"))

    text = debugged(
        lambda sdk: sdk.track(TextEvent()),
        api_key=KEY,
        flush_max_retries=1,
        transport=InMemoryTransport(refuse),
    )
    assert "no answer, ConnectionError: with *** in it" in text
    assert KEY not in text

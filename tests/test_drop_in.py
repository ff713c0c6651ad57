"""What code written for ``paltabrain_sdk`` calls, reads, assigns and overrides, on both engines."""

from __future__ import annotations

import inspect
import logging
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import Any, cast

import pytest

import paltabrain_fast
from paltabrain_fast import BaseEnum, InMemoryTransport, PaltabrainSdk, SendResult
from paltabrain_fast.transport import Request

from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.programs import run_program, start_program
from .support.sdk import MakeSdk

Sdk = PaltabrainSdk[Any]


# Names


@pytest.mark.parametrize(
    ("module", "values"),
    [
        (
            "constant",
            {
                "DEFAULT_FLUSH_BUFFER_SIZE": 100,
                "DEFAULT_FLUSH_INTERVAL_MS": 5000,
                "DEFAULT_FLUSH_MAX_RETRIES": 5,
                "BATCH_MAX_BYTE_SIZE": 524_288,
                "REQUEST_MAX_WORKERS": 20,
                "REQUEST_TIMEOUT": 10,
                "ENDPOINT_BATCH": "/v2/paltabrain",
                "ENDPOINT_CONFIG": "/v2/schema/sdk_python.zip",
                "SDK_NAME": "PALTABRAIN_PYTHON",
                "BATCH_STATUS_SUCCESS": "SUCCESS",
                "BATCH_STATUS_REJECT": "REJECT",
                "BATCH_STATUS_EXCEPTION": "EXCEPTION",
            },
        ),
        ("version", {"__version__": paltabrain_fast.__version__}),
        ("sdk", {"PaltabrainSdk": PaltabrainSdk}),
        ("base", {name: getattr(paltabrain_fast, name) for name in ("BaseEvent", "BaseContext")}),
        ("utils", {"set_proto": paltabrain_fast.set_proto}),
        ("sdk_pb2", {}),
    ],
)
def test_modules_have_the_names(module: str, values: dict[str, object]) -> None:
    found = import_module(f"paltabrain_fast.{module}")
    assert {name: getattr(found, name) for name in values} == values
    names = {
        "utils": "transform_proto_val build_amplitude_dict transform_amplitude_val uuid_v7 "
        "monotonic_time_ms",
        "sdk_pb2": "Batch BatchCommon BatchTelemetry Event EventCommon",
        "base": "BaseEnum BaseSentinel",
    }.get(module, "")
    run_program("alias/names", module, *values, *names.split())


def test_defaults_of_the_options_are_those_of_the_constants() -> None:
    constant = import_module("paltabrain_fast.constant")
    parameters = inspect.signature(PaltabrainSdk).parameters
    for option, name in {
        "flush_buffer_size": "DEFAULT_FLUSH_BUFFER_SIZE",
        "flush_interval_ms": "DEFAULT_FLUSH_INTERVAL_MS",
        "flush_max_retries": "DEFAULT_FLUSH_MAX_RETRIES",
        "flush_pace_ms": "DEFAULT_FLUSH_PACE_MS",
        "max_in_flight": "REQUEST_MAX_WORKERS",
        "request_timeout": "REQUEST_TIMEOUT",
    }.items():
        assert parameters[option].default == getattr(constant, name)


def test_event_without_a_number_has_zero() -> None:
    assert paltabrain_fast.BaseEvent.event_type_id == 0


class Colour(BaseEnum):
    UNKNOWN = 0
    RED = 7


def test_values_for_the_wire_and_for_amplitude() -> None:
    utils = import_module("paltabrain_fast.utils")
    noon = datetime(2024, 2, 29, 12, 0, 0, 999_999)
    zoned = noon.replace(tzinfo=timezone(timedelta(hours=2)))
    given = [Colour.RED, Decimal("1.50"), noon, zoned, "text", 3, True, None]
    assert [utils.transform_proto_val(value) for value in given] == [
        *(7, "1.50", 1_709_208_000_999, 1_709_200_800_999, "text", 3, True, None)
    ]
    assert [utils.transform_amplitude_val(value) for value in given] == [
        *("RED", "1.50", "2024-02-29T12:00:00.999+00:00", "2024-02-29T10:00:00.999+00:00"),
        *("text", 3, True, None),
    ]
    assert utils.build_amplitude_dict(
        {
            "user": {"id": "u", "gone": None, "seen": datetime(1970, 1, 1, tzinfo=UTC)},
            "prices": {"tea": Decimal(1)},
            "themes": [Colour.RED],
            "none": None,
        }
    ) == {
        "user": {"id": "u", "seen": "1970-01-01T00:00:00.000+00:00"},
        "prices": {"tea": "1"},
        "themes": ["RED"],
    }


# Properties


def test_last_errors_can_be_cleared(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)), context=TextContext()
    )
    for _ in range(2):
        sdk.track(UnserializableEvent())
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
        assert isinstance(sdk.last_serialization_error, ValueError)
        assert sdk.last_request_error is not None
        sdk.last_serialization_error = sdk.last_request_error = None
        assert sdk.last_serialization_error is sdk.last_request_error is None


def test_counters_are_the_caller_s_own(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    before = sdk.batch_counters
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert before == {"SUCCESS": 0, "REJECT": 0, "EXCEPTION": 0}
    sdk.batch_counters["SUCCESS"] = 1000
    assert sdk.batch_counters == {"SUCCESS": 1, "REJECT": 0, "EXCEPTION": 0}
    assert sdk.stats().batches["SUCCESS"] == 1


class StandIn:
    """What people put in the place of a logger: it has a method for each level."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802
        return True

    def _write(self, level: str, message: str, arguments: tuple[object, ...]) -> None:
        self.lines.append((level, message % arguments))

    def debug(self, message: str, *arguments: object, **_: object) -> None:
        self._write("debug", message, arguments)

    def info(self, message: str, *arguments: object, **_: object) -> None:
        self._write("info", message, arguments)

    def warning(self, message: str, *arguments: object, **_: object) -> None:
        self._write("warning", message, arguments)

    def error(self, message: str, *arguments: object, **_: object) -> None:
        self._write("error", message, arguments)


def test_sdk_logs_to_the_logger_that_is_assigned(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk, other = make_sdk(transport=InMemoryTransport()), make_sdk(transport=InMemoryTransport())
    assert sdk.logger is logging.getLogger("paltabrain_sdk.sdk")
    stand_in = StandIn()
    sdk.logger = cast(Any, stand_in)
    assert cast(Any, sdk.logger) is stand_in
    for each in sdk, other:
        each.track(TextEvent("hello"))
        each.track(UnserializableEvent())
        assert each.flush(timeout=30)
    levels = [level for level, _ in stand_in.lines]
    assert sorted(levels) == ["debug", "info", "warning"]
    assert any("hello" in line for level, line in stand_in.lines if level == "debug")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "Event [UnserializableEvent] was skipped due to serialization error"
    ]


@pytest.mark.parametrize("logger", [None, "paltabrain", object()])
def test_what_cannot_be_logged_to_is_no_logger(make_sdk: MakeSdk, logger: Any) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    with pytest.raises(TypeError, match="logger must have debug, info, warning, error"):
        sdk.logger = logger
    assert sdk.logger.name == "paltabrain_sdk.sdk"


@pytest.fixture
def held() -> Iterator[tuple[InMemoryTransport, threading.Event, threading.Semaphore]]:
    """A transport that answers when it is released, and what counts the requests."""
    release, arrived = threading.Event(), threading.Semaphore(0)

    def answer(_request: Request) -> SendResult:
        arrived.release()
        assert release.wait(60)
        return SendResult(status=200)

    yield InMemoryTransport(answer), release, arrived
    release.set()


def test_running_requests_are_what_is_in_flight(
    make_sdk: MakeSdk, held: tuple[InMemoryTransport, threading.Event, threading.Semaphore]
) -> None:
    transport, release, arrived = held
    sdk = make_sdk(transport=transport, max_in_flight=1)
    assert sdk.running_requests == {}
    sdk.track(TextEvent(), TextContext("first"))
    sdk.track(TextEvent(), TextContext("second"))
    assert sdk.running_requests == {}
    assert not sdk.flush()
    assert arrived.acquire(timeout=30)
    (batch,) = transport.batches
    assert sdk.running_requests == {
        batch.common.batch_id: f"1 events, {batch.ByteSize()} bytes",
        "buffered": "1 events",
    }
    sdk.running_requests.clear()
    assert len(sdk.running_requests) == 2
    release.set()
    while sdk.running_requests:  # as people wait for it
        pass
    assert len(transport.requests) == 2
    assert sdk.stats().delivered == 2


def test_running_requests_end_when_all_is_given_up(
    make_sdk: MakeSdk, held: tuple[InMemoryTransport, threading.Event, threading.Semaphore]
) -> None:
    transport, _, arrived = held
    sdk = make_sdk(transport=transport, max_in_flight=1)
    sdk.track(TextEvent(), TextContext("first"))
    sdk.track(TextEvent(), TextContext("second"))
    sdk.flush()
    assert arrived.acquire(timeout=30)
    assert not sdk.shutdown(timeout=0)
    assert sdk.running_requests == {}


def test_requests_of_a_parent_do_not_run_in_its_child() -> None:
    assert run_program("drop_in/requests_of_a_parent") == "0 2\n"


# Hooks that nothing calls any more


def hook_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "paltabrain_fast sends in its own way" in line]


def test_hooks_without_effect_are_warned_of_once(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    class Base(PaltabrainSdk[Any]):
        def _send_batch(self, *_arguments: object) -> None:
            raise AssertionError("called after all")

    class Derived(Base):
        def _build_batch_message(self, *_arguments: object) -> None: ...
        def _build_event_message(self, *_arguments: object) -> None: ...
        def _control_thread_loop(self) -> None: ...
        def _other(self) -> None: ...

        executor = None
        executor_name = "own"

    for _ in range(2):
        with Derived("host", "key", TextContext(), transport=InMemoryTransport()) as sdk:
            sdk.track(TextEvent())
        assert sdk.stats().delivered == 1
    lines = hook_lines(caplog)
    assert len(lines) == 5
    for name, remedy in {
        "_send_batch": "transport=",
        "_build_batch_message": "transport=",
        "_build_event_message": "override serialize_header() or serialize_payload()",
        "_control_thread_loop": "flush_interval_ms",
        "executor": "max_in_flight=",
    }.items():
        assert [line for line in lines if f".{name} is never used" in line and remedy in line]
    caplog.clear()
    with Base("host", "key", TextContext(), transport=InMemoryTransport()):
        assert len(hook_lines(caplog)) == 1  # each class for itself
    assert make_sdk(transport=InMemoryTransport())
    assert len(hook_lines(caplog)) == 1


def test_hooks_that_are_assigned_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class Own(PaltabrainSdk[Any]):
        def __init__(self, **options: Any) -> None:
            self.http_adapter = "before"
            super().__init__("host", "key", TextContext(), **options)

    adapter: Any = object()
    for _ in range(2):
        with Own(transport=InMemoryTransport()) as sdk:
            sdk.executor = sdk.http_adapter = sdk._send_batch = adapter  # type: ignore[attr-defined]
            assert sdk.http_adapter is adapter
            sdk.http_adapters = adapter  # type: ignore[attr-defined]
            sdk.track(TextEvent())
        assert sdk.stats().delivered == 1
    assert sorted(line.partition(",")[0].rpartition(".")[2] for line in hook_lines(caplog)) == [
        "_send_batch was assigned",
        "executor was assigned",
        "http_adapter was assigned",
    ]


@pytest.mark.parametrize(("level", "lines"), [("", 1), ("WARNING", 1), ("ERROR", 0), ("silent", 0)])
def test_warning_is_seen_with_logging_and_without(level: str, lines: int) -> None:
    done = start_program("drop_in/overridden_hook", level)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Own._send_batch is never used") == lines
    assert ("RuntimeWarning" in done.stderr) == (not level)


# Classes where objects were meant


def test_context_class_is_refused_at_once(make_sdk: MakeSdk) -> None:
    given: Any = TextContext
    text = r"context must be an object, not the class TextContext: write TextContext\(\)"
    with pytest.raises(TypeError, match=text):
        PaltabrainSdk("host", "key", given)
    sdk = make_sdk(transport=InMemoryTransport())
    with pytest.raises(TypeError, match=text):
        sdk.context = given
    sdk.track(TextEvent("lost"), given)
    assert text.replace("\\", "") in str(sdk.last_serialization_error)
    assert sdk.stats().dropped == {"serialization_error": 1}


def test_event_class_is_a_serialization_error_that_says_so(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    given: Any = TextEvent
    sdk.track(given)
    assert str(sdk.last_serialization_error) == (
        "event must be an object, not the class TextEvent: write TextEvent()"
    )


# The environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in "HOSTNAME", "API_KEY", "DISABLED":
        monkeypatch.delenv(f"PALTABRAIN_SDK_{name}", raising=False)
    return monkeypatch


def test_environment_has_what_is_not_given(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PALTABRAIN_SDK_HOSTNAME", "env.example.com")
    environment.setenv("PALTABRAIN_SDK_API_KEY", "s3cret")
    transport = InMemoryTransport()
    with Sdk(context=TextContext(), transport=transport) as sdk:
        sdk.track(TextEvent())
    (request,) = transport.requests
    assert request.url == "https://env.example.com/v2/paltabrain"
    assert request.headers["X-API-Key"] == "s3cret"
    with Sdk("given.example.com", "given", TextContext(), transport=transport) as sdk:
        assert (sdk.hostname, sdk.api_key) == ("given.example.com", "given")
    with Sdk(None, api_key=None, context=TextContext(), transport=transport) as sdk:
        assert (sdk.hostname, sdk.api_key) == ("env.example.com", "s3cret")


def test_what_is_missing_is_named_with_its_variable(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match=r"hostname must be given.* PALTABRAIN_SDK_HOSTNAME"):
        Sdk(context=TextContext())
    environment.setenv("PALTABRAIN_SDK_API_KEY", "")
    with pytest.raises(TypeError, match=r"api_key must be given.* PALTABRAIN_SDK_API_KEY"):
        Sdk("host", context=TextContext())
    with pytest.raises(TypeError, match="context must be given: a Context object, or None"):
        Sdk("host", "key")
    environment.setenv("PALTABRAIN_SDK_API_KEY", "s3crét")
    with pytest.raises(ValueError, match="api_key") as caught:
        Sdk("host", context=TextContext())
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("text", ["1", "true", "YES", "On", " 1 "])
def test_disabled_by_the_environment_needs_no_key(
    environment: pytest.MonkeyPatch, text: str
) -> None:
    environment.setenv("PALTABRAIN_SDK_DISABLED", text)
    transport = InMemoryTransport()
    for hostname, api_key in (None, None), ("", ""), ("host", "key"):
        with Sdk(hostname, api_key, TextContext(), transport=transport) as sdk:
            sdk.track(TextEvent())
        assert sdk.stats().accepted == 0
    with Sdk(context=TextContext(), disabled=True):
        pass
    assert transport.requests == []


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF", ""])
def test_off_is_not_disabled(environment: pytest.MonkeyPatch, text: str) -> None:
    environment.setenv("PALTABRAIN_SDK_DISABLED", text)
    with Sdk("host", "key", TextContext(), transport=InMemoryTransport()) as sdk:
        sdk.track(TextEvent())
    assert sdk.stats().delivered == 1


def test_neither_on_nor_off_is_off_with_a_warning(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("PALTABRAIN_SDK_DISABLED", "maybe")
    with Sdk("host", "key", TextContext(), transport=InMemoryTransport()) as sdk:
        sdk.track(TextEvent())
    assert sdk.stats().delivered == 1
    (line,) = caplog.messages
    assert "PALTABRAIN_SDK_DISABLED" in line
    assert "set it to 1 or 0" in line
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment.delenv("PALTABRAIN_SDK_DISABLED")
        Sdk("host", "key", TextContext(), transport=InMemoryTransport()).shutdown()

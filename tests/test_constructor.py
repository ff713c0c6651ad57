"""What the constructor of an SDK takes, and what it refuses."""

from __future__ import annotations

import inspect
import threading
from typing import Any
from uuid import UUID

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.sdk import MakeSdk


def test_signature_is_the_original_then_keyword_only_options() -> None:
    parameters = list(inspect.signature(PaltabrainSdk).parameters.values())
    positional = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        ("hostname", None),  # the environment may have it, and the key
        ("api_key", None),
        ("context", ...),  # must be given
        ("instance_id", None),
        ("session_id", None),
        ("start_session", False),
        ("flush_buffer_size", 100),
        ("flush_interval_ms", 5000),
        ("flush_max_retries", 5),
    ]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[len(positional) :])


def test_subscripted_class_constructs() -> None:
    sdk = PaltabrainSdk[TextContext](
        "localhost", "key", TextContext(), transport=InMemoryTransport()
    )
    assert isinstance(sdk, PaltabrainSdk)
    assert sdk.shutdown()


def test_instance_id_is_given_or_a_new_uuid(make_sdk: MakeSdk) -> None:
    assert make_sdk(instance_id="mine").instance_id == "mine"
    first, second = make_sdk().instance_id, make_sdk().instance_id
    assert UUID(first).version == UUID(second).version == 7
    assert first != second


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("hostname", "https://host/path", ValueError),
        ("hostname", "user:secret@host", ValueError),
        ("hostname", "host/path", ValueError),
        ("hostname", "host\r\n", ValueError),
        ("hostname", "http://example.com", ValueError),
        ("hostname", None, TypeError),
        ("context", "context", TypeError),
        ("instance_id", 5, TypeError),
        ("session_id", "not a uuid", ValueError),
        ("session_id", 2**63, ValueError),
        ("session_id", 1.5, ValueError),
        ("flush_buffer_size", "100", TypeError),
        ("flush_interval_ms", None, TypeError),
        ("flush_max_retries", float("nan"), ValueError),
        ("buffer_bytes", 1, ValueError),
        ("overflow", "explode", ValueError),
        ("block_timeout_ms", -1, ValueError),
        ("max_in_flight", 0, ValueError),
        ("request_timeout", 0, ValueError),
        ("request_timeout", float("nan"), ValueError),
        ("shutdown_timeout", -1, ValueError),
        ("exit_timeout", None, TypeError),
        ("transport", object(), TypeError),
        ("on_error", "call me", TypeError),
        ("on_error", lambda _only_one: None, TypeError),
    ],
)
def test_bad_option_is_named_with_its_value(
    option: str, value: object, error: type[Exception]
) -> None:
    options: dict[str, Any] = {"hostname": "host", "api_key": "s3cret", "context": TextContext()}
    with pytest.raises(error, match=option) as caught:
        PaltabrainSdk(**options | {option: value})
    assert repr(value) in str(caught.value) or type(value).__name__ in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_disabled_starts_nothing_and_drops_silently(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = InMemoryTransport()
    disabled = make_sdk(transport=transport, disabled=True, flush_buffer_size=1)
    monkeypatch.setenv("PALTABRAIN_SDK_DISABLED", "1")
    disabled_too = make_sdk(transport=transport, flush_buffer_size=1)
    threads = threading.active_count()
    for sdk in disabled, disabled_too:
        sdk.track(UnserializableEvent())
        sdk.track(TextEvent())
        assert sdk.flush(timeout=10)
        assert sdk.stats().accepted == 0
    assert threading.active_count() == threads
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    make_sdk(disabled=True)
    assert transport.requests == []

"""API keys, session ids and numbers as the options take them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from paltabrain_fast.options import session_wire_id

from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk


@pytest.mark.parametrize(
    "key",
    [
        *("", " K", "\nK", "Kü"),
        *(f"K{end}" for end in ("\n", "\n ", "\r\nX: y", "\0", "\t1", "\x7f", "\u0663", "\ud800")),
    ],
)
def test_bad_api_key_is_not_quoted(key: str) -> None:
    secret = key.replace("K", "s3cret")
    with pytest.raises(ValueError, match="api_key must be printable ASCII") as caught:
        PaltabrainSdk[Any]("localhost", secret, TextContext())
    assert "s3cret" not in repr(caught.value)


@pytest.mark.parametrize("blanks", [" ", "\t", "  \t "])
def test_blanks_behind_an_api_key_are_no_part_of_it(blanks: str) -> None:
    """A server never sees them, so that such a key has always worked."""
    transport = InMemoryTransport()
    with PaltabrainSdk[Any]("host", "key" + blanks, TextContext(), transport=transport) as sdk:
        sdk.track(TextEvent())
    assert transport.requests[0].headers["X-API-Key"] == "key"


def test_api_key_may_be_bytes_as_a_file_of_secrets_has_it() -> None:
    transport = InMemoryTransport()
    given: Any = b"s3cret"
    with PaltabrainSdk[Any]("host", given, TextContext(), transport=transport) as sdk:
        sdk.track(TextEvent())
        given = b"s3cr\xc3\xa9t\n"
        with pytest.raises(ValueError, match="api_key must be printable ASCII") as caught:
            sdk.api_key = given
    assert "s3cr" not in repr(caught.value)
    assert transport.requests[0].headers["X-API-Key"] == sdk.api_key == "s3cret"


@given(st.uuids())
def test_any_uuid_fits_the_wire(uuid: object) -> None:
    wire = session_wire_id(str(uuid))
    assert wire is None or 0 < wire < 2**63


@pytest.mark.parametrize("value", [True, 1.0, b"x", "x", 2**63, -(2**63) - 1, [], "0" * 31])
def test_bad_session_id(value: object) -> None:
    with pytest.raises(ValueError, match="session_id"):
        session_wire_id(value)  # type: ignore[arg-type]


class Whole:
    """A whole number of another type, as numpy's integers are."""

    def __index__(self) -> int:
        return 7


class Real:
    """A number that is no index, as numpy's booleans and floats are."""

    def __index__(self) -> int:
        raise TypeError("not an index")

    def __float__(self) -> float:
        return 0.5


def test_session_id_of_another_type_of_integer() -> None:
    assert session_wire_id(Whole()) == 7  # type: ignore[arg-type]
    for none in None, 0, "":
        assert session_wire_id(none) is None


@pytest.mark.parametrize("none", [None, 0, ""])
def test_no_session_id_is_none_or_a_new_one(make_sdk: MakeSdk, none: int | str | None) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, session_id=none)
    assert sdk.session_id == none
    sdk.track(TextEvent())
    sdk.session_id = 5
    sdk.session_id = none
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    events = transport.batches[0].events
    assert [event.common.HasField("session_id") for event in events] == [False, False]
    assert UUID(str(make_sdk(session_id=none, start_session=True).session_id)).version == 7


def test_long_instance_id(make_sdk: MakeSdk) -> None:
    transport, long = InMemoryTransport(), "i" * 65_536
    sdk = make_sdk(transport=transport, instance_id=long)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert transport.batches[0].common.instance_id == long
    with pytest.raises(ValueError, match="instance_id must have 1 to 65536 bytes"):
        sdk.instance_id = long + "i"


FLUSHING = ["flush_buffer_size", "flush_interval_ms", "flush_max_retries", "flush_pace_ms"]
NUMBERS = [
    *(0, -1, True, False, 0.5, -0.0, 5000.0, 1e300, float("inf"), float("-inf"), 10**400),
    *(-(10**400), 2**63, Decimal("2.5"), Fraction(1, 3), Whole(), Real()),
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: repr(number)[:20])
@pytest.mark.parametrize("option", FLUSHING)
def test_any_number_is_an_option(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture, option: str, number: Any
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, **{option: number})
    same = {Whole: 7, Real: 0.5, Fraction: 1 / 3}.get(type(number), number)
    assert getattr(sdk, option) == same
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    setattr(sdk, option, 1)
    setattr(sdk, option, number)
    assert isinstance(getattr(sdk, option), int | float)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 2
    assert not [each for each in caplog.messages if "serialized by its own" not in each]


@pytest.mark.parametrize(
    "value", ["1", b"1", None, [], {}, 1j, object(), float("nan"), Decimal("nan")]
)
@pytest.mark.parametrize("option", FLUSHING)
def test_what_is_no_number_is_refused(make_sdk: MakeSdk, option: str, value: object) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    before = getattr(sdk, option)
    for give in (
        lambda: make_sdk(transport=InMemoryTransport(), **{option: value}),
        lambda: setattr(sdk, option, value),
    ):
        with pytest.raises((TypeError, ValueError), match=f"{option} must be a number") as caught:
            give()
        assert repr(value) in str(caught.value)
    assert getattr(sdk, option) == before


def test_seconds_beyond_what_can_be_waited_for(make_sdk: MakeSdk) -> None:
    huge: Any = 10**400
    sdk = make_sdk(
        "localhost:1",
        request_timeout=huge,
        shutdown_timeout=1e300,
        exit_timeout=Whole(),
        outage_seconds=0,
    )
    sdk.flush_max_retries = 1
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert sdk.stats().dropped == {"retries_exhausted": 1}
    assert sdk.shutdown()


@pytest.mark.parametrize(
    ("given", "attempts"), [(-5, 1), (float("-inf"), 1), (0, 1), (0.5, 1), (True, 1), (1.5, 2)]
)
def test_attempts_for_any_number(make_sdk: MakeSdk, given: float, attempts: int) -> None:
    transport = InMemoryTransport(lambda _request: SendResult(status=503))
    sdk = make_sdk(transport=transport, flush_max_retries=given, outage_seconds=0)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert len(transport.requests) == attempts


def test_options_that_a_subclass_computes_are_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Rotating(PaltabrainSdk[Any]):
        context = TextContext()

        @property
        def api_key(self) -> str:  # type: ignore[override]
            return "of today"

        @property  # type: ignore[misc]
        def session_id(self) -> int:
            return 5

    for _ in range(2):
        transport = InMemoryTransport()
        with Rotating("host", "given", TextContext(), transport=transport) as sdk:
            sdk.track(TextEvent())
        assert transport.requests[0].headers["X-API-Key"] == "given"
    assert len(caplog.messages) == 2
    for name in "api_key", "session_id":
        (line,) = (line for line in caplog.messages if f"Rotating.{name} is never used" in line)
        assert f"assign the option, as in sdk.{name} = ..." in line

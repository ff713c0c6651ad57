"""``set_proto`` and the clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paltabrain_fast import BaseEnum, set_proto
from paltabrain_fast.sdk_pb2 import BatchCommon, BatchTelemetry, EventCommon
from paltabrain_fast.utils import monotonic_time_ms


class Colour(BaseEnum):
    UNKNOWN = 0
    RED = 7


def sent(value: Any) -> int:
    message = EventCommon()
    set_proto(message, {"event_ts": value})
    return message.event_ts


def test_none_is_skipped_and_values_are_turned() -> None:
    message = BatchTelemetry()
    set_proto(
        message,
        {
            "events_dropped": Colour.RED,
            "prev_connection_speed": Decimal("1.50"),
            "prev_request_time": None,
            "serialization_errors": ["a", Decimal("2"), "c"],
        },
    )
    assert message == BatchTelemetry(
        events_dropped=7, prev_connection_speed="1.50", serialization_errors=["a", "2", "c"]
    )
    assert not message.HasField("prev_request_time")


def test_map_is_filled() -> None:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="m.proto", package="m", syntax="proto3")
    message = file.message_type.add(name="M")
    message.field.add(
        name="prices",
        number=1,
        label=field.LABEL_REPEATED,
        type=field.TYPE_MESSAGE,
        type_name=".m.M.PricesEntry",
    )
    entry = message.nested_type.add(name="PricesEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(
            name=name, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    built: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("m.M"))()
    set_proto(built, {"prices": {"tea": Decimal("1.20"), "": "x"}})
    assert dict(built.prices) == {"tea": "1.20", "": "x"}


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ({"no_such": 1}, AttributeError),
        ({"event_ts": "text"}, TypeError),
        ({"event_ts": 2**63}, ValueError),
        ({"event_ts": [1]}, AttributeError),
        ({"event_ts": {"a": 1}}, (AttributeError, TypeError)),
    ],
)
def test_bad_property_raises(properties: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        set_proto(EventCommon(), properties)


def test_bad_unicode_raises() -> None:
    with pytest.raises(ValueError, match=r"surrogate|isn't a valid unicode"):
        set_proto(BatchCommon(), {"instance_id": "\ud800"})


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (datetime(1970, 1, 1), 0),
        (datetime(1970, 1, 1, 5, tzinfo=timezone(timedelta(hours=5))), 0),
        (datetime(2024, 2, 29, 12, 0, 0, 999_999, tzinfo=UTC), 1_709_208_000_999),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 998_999), -1),
        (datetime.min, -62_135_596_800_000),
        (datetime.max, 253_402_300_799_999),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), -62_135_614_800_000),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), 253_402_318_799_999),
        (1234, 1234),
    ],
)
def test_timestamps_are_exact_utc_milliseconds(value: datetime | int, ms: int) -> None:
    assert sent(value) == ms


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_timestamps_against_exact_arithmetic(value: datetime) -> None:
    offset = value.utcoffset() or timedelta(0)
    microseconds = (value.replace(tzinfo=None) - datetime(1970, 1, 1) - offset) // timedelta(
        microseconds=1
    )
    assert sent(value) == int(Decimal(microseconds) / 1000)


def test_zone_without_an_offset_is_utc() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, _when: datetime | None) -> None:
            return None

        dst = tzname = utcoffset

    assert sent(datetime(1970, 1, 1, 0, 0, 1, tzinfo=Nowhere())) == 1000


def test_monotonic_time_is_unix_time_that_does_not_go_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = monotonic_time_ms()
    assert abs(first - time.time() * 1000) < 60_000
    for patched in "time_ns", "monotonic_ns", "clock_gettime_ns":
        monkeypatch.setattr(time, patched, lambda *_clock: 0)
    assert first <= monotonic_time_ms() < first + 60_000


EventPayloadEverything: Any = import_module("examples.config.config_v2_pb2").EventPayloadEverything


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"label": 5}, "EventPayloadEverything.label is a string, and was given an int"),
        ({"counts": [1, "a"]}, "counts is a repeated sint64, and was given a list of int, str"),
        ({"label_by_name": {"a": 3}}, "is a map<string, string>, and was given a dict of int"),
        ({"count": 1 << 70}, "count is a sint64, and was given an int"),
        ({"nothing": 1}, "EventPayloadEverything.nothing does not exist, and was given an int"),
    ],
)
def test_errors_name_message_property_and_both_types(
    properties: dict[str, object], text: str
) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)) as caught:
        set_proto(EventPayloadEverything(), properties)
    assert text in str(caught.value)
    assert caught.value.__cause__ is not None


def test_other_errors_keep_their_class_and_get_a_note() -> None:
    with pytest.raises(ValueError, match=r"ud800|surrogates") as plain:
        EventPayloadEverything(label="\ud800")
    with pytest.raises(type(plain.value)) as caught:
        set_proto(EventPayloadEverything(), {"label": "\ud800"})
    text = "EventPayloadEverything.label is a string, and was given a str"
    # a note, if this class of protobuf's, which differs, cannot be made with a text alone
    assert str(caught.value).startswith(text) or caught.value.__notes__ == [text]

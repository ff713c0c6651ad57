"""Bodies that the collector accepts, and the reasons for which it refuses others."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paltabrain_fast.collector.conversion import converter, timestamp
from paltabrain_fast.collector.decode import DecodedBatch, Decoder
from paltabrain_fast.collector.errors import RefusedError
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.schema.model import Kind, Property
from paltabrain_fast.sdk_pb2 import Batch, Event

from .batches import EVENT_TS, PAGE_OPEN, SCHEMA, batch, context, header, payload

_DECODER = Decoder(SCHEMA, plan_layout(SCHEMA))
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_NEWER = "the app's module is newer than this schema: "
_REMEDY = "; start the collector with the schema that the module was made from"
_UNKNOWN_FIELD_99 = b"\x98\x06\x01"  # number 99, varint 1


def _decode(message: Any) -> Any:
    return _DECODER.decode(message.SerializeToString())


def _rows(decoded: DecodedBatch) -> list[dict[str, Any]]:
    """Return the rows of the valid events in their order, without the columns that are NULL."""
    rows: list[dict[str, Any]] = []
    for events in decoded.events:
        for values in zip(*events.columns.values(), strict=True):
            row = dict(zip(events.columns, values, strict=True)) | {"table": events.table.name}
            rows.append({name: value for name, value in row.items() if value is not None})
    return sorted(rows, key=lambda row: row["batch_event_seq_num"])


def _row(message: Any) -> dict[str, Any]:
    """Return the row of a batch's only event."""
    (row,) = _rows(_decode(message))
    return row


def _refusal(body: bytes) -> tuple[int, str, str]:
    """Return status, field and reason of the refusal of a body, or of its one bad event."""
    try:
        decoded = _DECODER.decode(body)
    except RefusedError as refused:
        return refused.status, refused.field or "", refused.reason
    (event,) = decoded.refused
    return 422, event.field, event.reason


def test_each_event_gets_a_row_in_its_order() -> None:
    message = batch(
        PAGE_OPEN, payload(1), PAGE_OPEN, context=context(user={"user_id": "u"}, os={"name": "x"})
    )
    message.events[1].header = header(parent={"elements": ["a", "b"]})
    decoded = _decode(message)
    assert decoded.context == {"c_user_id": "u", "c_os_name": "x"}
    tables = ("f_page_open", "f_empty", "f_page_open")
    own: list[dict[str, Any]] = [{"p_page_id": "home"}, {"h_elements": ["a", "b"]}]
    assert _rows(decoded) == [
        {
            "table": table,
            "batch_event_seq_num": number,
            "event_ts": EVENT_TS,
            "session_id": 7,
            "session_event_seq_num": number,
        }
        | properties
        for number, table, properties in zip((1, 2, 3), tables, [*own, own[0]], strict=True)
    ]


def test_without_a_session_there_is_no_number() -> None:
    message = batch(PAGE_OPEN)
    message.events[0].common.ClearField("session_id")
    message.events[0].common.ClearField("session_event_seq_num")
    assert not {"session_id", "session_event_seq_num"} & set(_row(message))


@pytest.mark.parametrize(
    ("unix_ms", "expected"),
    [
        (_FIRST_MS, datetime.min),
        (_LAST_MS, datetime.max.replace(microsecond=999_000)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000)),
        (0, datetime(1970, 1, 1)),
    ],
)
def test_timestamps_are_exact(unix_ms: int, expected: datetime) -> None:
    assert timestamp(unix_ms) == expected


@pytest.mark.parametrize("unix_ms", [_FIRST_MS - 1, _LAST_MS + 1, 2**63 - 1, -(2**63)])
def test_a_timestamp_that_no_datetime_holds_is_refused(unix_ms: int) -> None:
    body = batch(payload(3, moment=unix_ms)).SerializeToString()
    reason = f"timestamp {unix_ms} ms is outside the years 1 to 9999"
    assert _refusal(body) == (422, "payload.moment", f"moment: {reason}")
    message = batch(PAGE_OPEN)
    message.events[0].common.event_ts = unix_ms
    assert _refusal(message.SerializeToString()) == (422, "event_ts", reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1.00"),
        ("-999.99", "-999.99"),
        ("1.2300", "1.23"),
        ("1E+2", "100.00"),
        ("1e-2", "0.01"),
        ("0E-999999", "0.00"),
        ("-0", "-0.00"),
        (".5", "0.50"),
        ("007.00", "7.00"),
    ],
)
def test_a_decimal_that_fits_is_kept(text: str, expected: str) -> None:
    assert _row(batch(payload(4, price=text)))["p_price"] == expected


@pytest.mark.parametrize(
    ("precision", "scale", "text", "expected"),
    [
        (3, 0, "999", "999"),
        (3, 0, "1000", None),
        (3, 0, "1.0", "1"),
        (2, 2, "0.99", "0.99"),
        (2, 2, "1.00", None),
        (2, 2, "-.9", "-0.90"),
        (38, 38, "0." + 38 * "9", "0." + 38 * "9"),
        (38, 0, 38 * "9", 38 * "9"),
        (38, 0, 39 * "9", None),
        (5, 2, "1.00\n", None),
    ],
)
def test_a_decimal_has_the_places_of_its_column(
    precision: int, scale: int, text: str, expected: str | None
) -> None:
    convert = converter(Property("x", 1, Kind.DECIMAL, precision=precision, scale=scale), {})
    if expected is None:
        with pytest.raises(ValueError, match=r"does not fit|not a finite"):
            convert(text)
    else:
        assert convert(text) == expected


@pytest.mark.parametrize(("scale", "places"), [(0, "0 places"), (1, "1 place"), (2, "2 places")])
def test_it_is_told_to_how_many_places_a_decimal_is_to_be_rounded(scale: int, places: str) -> None:
    convert = converter(Property("x", 1, Kind.DECIMAL, precision=5, scale=scale), {})
    with pytest.raises(ValueError, match=rf"; round it to {places}, and keep it below 1E\+"):
        convert("0.0001")


_TOO_LARGE = ("1000", "1E+3", "1E+999999999", "1E+" + "9" * 30, "9" * 50_000)
_TOO_FINE = ("0.001", "999.995", "1E-999999999")
_NO_NUMBER = ("NaN", "sNaN", "Infinity", "-Infinity", "", " 1", "1_0", "0x1", "١", "1e")


@pytest.mark.parametrize("text", _TOO_LARGE + _TOO_FINE + _NO_NUMBER, ids=lambda text: text[:15])
def test_a_decimal_that_does_not_fit_is_refused_not_rounded(text: str) -> None:
    status, field, reason = _refusal(batch(PAGE_OPEN, payload(4, price=text)).SerializeToString())
    assert (status, field) == (422, "payload.price")
    assert reason.startswith("price: ")
    assert len(reason) < 200


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-999, max_value=999))
def test_any_decimal_of_the_scale_comes_through(value: Decimal) -> None:
    assert _row(batch(payload(4, price=value)))["p_price"] == f"{value:f}"


@pytest.mark.parametrize("letter", ["x", "🦊"])
def test_text_beyond_what_the_warehouse_holds_is_refused(letter: str) -> None:
    longest = letter * 65_536
    assert _row(batch(payload(3, label=longest)))["p_label"] == longest
    for properties in ({"label": longest + "x"}, {"label_array": ["a", longest + "x"]}):
        name = next(iter(properties))
        status, field, reason = _refusal(batch(payload(3, **properties)).SerializeToString())
        assert (status, field) == (422, f"payload.{name}")
        assert reason.startswith(f"{name}: 65537 characters ")


@pytest.mark.parametrize("letter", ["x", "🦊"])
def test_a_key_of_a_map_is_bounded_like_a_text(letter: str) -> None:
    longest = letter * 65_536
    row = _row(batch(payload(3, number_map={longest: 1})))
    assert row["p_number_map"] == {longest: 1}
    body = batch(payload(3, number_map={"a": 1, longest + "x": 1})).SerializeToString()
    assert _refusal(body) == (
        422,
        "payload.number_map",
        "number_map: a key: 65537 characters do not fit; shorten it to 65536",
    )


def test_an_enum_becomes_its_name_and_an_unknown_number_is_refused() -> None:
    body = batch(payload(3, color=-2, color_array=[1, 0], color_map={"a": 1}))
    row = _row(body)
    assert row["p_color"] == "BLUE"
    assert row["p_color_array"] == ["RED", "UNKNOWN"]
    assert row["p_color_map"] == {"a": "RED"}
    assert _refusal(batch(payload(3, color_array=[1, 5])).SerializeToString()) == (
        422,
        "payload.color_array",
        f"color_array: {_NEWER}enum Color has no value 5{_REMEDY}",
    )


def _without(field: str) -> bytes:
    message = batch(PAGE_OPEN)
    message.common.ClearField(field)
    return bytes(message.SerializeToString())


@pytest.mark.parametrize("name", ["batch_id", "instance_id", "country_code", "locale"])
@pytest.mark.parametrize("letter", ["x", "🦊"])
def test_texts_of_the_batch_are_bounded_like_others(name: str, letter: str) -> None:
    message = batch(PAGE_OPEN)
    setattr(message.common, name, letter * 65_536)
    assert _decode(message).envelope[name] == letter * 65_536
    setattr(message.common, name, letter * 65_537)
    with pytest.raises(RefusedError) as caught:
        _decode(message)
    assert (caught.value.status, caught.value.field) == (400, f"common.{name}")
    assert caught.value.reason == (
        f"{name}: 65537 characters do not fit; shorten it to 65536 (the batch has 1 event)"
    )
    assert len(f"{caught.value.batch_id} {caught.value.instance_id}") < 100


def _with_event(**fields: Any) -> bytes:
    message = batch(PAGE_OPEN)
    for name, value in fields.items():
        setattr(message.events[0], name, value)
    return bytes(message.SerializeToString())


def _without_common() -> bytes:
    message = batch(PAGE_OPEN)
    message.events[0].ClearField("common")
    return bytes(message.SerializeToString())


_STRING_FOR_NUMBER = b"\x1a\x03\x22\x01x"  # Everything.number, of the wrong wire type
_NOT_PROTOBUF = b"\xff\xff\xff"


@pytest.mark.parametrize(
    ("body", "status", "field", "reason"),
    [
        (b"", 400, "common.batch_id", "the batch has no common.batch_id (the batch has 0 events)"),
        (_NOT_PROTOBUF, 400, "", "the body is not a serialized Batch"),
        *(
            (
                _without(name),
                400,
                f"common.{name}",
                f"the batch has no common.{name} (the batch has 1 event)",
            )
            for name in ("batch_id", "instance_id")
        ),
        (
            bytes(batch(PAGE_OPEN).SerializeToString()) + _UNKNOWN_FIELD_99,
            400,
            "batch.99",
            "the batch has an unknown field, number 99 (the batch has 1 event)",
        ),
        (
            batch(PAGE_OPEN, context=_NOT_PROTOBUF).SerializeToString(),
            422,
            "context",
            "the context is not a serialized Context (the batch has 1 event)",
        ),
        (
            batch(PAGE_OPEN, context=b"\x0a\x03" + _UNKNOWN_FIELD_99).SerializeToString(),
            422,
            "context.user.99",
            f"{_NEWER}context.user has an unknown property 99{_REMEDY} (the batch has 1 event)",
        ),
        (
            batch(PAGE_OPEN, context=_UNKNOWN_FIELD_99).SerializeToString(),
            422,
            "context.99",
            f"{_NEWER}the context has an unknown group 99{_REMEDY} (the batch has 1 event)",
        ),
        (
            _with_event(header=_NOT_PROTOBUF),
            422,
            "header",
            "the header is not a serialized EventHeader",
        ),
        (
            _with_event(header=_UNKNOWN_FIELD_99),
            422,
            "header.99",
            f"{_NEWER}the header has an unknown group 99{_REMEDY}",
        ),
        (
            _with_event(payload=_NOT_PROTOBUF),
            422,
            "payload",
            "the payload is not a serialized EventPayload",
        ),
        (_with_event(payload=b""), 422, "payload", "the event has no type: its payload is empty"),
        (
            _with_event(payload=_UNKNOWN_FIELD_99),
            422,
            "payload.event_99",
            f"{_NEWER}it has an unknown event 99{_REMEDY}",
        ),
        (
            _with_event(payload=PAGE_OPEN + _UNKNOWN_FIELD_99),
            422,
            "payload.99",
            f"{_NEWER}the payload has an unknown event 99{_REMEDY}",
        ),
        (
            _with_event(payload=b"\x12\x03" + _UNKNOWN_FIELD_99),
            422,
            "payload.99",
            f"{_NEWER}PageOpen has an unknown property 99{_REMEDY}",
        ),
        (
            _with_event(payload=b"\x12\x03\x0a\x01\xff"),
            422,
            "payload",
            "the payload is not a serialized EventPayload",
        ),
        (
            _with_event(payload=_STRING_FOR_NUMBER),
            422,
            "payload.number",
            "Everything.number has another type in the app's module than in this schema; generate"
            " the module from this schema again",
        ),
        (_without_common(), 422, "event_ts", "the event has no common.event_ts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_that_does_not_fit_is_refused_with_the_place(
    body: bytes, status: int, field: str, reason: str
) -> None:
    assert _refusal(body) == (status, field, reason)


def test_the_valid_events_of_a_batch_with_a_bad_one_are_decoded() -> None:
    message = batch(PAGE_OPEN, payload(3, label="x", amount="no"), payload(1), batch_id="the-id")
    message.events[1].header = header(parent={"elements": ["a"]})
    decoded = _decode(message)
    assert [row["batch_event_seq_num"] for row in _rows(decoded)] == [1, 3]
    (refused,) = decoded.refused
    assert (refused.number, refused.table.name) == (2, "f_everything")
    assert (refused.row["p_label"], refused.row["h_elements"]) == ("x", ["a"])
    assert "p_amount" not in refused.row
    assert refused.body == message.events[1].SerializeToString()


_ZEROS = {"flag": False, "amount": "0", "color": 0, "number": 0, "label": "", "moment": 0}


def test_what_is_zero_is_told_from_what_is_not_set() -> None:
    one, other = _rows(_decode(batch(payload(3, **_ZEROS), payload(3, number=5))))
    kept = _ZEROS | {"amount": "0." + 18 * "0", "color": "UNKNOWN"}
    assert {name: one[f"p_{name}"] for name in _ZEROS} == kept
    assert [name for name in other if name.startswith("p_")] == ["p_number"]


def test_a_batch_of_1970_has_times() -> None:
    message = batch(PAGE_OPEN)
    message.events[0].common.event_ts = 0
    assert _row(message)["event_ts"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("payload", payload(2)), ("header", header(parent={"elements": ["b"]}))],
)
def test_of_a_field_that_an_event_has_twice_the_last_is_read(field: str, value: bytes) -> None:
    message = batch(payload(2, page_id="first"))
    message.events[0].header = header(parent={"elements": ["a"]})
    again = Event()
    setattr(again, field, value)
    event = message.events[0].SerializeToString() + again.SerializeToString()
    message.ClearField("events")
    body = message.SerializeToString() + b"\x1a" + bytes([len(event)]) + event
    for bad in (b"", Batch(events=[Event()]).SerializeToString()):
        (row,) = _rows(_DECODER.decode(body + bad))
        assert row["h_elements"] == (["b"] if field == "header" else ["a"])
        assert row.get("p_page_id") == (None if field == "payload" else "first")


_PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "amount": st.sampled_from(["0", "1.50", "-1e2"]),
        "color": st.sampled_from([0, 1, -2]),
        "number": st.integers(-(2**63), 2**63 - 1),
        "label": st.text(),
        "moment": st.integers(_FIRST_MS, _LAST_MS),
        "flag_array": st.lists(st.booleans()),
        "label_array": st.lists(st.text()),
        "moment_map": st.dictionaries(st.text(), st.integers(_FIRST_MS, _LAST_MS)),
    },
)


@given(
    st.lists(
        st.one_of(
            st.just(payload(1)),
            st.builds(lambda page_id: payload(2, page_id=page_id), st.text()),
            st.builds(lambda properties: payload(3, **properties), _PROPERTIES),
        ),
        max_size=6,
    )
)
def test_a_bad_event_changes_nothing_of_the_others(payloads: list[bytes]) -> None:
    decoded = _decode(batch(*payloads))
    beside_bad = _decode(batch(*payloads, b""))
    assert (len(decoded.refused), len(beside_bad.refused)) == (0, 1)
    assert _rows(decoded) == _rows(beside_bad)


def _varint(number: int) -> bytes:
    rest, low = divmod(number % 2**64, 128)
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


_FIELDS = st.builds(
    _field,
    st.integers(1, 27),  # those of ``Everything``, and some between them
    st.integers(-4, 4) | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=4),
)


@settings(max_examples=300)
@given(st.lists(_FIELDS, max_size=3))
def test_an_event_alone_fits_as_beside_a_bad_one(fields: list[bytes]) -> None:
    """Alone, it is read with its whole columns; beside a bad one, it is looked at by itself."""
    data = _field(3, b"".join(fields))
    alone = _decode(batch(data))
    beside_bad = _decode(batch(data, b""))
    assert beside_bad.refused[:-1] == alone.refused
    assert _rows(beside_bad) == _rows(alone)


def test_a_refusal_carries_the_batch_id_when_it_is_known() -> None:
    with pytest.raises(RefusedError) as caught:
        _decode(batch(PAGE_OPEN, batch_id="the-id", context=_NOT_PROTOBUF))
    assert (caught.value.batch_id, caught.value.instance_id) == ("the-id", "instance")

"""Events are stored as reading them one by one, with protobuf alone, gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st

from paltabrain_fast.collector.decode import Decoder
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.collector.warehouse import Entry, Upload, Warehouse, Written
from paltabrain_fast.schema.model import Group, Kind, Property
from paltabrain_fast.sdk_pb2 import Event

from .batches import MESSAGES, SCHEMA, batch, header, payload

_LAYOUT = plan_layout(SCHEMA)
_DECODER = Decoder(SCHEMA, _LAYOUT)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_MANY = 700
"""So often events are repeated that there are more than are read at a time."""

_COLORS = {0: "UNKNOWN", 1: "RED", -2: "BLUE"}

_instants = st.integers(_FIRST_MS, _LAST_MS) | st.sampled_from([0, _FIRST_MS, _LAST_MS])
_decimals = st.decimals(-(10**20), 10**20, places=18).map(str) | st.sampled_from(
    ["0", "1.50", "-1e2", "-0", ".5", "007.00", "1E-18"]
)
_texts = st.text(max_size=8) | st.sampled_from(["", "'", '"', "\0", "é🎉", "null"])
_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "flag": st.booleans(),
    "amount": _decimals.filter(lambda text: len(text) < 38),
    "color": st.sampled_from(list(_COLORS)),
    "number": st.integers(-(2**63), 2**63 - 1) | st.just(0),
    "label": _texts,
    "moment": _instants,
}
_UNFIT = {
    "amount": st.sampled_from(["", "NaN", "1e-19", "1e20", "x"]),
    "color": st.just(5),
    "moment": st.sampled_from([_FIRST_MS - 1, _LAST_MS + 1]),
}


def _forms(scalars: dict[str, st.SearchStrategy[Any]]) -> dict[str, st.SearchStrategy[Any]]:
    """Return the strategies of single values, and with them those of arrays and maps of these."""
    arrays = {f"{name}_array": st.lists(value, max_size=3) for name, value in scalars.items()}
    maps = {
        f"{name}_map": st.dictionaries(_texts, value, max_size=3) for name, value in scalars.items()
    }
    return scalars | arrays | maps


def _everything(scalars: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[bytes]:
    return st.fixed_dictionaries({}, optional=_forms(scalars)).map(lambda all_: payload(3, **all_))


_fitting_payloads = st.one_of(
    st.just(payload(1)),
    _texts.map(lambda text: payload(2, page_id=text)),
    st.sampled_from(["0.00", "-1.5", "999.99"]).map(lambda text: payload(4, price=text)),
    _everything(_FITTING),
)
_UNKNOWN = b"\x98\x06\x01"  # number 99, varint 1
_unfit_payloads = st.one_of(
    st.sampled_from(
        [
            b"",
            b"\xff",
            _UNKNOWN,
            b"\x12\x03" + _UNKNOWN,  # in a PageOpen
            b"\x1a\x03\x22\x01x",  # Everything.number, of the wrong wire type
            b"\x12\x03\x0a\x01\xff",  # PageOpen.page_id, no UTF-8
        ]
    ),
    st.sampled_from(["1000", "0.001"]).map(lambda text: payload(4, price=text)),
    _everything(_UNFIT),
)


def _repeated(parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Concatenate: protobuf merges such messages, or takes the last, where a type has changed."""
    return st.lists(parts, min_size=1, max_size=2).map(b"".join)


_headers = st.lists(_texts, max_size=2).map(lambda texts: header(parent={"elements": texts}))
_numbers = st.sampled_from([0, 7, -(2**63), 2**63 - 1])
_commons = st.fixed_dictionaries(
    {}, optional={"event_ts": _instants, "session_id": _numbers, "session_event_seq_num": _numbers}
)
_unfit_commons = st.just({"event_ts": _LAST_MS + 1})


def _event(fields: dict[str, Any]) -> bytes:
    event = Event(**{name: value for name, value in fields.items() if name != "common"})
    if "common" in fields:
        event.common.SetInParent()
        for name, value in fields["common"].items():
            setattr(event.common, name, value)
    return bytes(event.SerializeToString())


_unfit_headers = st.sampled_from([_UNKNOWN, b"\x0a\x03" + _UNKNOWN, b"\xff", b"\x0a\xff"])
_payloads = _repeated(_fitting_payloads)
_required = {"common": _commons, "payload": _payloads}


def _events(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[bytes]:
    return st.builds(_event, st.fixed_dictionaries(required, optional=optional))


_fitting_events = _repeated(_events(_required, {"header": _repeated(_headers)}))
_unfit_events = st.one_of(
    _events(_required | {"payload": _unfit_payloads}, {}),
    _events(_required | {"header": _unfit_headers}, {}),
    _events(_required | {"common": _unfit_commons}, {}),
    _events({"payload": _payloads}, {}),
    _events({"common": _commons}, {}),
)
_batches = st.builds(
    lambda before, unfit, after: before + unfit + after,
    st.lists(_fitting_events, max_size=3),
    st.lists(_unfit_events | _repeated(_fitting_events | _unfit_events), max_size=2),
    st.lists(_fitting_events, max_size=3),
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    file = tmp_path_factory.mktemp("columns") / "events.duckdb"
    with closing(Warehouse(file, _LAYOUT)) as opened:
        yield opened


@settings(deadline=None, max_examples=150)
@given(events=_batches)
def test_what_is_stored(warehouse: Warehouse, events: list[bytes]) -> None:
    _require_same(warehouse, events)


@settings(deadline=None, max_examples=5)
@given(events=st.lists(_fitting_events, min_size=2, max_size=3))
def test_what_is_stored_of_many_events(warehouse: Warehouse, events: list[bytes]) -> None:
    _require_same(warehouse, events * _MANY)


def _require_same(warehouse: Warehouse, events: list[bytes]) -> None:
    message = batch()
    for event in events:
        message.events.append(Event.FromString(event))
    body = message.SerializeToString()
    body = batch(batch_id=message.common.batch_id).SerializeToString() + b"".join(
        b"\x1a" + _varint(len(event)) + event for event in events
    )
    decoded = _DECODER.decode(body)
    expected = {number: _row(event) for number, event in enumerate(events, start=1)}
    assert {each.number for each in decoded.refused} == {
        number for number, row in expected.items() if row is None
    }
    (written,) = warehouse.store([Entry(Upload(datetime(2024, 1, 2)), decoded)])
    assert isinstance(written, Written)
    assert _stored(warehouse, message.common.batch_id) == {
        number: row for number, row in expected.items() if row is not None
    }


def _stored(warehouse: Warehouse, batch_id: str) -> dict[int, dict[str, Any]]:
    """Return the columns of each event that differ between events, but for those that are NULL."""
    found = {}
    for table in _LAYOUT.tables:
        with closing(warehouse.cursor()) as cursor:
            cursor.execute(f"FROM event.{table.name} WHERE batch_id = ?", [batch_id])
            names = [column[0] for column in cursor.description or ()]
            for values in cursor.fetchall():
                row = dict(zip(names, values, strict=True))
                assert row["event_type"] == table.event.name
                found[row["batch_event_seq_num"]] = {
                    name: value
                    for name, value in row.items()
                    if value is not None and name.startswith(("h_", "p_", "session_", "event_"))
                }
    return found


def _row(body: bytes) -> dict[str, Any] | None:
    """Read an event; ``None`` if it does not fit the schema."""
    event: Any = Event.FromString(body)
    row: dict[str, Any] = {}
    try:
        if not event.HasField("common"):
            return None
        row["event_ts"] = _moment(event.common.event_ts)
        row |= {
            field.name: value
            for field, value in event.common.ListFields()
            if field.name != "event_ts"
        }
        header = MESSAGES.header.FromString(event.header)
        row |= _values(header, {"parent": SCHEMA.header[0]}, "h")
        types = {f"event_{group.id}": group for group in SCHEMA.events}
        message = MESSAGES.payload.FromString(event.payload)
        name = message.WhichOneof("event_type")
        if name is None:
            return None
        row["event_type"] = types[name].name
        return row | _values(message, types, "p")
    except (DecodeError, ValueError, InvalidOperation, OverflowError, KeyError):
        return None


def _values(message: Message, groups: dict[str, Group], prefix: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    _require_known(message)
    for member, properties in message.ListFields():
        _require_known(properties)
        known = {prop.name: prop for prop in groups[member.name].properties}
        for field, value in properties.ListFields():
            values[f"{prefix}_{field.name}"] = _value(known[field.name], value)
    return values


def _require_known(message: Message) -> None:
    if len(UnknownFieldSet(message)):
        raise ValueError


def _value(prop: Property, value: Any) -> Any:
    convert: Callable[[Any], Any]
    match prop.kind:
        case Kind.DECIMAL:
            convert = lambda text: _decimal(text, prop)  # noqa: E731
        case Kind.ENUM:
            convert = _COLORS.__getitem__
        case Kind.TIMESTAMP:
            convert = _moment
        case _:
            convert = lambda same: same  # noqa: E731
    if prop.is_repeated:
        return list(map(convert, value))
    return {key: convert(each) for key, each in value.items()} if prop.is_map else convert(value)


def _moment(unix_ms: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=unix_ms)


def _decimal(text: str, prop: Property) -> Decimal:
    assert prop.precision is not None
    assert prop.scale is not None
    value = Decimal(text)
    scaled = Fraction(value) * 10**prop.scale
    if scaled.denominator != 1 or abs(scaled) >= 10**prop.precision:
        raise ValueError
    return value


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])

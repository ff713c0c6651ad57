"""Decodes the body of a batch into rows; refuses it if it does not fit the schema exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, Final

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from ..schema.descriptor import message_classes
from ..schema.model import Enum, Kind, Property, Schema
from ..sdk_pb2 import Batch
from .errors import RefusedError, UnfitError
from .layout import GroupColumns, Layout, Table

Value = Any
"""Value of a column: bool, int, str, Decimal, naive UTC datetime, or a list or dict of these."""

Row = dict[str, Value]
"""Value by name of the column; a missing column is NULL."""

_Convert = Callable[[Any], Value]
_Plan = dict[str, tuple[str, _Convert]]
"""Column and conversion, by name of the property."""

MAX_CHARACTERS: Final = 65_536
"""Largest number of characters of a text in the warehouse."""

_EPOCH: Final = datetime(1970, 1, 1)
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An event that does not fit the schema.

    Attributes:
        number: its position in the batch.
        table: the table of its type, ``None`` if the type is not known.
        row: what could be decoded.
        field: path of what does not fit, such as ``payload.9``.
        reason: what is wrong and what to do, for a person.
        body: the event as it came, serialized.
    """

    number: int
    table: Table | None
    row: Row
    field: str
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SdkReport:
    """What an SDK tells in a batch of what it has lost before.

    Attributes:
        instance_id: id of the SDK.
        dropped: number of events that it has dropped since its last report.
        errors: what was wrong with some of them, or with others.
    """

    instance_id: str
    dropped: int
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A batch of which at least one event is valid, or that has none.

    Attributes:
        batch_id: id of the batch.
        envelope: columns of the table ``collector.batch``.
        context: columns of the context, which all events share.
        events: table and row of each valid event, in the order of the batch.
        refused: the other events, in the order of the batch.
        report: what the SDK has lost before; ``None`` if it tells of nothing.
    """

    batch_id: str
    envelope: Row
    context: Row
    events: list[tuple[Table, Row]]
    refused: list[RefusedEvent]
    report: SdkReport | None


def timestamp(unix_ms: int) -> datetime:
    """Convert Unix milliseconds to a naive UTC datetime, exactly.

    Raises:
        ValueError: the instant lies outside the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=unix_ms)
    except OverflowError:
        raise ValueError(f"timestamp {unix_ms} ms is outside the years 1 to 9999") from None


class Decoder:
    """Decodes bodies with one schema. It keeps no state between calls: any thread may use it."""

    def __init__(self, schema: Schema, layout: Layout) -> None:
        self._messages = message_classes(schema)
        enums = {enum.name: enum for enum in schema.enums}
        self._context = {part.group.field_name: _plan(part, enums) for part in layout.context}
        self._header = {part.group.field_name: _plan(part, enums) for part in layout.header}
        self._payload = {
            f"event_{table.event.id}": (table, _plan(table.payload, enums))
            for table in layout.tables
        }

    def decode(self, body: bytes) -> DecodedBatch:
        """Decode a serialized ``Batch``.

        An empty array or map becomes NULL: on the wire it is the same as one that was not set.

        Raises:
            RefusedError: 400 if the body is no ``Batch``, or lacks ``batch_id`` or ``instance_id``;
                422 if its context, which all its events share, does not fit the schema.
        """
        batch = Batch()
        try:
            batch.ParseFromString(body)
        except DecodeError:
            raise RefusedError(400, "the body is not a serialized Batch") from None
        batch_id, instance_id = batch.common.batch_id, batch.common.instance_id
        if not batch_id:
            raise RefusedError(400, "the batch has no common.batch_id", field="common.batch_id")
        if not instance_id:
            raise RefusedError(
                400, "the batch has no common.instance_id", batch_id, "common.instance_id"
            )
        try:
            _refuse_unknown_fields_of_batch(batch)
        except UnfitError as unfit:
            reason = f"{unfit.reason}{_how_many_events(batch)}"
            raise RefusedError(400, reason, batch_id, unfit.field, instance_id) from None
        try:
            context = self._groups(self._messages.context, batch.context, self._context, "context")
        except UnfitError as unfit:
            reason = f"{unfit.reason}{_how_many_events(batch)}"
            raise RefusedError(422, reason, batch_id, unfit.field, instance_id) from None
        events: list[tuple[Table, Row]] = []
        refused: list[RefusedEvent] = []
        for number, event in enumerate(batch.events, start=1):
            try:
                events.append(self._event(event, number))
            except UnfitError as unfit:
                table, row = self._readable(event, number)
                body = event.SerializeToString()
                refused.append(RefusedEvent(number, table, row, unfit.field, unfit.reason, body))
        return DecodedBatch(batch_id, _envelope(batch), context, events, refused, _report(batch))

    def _event(self, event: Any, number: int) -> tuple[Table, Row]:
        if not event.HasField("common"):
            raise UnfitError("event_ts", "the event has no common.event_ts")
        payload = _parse(self._messages.payload, event.payload, "payload")
        members = payload.ListFields()
        if not members:
            unknown = unknown_fields(payload)
            if unknown:
                raise UnfitError(
                    f"payload.event_{unknown[0]}", _newer(f"it has an unknown event {unknown[0]}")
                )
            raise UnfitError("payload", "the event has no type: its payload is empty")
        member, properties = members[0]
        table, plan = self._payload[member.name]
        name = table.event.name
        _refuse_unknown_fields(properties, name, "payload")
        _refuse_unknown_fields(payload, "the payload", "payload", kind="event")
        row: Row = {"batch_event_seq_num": number, "event_type": name}
        common = event.common
        try:
            row["event_ts"] = timestamp(common.event_ts)
        except ValueError as error:
            raise UnfitError("event_ts", str(error)) from None
        if common.HasField("session_id"):
            row["session_id"] = common.session_id
        if common.HasField("session_event_seq_num"):
            row["session_event_seq_num"] = common.session_event_seq_num
        if event.header:
            row |= self._groups(self._messages.header, event.header, self._header, "header")
        _fill(row, properties, plan, "payload")
        return table, row

    def _groups(
        self, message_class: type[Message], data: bytes, plans: Mapping[str, _Plan], where: str
    ) -> Row:
        """Decode a ``Context`` or an ``EventHeader``."""
        message = _parse(message_class, data, where)
        _refuse_unknown_fields(message, f"the {where}", where, kind="group")
        row: Row = {}
        for group, properties in message.ListFields():
            path = f"{where}.{group.name}"
            _refuse_unknown_fields(properties, path, path)
            _fill(row, properties, plans[group.name], path)
        return row

    def _readable(self, event: Any, number: int) -> tuple[Table | None, Row]:
        """Return as much as can be decoded of an event that was refused."""
        row: Row = {"batch_event_seq_num": number}
        with suppress(ValueError):
            row["event_ts"] = timestamp(event.common.event_ts)
        for name in ("session_id", "session_event_seq_num"):
            if event.common.HasField(name):
                row[name] = getattr(event.common, name)
        with suppress(DecodeError):
            header = self._messages.header()
            header.ParseFromString(event.header)
            for group, properties in header.ListFields():
                _fill_what_fits(row, properties, self._header[group.name])
        with suppress(DecodeError):
            payload = self._messages.payload()
            payload.ParseFromString(event.payload)
            for member, properties in payload.ListFields():
                table, plan = self._payload[member.name]
                row["event_type"] = table.event.name
                _fill_what_fits(row, properties, plan)
                return table, row
        return None, row


def _newer(what: str) -> str:
    return (
        f"the app's module is newer than this schema: {what}; start the collector with the"
        " schema that the module was made from"
    )


def _parse(message_class: type[Message], data: bytes, where: str) -> Message:
    message = message_class()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise UnfitError(
            where, f"the {where} is not a serialized {message_class.DESCRIPTOR.name}"
        ) from None
    return message


def _fill(row: Row, properties: Message, plan: _Plan, where: str) -> None:
    for field, value in properties.ListFields():
        column, convert = plan[field.name]
        try:
            row[column] = convert(value)
        except ValueError as error:
            raise UnfitError(f"{where}.{field.name}", f"{field.name}: {error}") from None


def _fill_what_fits(row: Row, properties: Message, plan: _Plan) -> None:
    for field, value in properties.ListFields():
        column, convert = plan[field.name]
        with suppress(ValueError):
            row[column] = convert(value)


def _refuse_unknown_fields(
    message: Message, owner: str, where: str, *, kind: str = "property"
) -> None:
    """Refuse fields that the schema does not have: they have no column, and would be lost."""
    if not len(UnknownFieldSet(message)):
        return
    for number in unknown_fields(message):
        known = message.DESCRIPTOR.fields_by_number.get(number)
        if known is not None:
            raise UnfitError(
                f"{where}.{known.name}",
                f"{owner}.{known.name} has another type in the app's module than in this schema;"
                " generate the module from this schema again",
            )
        raise UnfitError(f"{where}.{number}", _newer(f"{owner} has an unknown {kind} {number}"))


def _refuse_unknown_fields_of_batch(batch: Any) -> None:
    for part, where in ((batch, "batch"), (batch.common, "common"), (batch.telemetry, "telemetry")):
        for number in unknown_fields(part):
            raise UnfitError(
                f"{where}.{number}", f"the {where} has an unknown field, number {number}"
            )


def unknown_fields(message: Message) -> list[int]:
    """Return the numbers of the fields that a message's class does not know."""
    fields = UnknownFieldSet(message)
    return [fields[index].field_number for index in range(len(fields))]


def _how_many_events(batch: Any) -> str:
    """Return how many events a batch has that is refused as a whole, to follow the reason."""
    count = len(batch.events)
    return f" (the batch has {count} event{'s' if count != 1 else ''})"


def _report(batch: Any) -> SdkReport | None:
    told = batch.telemetry
    dropped = max(0, told.events_dropped)  # it is signed on the wire
    if not dropped and not told.serialization_errors:
        return None
    return SdkReport(batch.common.instance_id, dropped, tuple(told.serialization_errors))


def _envelope(batch: Any) -> Row:
    """Return the columns of the batch itself; the telemetry is JSON text."""
    row: Row = {field.name: value for field, value in batch.common.ListFields()}
    row["event_count"] = len(batch.events)
    if batch.HasField("telemetry"):
        row["telemetry"] = MessageToJson(
            batch.telemetry, preserving_proto_field_name=True, indent=None
        )
    return row


def _plan(part: GroupColumns, enums: Mapping[str, Enum]) -> _Plan:
    return {
        prop.name: (part.names[prop.name], _converter(prop, enums))
        for prop in part.group.properties
    }


def _converter(prop: Property, enums: Mapping[str, Enum]) -> _Convert:
    """Return the function that converts a property's value on the wire to that of its column."""
    element = _element_converter(prop, enums)
    if prop.is_repeated:
        return lambda values: [element(value) for value in values]
    if prop.is_map:
        return lambda values: {_fitting_key(key): element(value) for key, value in values.items()}
    return element


def _element_converter(prop: Property, enums: Mapping[str, Enum]) -> _Convert:
    match prop.kind:
        case Kind.DECIMAL:
            assert prop.precision is not None
            assert prop.scale is not None
            return _decimal_converter(prop.precision, prop.scale)
        case Kind.ENUM:
            assert prop.enum is not None
            return _enum_converter(enums[prop.enum])
        case Kind.STRING:
            return _fitting_text
        case Kind.TIMESTAMP:
            return timestamp
        case _:
            return lambda value: value


def _fitting_text(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text)} characters do not fit; shorten it to {MAX_CHARACTERS}")
    return text


def _fitting_key(key: str) -> str:
    try:
        return _fitting_text(key)
    except ValueError as error:
        raise ValueError(f"a key: {error}") from None


def _decimal_converter(precision: int, scale: int) -> _Convert:
    """Return the function that converts text to ``DECIMAL(precision, scale)``; it never rounds."""
    exponent = Decimal(1).scaleb(-scale)
    exact = Context(prec=precision, traps=[InvalidOperation, Inexact])

    def convert(text: str) -> Decimal:
        if not _DECIMAL.fullmatch(text):
            raise ValueError(f"{_shortened(text)} is not a finite decimal")
        try:
            return Decimal(text).quantize(exponent, context=exact)
        except DecimalException:
            raise ValueError(
                f"{_shortened(text)} does not fit decimal({precision},{scale}) exactly; round it"
                f" to {scale} places, and keep it below 1E+{precision - scale}"
            ) from None

    return convert


def _enum_converter(enum: Enum) -> _Convert:
    names = {0: "UNKNOWN"} | {value.id: value.name for value in enum.values}

    def convert(number: int) -> str:
        try:
            return names[number]
        except KeyError:
            raise ValueError(_newer(f"enum {enum.name} has no value {number}")) from None

    return convert


def _shortened(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "…")

"""Decodes the body of a batch into rows; refuses it if it does not fit the schema exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
from .errors import RefusedError
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
class DecodedBatch:
    """A valid batch.

    Attributes:
        batch_id: id of the batch.
        envelope: columns of the table ``collector.batch``.
        context: columns of the context, which all events share.
        events: table and row of each event, in the order of the batch.
    """

    batch_id: str
    envelope: Row
    context: Row
    events: list[tuple[Table, Row]]


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
                422 if its context or one of its events does not fit the schema.
        """
        batch = Batch()
        try:
            batch.ParseFromString(body)
        except DecodeError:
            raise RefusedError(400, "the body is not a serialized Batch") from None
        batch_id = batch.common.batch_id
        if not batch_id:
            raise RefusedError(400, "the batch has no common.batch_id")
        try:
            if not batch.common.instance_id:
                raise ValueError("the batch has no common.instance_id")
            _refuse_unknown_fields(batch, "the batch")
        except ValueError as error:
            raise RefusedError(400, str(error), batch_id) from None
        try:
            context = self._groups(self._messages.context, batch.context, self._context, "context")
            events = [
                self._event(event, number) for number, event in enumerate(batch.events, start=1)
            ]
        except ValueError as error:
            raise RefusedError(422, str(error), batch_id) from None
        return DecodedBatch(batch_id, _envelope(batch), context, events)

    def _event(self, event: Any, number: int) -> tuple[Table, Row]:
        where = f"event {number}"
        _refuse_unknown_fields(event, where)
        if not event.HasField("common"):
            raise ValueError(f"{where} has no common.event_ts")
        payload = _parse(self._messages.payload, event.payload, f"{where}: payload")
        members = payload.ListFields()
        if not members:
            unknown = _unknown_fields(payload)
            detail = f"of unknown type {unknown[0]}" if unknown else "without a type"
            raise ValueError(f"{where} is an event {detail}")
        member, properties = members[0]
        table, plan = self._payload[member.name]
        where = f"{where} ({table.event.name})"
        _refuse_unknown_fields(payload, f"{where}: payload")
        row: Row = {"batch_event_seq_num": number, "event_type": table.event.name}
        try:
            row["event_ts"] = timestamp(event.common.event_ts)
        except ValueError as error:
            raise ValueError(f"{where}: common.event_ts: {error}") from None
        for name in ("session_id", "session_event_seq_num"):
            if event.common.HasField(name):
                row[name] = getattr(event.common, name)
        row |= self._groups(self._messages.header, event.header, self._header, f"{where}: header")
        _fill(row, properties, plan, f"{where}: payload")
        return table, row

    def _groups(
        self, message_class: type[Message], data: bytes, plans: Mapping[str, _Plan], where: str
    ) -> Row:
        """Decode a ``Context`` or an ``EventHeader``."""
        message = _parse(message_class, data, where)
        _refuse_unknown_fields(message, where)
        row: Row = {}
        for group, properties in message.ListFields():
            _fill(row, properties, plans[group.name], f"{where}.{group.name}")
        return row


def _parse(message_class: type[Message], data: bytes, where: str) -> Message:
    message = message_class()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise ValueError(f"{where} is not a serialized {message_class.DESCRIPTOR.name}") from None
    return message


def _fill(row: Row, properties: Message, plan: _Plan, where: str) -> None:
    for field, value in properties.ListFields():
        column, convert = plan[field.name]
        try:
            row[column] = convert(value)
        except ValueError as error:
            raise ValueError(f"{where}.{field.name}: {error}") from None


def _refuse_unknown_fields(message: Message, where: str) -> None:
    """Refuse fields that the schema does not have: they have no column, and would be lost."""
    for number in _unknown_fields(message):
        raise ValueError(f"{where} has an unknown field, number {number}")
    for descriptor, value in message.ListFields():
        if isinstance(value, Message):
            _refuse_unknown_fields(value, f"{where}.{descriptor.name}")


def _unknown_fields(message: Message) -> list[int]:
    fields = UnknownFieldSet(message)
    return [fields[index].field_number for index in range(len(fields))]


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
        return lambda values: {key: element(value) for key, value in values.items()}
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
        raise ValueError(f"{len(text)} characters do not fit, at most {MAX_CHARACTERS} do")
    return text


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
                f"{_shortened(text)} does not fit decimal({precision},{scale}) exactly"
            ) from None

    return convert


def _enum_converter(enum: Enum) -> _Convert:
    names = {0: "UNKNOWN"} | {value.id: value.name for value in enum.values}

    def convert(number: int) -> str:
        try:
            return names[number]
        except KeyError:
            raise ValueError(f"enum {enum.name} has no value {number}") from None

    return convert


def _shortened(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "…")

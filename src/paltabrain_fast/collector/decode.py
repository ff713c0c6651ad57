"""Decodes the body of a batch; of what does not fit the schema exactly, it says where and why.

The events are read by ``columns.py``. Only if that refuses one of them, each is looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from ..encoding.display import counted
from ..schema import names
from ..schema.descriptor import message_classes
from ..schema.model import Enum, Schema
from ..sdk_pb2 import Batch
from .columns import SESSION, ColumnReader, EventColumns
from .conversion import Convert, Value, converter, fitting_text, newer, timestamp
from .errors import RefusedError, UnfitError
from .layout import GroupColumns, Layout, Table

Row = dict[str, Value]
"""Value by name of the column; a missing column is NULL."""

_Conversions = dict[str, tuple[str, Convert]]
"""Column and conversion, by name of the property."""


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
        events: the valid events, by type, in parts that keep the order of the batch.
        refused: the other events, in the order of the batch.
        report: what the SDK has lost before; ``None`` if it tells of nothing.
    """

    batch_id: str
    envelope: Row
    context: Row
    events: list[EventColumns]
    refused: list[RefusedEvent]
    report: SdkReport | None

    @property
    def stored_events(self) -> int:
        """Number of valid events."""
        return sum(map(len, self.events))


class Decoder:
    """Decodes bodies with one schema. It keeps no state between calls: any thread may use it."""

    def __init__(self, schema: Schema, layout: Layout) -> None:
        self._messages = message_classes(schema)
        self._columns = ColumnReader(schema, layout)
        enums = {enum.name: enum for enum in schema.enums}
        self._context = {
            part.group.field_name: _conversions(part, enums) for part in layout.context
        }
        self._header = {part.group.field_name: _conversions(part, enums) for part in layout.header}
        self._payload = {
            names.payload_field(table.event.id): (table, _conversions(table.payload, enums))
            for table in layout.tables
        }

    def decode(self, body: bytes) -> DecodedBatch:
        """Decode a serialized ``Batch``.

        An empty array or map becomes NULL: on the wire it is the same as one that was not set.

        Raises:
            RefusedError: 400 if the body is no ``Batch``, lacks ``batch_id`` or ``instance_id``, or
                has, beside its events, a text that is too long or an unknown field; 422 if its
                context, which all its events share, does not fit the schema.
        """
        batch = Batch()
        try:
            batch.ParseFromString(body)
        except DecodeError:
            raise RefusedError(400, "the body is not a serialized Batch") from None
        batch_id = instance_id = None
        status = 400
        try:
            batch_id = _id_of_batch(batch, "batch_id")
            instance_id = _id_of_batch(batch, "instance_id")
            _require_fitting_envelope(batch)
            status = 422
            context = self._groups(self._messages.context, batch.context, self._context, "context")
        except UnfitError as unfit:
            reason = f"{unfit.reason}{_how_many_events(batch)}"
            raise RefusedError(status, reason, batch_id, unfit.field, instance_id) from None
        events, refused = self._events(batch)
        return DecodedBatch(batch_id, _envelope(batch), context, events, refused, _report(batch))

    def _events(self, batch: Any) -> tuple[list[EventColumns], list[RefusedEvent]]:
        """Read the events all at once; if one does not fit, find out which, and why.

        The body itself cannot be read: of a payload that is there twice, the last counts.
        """
        with suppress(ValueError, DecodeError):
            numbers = range(1, len(batch.events) + 1)
            return self._columns.read(batch.SerializeToString(), numbers), []
        fitting: dict[int, Any] = {}
        refused: list[RefusedEvent] = []
        for number, event in enumerate(batch.events, start=1):
            try:
                self._require_fit(event)
            except UnfitError as unfit:
                table, row = self._readable(event, number)
                body = event.SerializeToString()
                refused.append(RefusedEvent(number, table, row, unfit.field, unfit.reason, body))
            else:
                fitting[number] = event
        rest = Batch(events=fitting.values()).SerializeToString()
        return self._columns.read(rest, list(fitting)), refused

    def _require_fit(self, event: Any) -> None:
        """Raise ``UnfitError`` for the events that ``ColumnReader`` refuses, and no others."""
        if not event.HasField("common"):
            raise UnfitError("event_ts", "the event has no common.event_ts")
        payload = _parse(self._messages.payload, event.payload, "payload")
        members = payload.ListFields()
        if not members:
            for unknown in _unknown_fields(payload):
                raise UnfitError(
                    f"payload.{names.payload_field(unknown)}",
                    newer(f"it has an unknown event {unknown}"),
                )
            raise UnfitError("payload", "the event has no type: its payload is empty")
        member, properties = members[0]
        table, conversions = self._payload[member.name]
        name = table.event.name
        _refuse_unknown_fields(properties, name, "payload")
        _refuse_unknown_fields(payload, "the payload", "payload", kind="event")
        try:
            timestamp(event.common.event_ts)
        except ValueError as error:
            raise UnfitError("event_ts", str(error)) from None
        if event.header:
            self._groups(self._messages.header, event.header, self._header, "header")
        _fill({}, properties, conversions, "payload")

    def _groups(
        self,
        message_class: type[Message],
        data: bytes,
        conversions: Mapping[str, _Conversions],
        where: str,
    ) -> Row:
        """Decode a ``Context`` or an ``EventHeader``."""
        message = _parse(message_class, data, where)
        _refuse_unknown_fields(message, f"the {where}", where, kind="group")
        row: Row = {}
        for group, properties in message.ListFields():
            path = f"{where}.{group.name}"
            _refuse_unknown_fields(properties, path, path)
            _fill(row, properties, conversions[group.name], path)
        return row

    def _readable(self, event: Any, number: int) -> tuple[Table | None, Row]:
        """Return as much as can be decoded of an event that was refused."""
        row: Row = {"batch_event_seq_num": number}
        with suppress(ValueError):
            row["event_ts"] = timestamp(event.common.event_ts)
        for prop in SESSION:
            if event.common.HasField(prop.name):
                row[prop.name] = getattr(event.common, prop.name)
        with suppress(DecodeError):
            header = self._messages.header()
            header.ParseFromString(event.header)
            for group, properties in header.ListFields():
                _fill_what_fits(row, properties, self._header[group.name])
        with suppress(DecodeError):
            payload = self._messages.payload()
            payload.ParseFromString(event.payload)
            for member, properties in payload.ListFields():
                table, conversions = self._payload[member.name]
                _fill_what_fits(row, properties, conversions)
                return table, row
        return None, row


def _parse(message_class: type[Message], data: bytes, where: str) -> Message:
    message = message_class()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise UnfitError(
            where, f"the {where} is not a serialized {message_class.DESCRIPTOR.name}"
        ) from None
    return message


def _fill(row: Row, properties: Message, conversions: _Conversions, where: str) -> None:
    for field, value in properties.ListFields():
        column, convert = conversions[field.name]
        try:
            row[column] = convert(value)
        except ValueError as error:
            raise UnfitError(f"{where}.{field.name}", f"{field.name}: {error}") from None


def _fill_what_fits(row: Row, properties: Message, conversions: _Conversions) -> None:
    for field, value in properties.ListFields():
        column, convert = conversions[field.name]
        with suppress(ValueError):
            row[column] = convert(value)


def _refuse_unknown_fields(
    message: Message, owner: str, where: str, *, kind: str = "property"
) -> None:
    """Refuse fields that the schema does not have: they have no column, and would be lost."""
    for number in _unknown_fields(message):
        known = message.DESCRIPTOR.fields_by_number.get(number)
        if known is not None:
            raise UnfitError(
                f"{where}.{known.name}",
                f"{owner}.{known.name} has another type in the app's module than in this schema;"
                " generate the module from this schema again",
            )
        raise UnfitError(f"{where}.{number}", newer(f"{owner} has an unknown {kind} {number}"))


def _id_of_batch(batch: Any, name: str) -> str:
    value = _fitting_text(batch, name)
    if not value:
        raise UnfitError(f"common.{name}", f"the batch has no common.{name}")
    return value


def _fitting_text(batch: Any, name: str) -> str:
    try:
        return fitting_text(getattr(batch.common, name))
    except ValueError as error:
        raise UnfitError(f"common.{name}", f"{name}: {error}") from None


def _require_fitting_envelope(batch: Any) -> None:
    """Raise ``UnfitError`` if the batch itself, beside its ids, does not fit."""
    for name in ("country_code", "locale"):
        _fitting_text(batch, name)
    for part, where in ((batch, "batch"), (batch.common, "common"), (batch.telemetry, "telemetry")):
        for number in _unknown_fields(part):
            raise UnfitError(
                f"{where}.{number}", f"the {where} has an unknown field, number {number}"
            )


def _unknown_fields(message: Message) -> list[int]:
    """Return the numbers of the fields that a message's class does not know."""
    fields = UnknownFieldSet(message)
    return [fields[index].field_number for index in range(len(fields))]


def _how_many_events(batch: Any) -> str:
    """Return how many events a batch has that is refused as a whole, to follow the reason."""
    return f" (the batch has {counted(len(batch.events), 'event')})"


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


def _conversions(part: GroupColumns, enums: Mapping[str, Enum]) -> _Conversions:
    return {
        prop.name: (part.names[prop.name], converter(prop, enums)) for prop in part.group.properties
    }

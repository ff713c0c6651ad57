"""Reads the events of a batch into columns: a property of all events at once, not each event.

That is fast, and tells of what does not fit only that there is something. Then ``decode.py`` looks
at each event, to say which and why. What a value may be, both have from ``conversion.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from .. import sdk_pb2
from ..schema import descriptor, names
from ..schema.model import Enum, Kind, Property, Schema
from .conversion import MAX_CHARACTERS, Value, converter, timestamp
from .layout import GroupColumns, Layout, Table

Values = dict[str, list[Value]]
"""The values of all events by name of the column; a missing column is NULL."""

_Read = Callable[[Sequence[Message]], list[Value] | None]
_Plan = list[tuple[str, _Read]]
"""Column, and the function that reads it; that returns ``None`` if no message has the property."""

SESSION: Final = (
    Property("session_id", 2, Kind.INTEGER),
    Property("session_event_seq_num", 3, Kind.INTEGER),
)
"""What ``Event.common`` may have beside the time; the columns have the same names."""

_AT_ONCE: Final = 1024
"""Events whose messages are objects at a time: with more, protobuf and the collection of garbage
take longer for each."""


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events of one type in a batch, in its order.

    Attributes:
        table: their table.
        columns: their values; instants are in Unix milliseconds, but for arrays and maps of them.
    """

    table: Table
    columns: Values

    def __len__(self) -> int:
        return len(self.columns["event_ts"])


class ColumnReader:
    """Reads the events of one schema. It keeps no state between calls: any thread may use it."""

    def __init__(self, schema: Schema, layout: Layout) -> None:
        enums = {enum.name: enum for enum in schema.enums}
        self._batch = _batch_class(schema)
        self._header_class = descriptor.message_classes(schema).header
        self._session: _Plan = [(prop.name, _reader(prop, enums)) for prop in SESSION]
        self._header = [
            (attrgetter(part.group.field_name), _plan(part, enums)) for part in layout.header
        ]
        self._types = {
            names.payload_field(table.event.id): (table, _plan(table.payload, enums))
            for table in layout.tables
        }

    def read(self, batch: bytes, numbers: Sequence[int]) -> list[EventColumns]:
        """Return the events of a batch, by type, and in parts that keep the order.

        Args:
            batch: a serialized ``Batch``; no event has its payload twice, since both would be read.
            numbers: the position to be stored for each of its events.

        Raises:
            ValueError: an event does not fit the schema; the text is not for a person.
            DecodeError: likewise.
        """
        message: Any = self._batch.FromString(batch)
        found: list[EventColumns] = []
        for start in range(0, len(numbers), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found += self._read_part(message.events[part], numbers[part])
        return found

    def _read_part(self, events: Sequence[Any], numbers: Sequence[int]) -> list[EventColumns]:
        commons = [event.common for event in events]
        times = [common.event_ts for common in commons]
        if not all(times) and not all(event.HasField("common") for event in events):
            raise ValueError("an event has no time")
        _refuse_beyond_calendar(times)
        headers = [event.header for event in events]
        header_columns = self._read_headers(dict.fromkeys(headers))
        payloads = [event.payload for event in events]
        _refuse_unknown_fields(payloads)
        places: dict[str, list[int]] = {}
        for place, payload in enumerate(payloads):
            places.setdefault(payload.WhichOneof("event_type"), []).append(place)
        found = []
        for name, chosen in places.items():
            if name is None:
                raise ValueError("an event has no type")
            table, plan = self._types[name]
            columns: Values = {
                "batch_event_seq_num": [numbers[place] for place in chosen],
                "event_ts": [times[place] for place in chosen],
            }
            _read(columns, [commons[place] for place in chosen], self._session)
            for column, by_header in header_columns.items():
                columns[column] = [by_header[headers[place]] for place in chosen]
            get = attrgetter(name)
            properties = [get(payloads[place]) for place in chosen]
            _refuse_unknown_fields(properties)
            _read(columns, properties, plan)
            found.append(EventColumns(table, columns))
        return found

    def _read_headers(self, headers: Iterable[bytes]) -> dict[str, dict[bytes, Value]]:
        """Return columns of headers, the values by header: few of a batch differ."""
        messages = {header: self._header_class.FromString(header) for header in headers}
        _refuse_unknown_fields(messages.values())
        columns: Values = {}
        for get, plan in self._header:
            groups = list(map(get, messages.values()))
            _refuse_unknown_fields(groups)
            _read(columns, groups, plan)
        return {
            column: dict(zip(messages, values, strict=True)) for column, values in columns.items()
        }


def _batch_class(schema: Schema) -> type[Message]:
    """Make a ``Batch`` whose payloads are messages: on the wire they are the same as bytes."""
    file = descriptor_pb2.FileDescriptorProto()
    sdk_pb2.DESCRIPTOR.CopyToProto(file)
    file.dependency.append(descriptor.FILE_NAME)
    for message in file.message_type:
        for field in message.field:
            if (message.name, field.name) == ("Event", "payload"):
                field.type = field.TYPE_MESSAGE
                field.type_name = f".{descriptor.PACKAGE}.EventPayload"
    pool = descriptor_pool.DescriptorPool()
    for each in (descriptor.file_descriptor(schema), file):
        pool.AddSerializedFile(each.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Batch"))


def _refuse_unknown_fields(messages: Iterable[Message]) -> None:
    if any(map(len, map(UnknownFieldSet, messages))):
        raise ValueError("there are unknown fields")


def _refuse_beyond_calendar(times: Sequence[int]) -> None:
    for time in (min(times, default=0), max(times, default=0)):
        timestamp(time)  # raises ``ValueError``


def _read(columns: Values, messages: Sequence[Message], plan: _Plan) -> None:
    for column, read in plan:
        values = read(messages)
        if values is not None:
            columns[column] = values


def _plan(part: GroupColumns, enums: Mapping[str, Enum]) -> _Plan:
    return [(part.names[prop.name], _reader(prop, enums)) for prop in part.group.properties]


def _reader(prop: Property, enums: Mapping[str, Enum]) -> _Read:
    get, has = attrgetter(prop.name), methodcaller("HasField", prop.name)
    convert = converter(prop, enums)

    def read_many(messages: Sequence[Message]) -> list[Value] | None:
        values = [convert(value) if value else None for value in map(get, messages)]
        return values if any(values) else None

    def read_one(messages: Sequence[Message]) -> list[Value] | None:
        values = list(map(get, messages))
        if not all(values):  # one is unset, or 0
            are_set = list(map(has, messages))
            if not any(are_set):
                return None
            values = [
                value if is_set else None for value, is_set in zip(values, are_set, strict=True)
            ]
        match prop.kind:
            case Kind.BOOLEAN | Kind.INTEGER:
                return values
            case Kind.STRING if max(map(len, filter(None, values)), default=0) <= MAX_CHARACTERS:
                return values
            case Kind.TIMESTAMP:
                _refuse_beyond_calendar([value for value in values if value is not None])
                return values
            case _:
                return [None if value is None else convert(value) for value in values]

    return read_many if prop.is_repeated or prop.is_map else read_one

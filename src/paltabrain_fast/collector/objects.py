"""Makes the event objects of the HTTP API, from rows of the tables and from what was refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from ..schema.model import Kind, Property
from .layout import GroupColumns, Layout, Table

EventObject = dict[str, Any]
"""One event as the HTTP API shows it: values that JSON has."""

EVENTS_IN_BATCH: Final = 2**20
"""The id of an event is the number of its batch times this, plus its position in the batch."""

_LARGEST_NUMBER: Final = 2**53
"""Beyond it, JavaScript rounds integers: they become texts."""


_OWN: Final = {
    "event_ts": "event_ts",
    "server_upload_ts": "received_ts",
    "client_upload_ts": "client_upload_ts",
    "instance_id": "instance_id",
    "batch_id": "batch_id",
    "batch_event_seq_num": "batch_event_seq_num",
    "session_id": "session_id",
    "session_event_seq_num": "session_event_seq_num",
    "sdk_name": "sdk_name",
    "sdk_version": "sdk_version",
}
"""Name in an object by name of the base column."""

_Place = tuple[str, str, str | None, str, Callable[[Any], Any]]
"""Column; part, group and property in the object; and the function that makes JSON of the value."""


def iso(moment: datetime | None) -> str | None:
    """Return a naive UTC datetime as ISO 8601 with milliseconds and ``Z``."""
    return None if moment is None else moment.isoformat(timespec="milliseconds") + "Z"


def plain(value: Any, *, has_integers: bool = False) -> Any:
    """Return a value of DuckDB as one that JSON has.

    Args:
        value: the value.
        has_integers: whether decimals without places are integers, as the columns of integer
            properties have them.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= _LARGEST_NUMBER else str(value)
        case float():
            return value if value - value == 0 else str(value)  # JSON has no NaN, no infinity
        case Decimal():
            is_integer = has_integers and value.as_tuple().exponent == 0
            return plain(int(value)) if is_integer else format(value, "f")
        case datetime():
            return iso(
                value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            )
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [plain(element, has_integers=has_integers) for element in value]
        case dict():
            return {
                str(key): plain(element, has_integers=has_integers)
                for key, element in value.items()
            }
    return str(value)


def _converter(prop: Property) -> Callable[[Any], Any]:
    """Return the function that makes JSON of a column's value: integers are decimals there."""
    if prop.kind is not Kind.INTEGER:
        return plain
    if prop.is_repeated:
        return lambda values: [plain(int(value)) for value in values]
    if prop.is_map:
        return lambda values: {key: plain(int(value)) for key, value in values.items()}
    return lambda value: plain(int(value))


class EventObjects:
    """Makes objects of rows, which are values by name of the column; a missing one is ``None``."""

    def __init__(self, layout: Layout) -> None:
        shared = [
            *_places(layout.context, "context"),
            *_places(layout.header, "header"),
        ]
        self._shared = shared
        self._own = {
            table.name: [*shared, *_places((table.payload,), "payload")] for table in layout.tables
        }

    def make(self, id: int, table: Table | None, row: Mapping[str, Any]) -> EventObject:
        """Return the object of a row of a table, or of an event whose type is not known."""
        event: EventObject = {
            "id": id,
            "type": table and table.event.name,
            "valid": True,
            "status": None,
            "reason": None,
            "field": None,
        }
        for column, name in _OWN.items():
            event[name] = plain(row.get(column))
        event |= {"table": table and table.name, "header": {}, "payload": {}, "context": {}}
        for column, part, group, name, convert in self._own[table.name] if table else self._shared:
            value = row.get(column)
            if value is not None:
                properties = event[part] if group is None else event[part].setdefault(group, {})
                properties[name] = convert(value)
        return event


def subject(event: Mapping[str, Any]) -> str:
    """Return what an object is about, in a word: a type, an event of no known type, a request."""
    return event["type"] or ("event" if event.get("batch_event_seq_num") else "request")


def as_json(event: EventObject) -> str:
    """Return an object as JSON text."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def texts(event: EventObject) -> str:
    """Return what a search finds an object by: its type, its reason and all values, as one text."""
    found: list[str] = []

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for element in value.values():
                add(element)
        elif isinstance(value, list):
            for element in value:
                add(element)
        elif value is not None:
            found.append(str(value).lower() if isinstance(value, bool) else str(value))

    add({name: value for name, value in event.items() if name not in ("id", "valid", "table")})
    return "\x1f".join(found)


def _places(groups: Iterable[GroupColumns], part: str) -> list[_Place]:
    return [
        (
            each.names[prop.name],
            part,
            None if part == "payload" else each.group.field_name,
            prop.name,
            _converter(prop),
        )
        for each in groups
        for prop in each.group.properties
    ]

"""Layout of the warehouse: the table and the typed columns of each event of a schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..schema.model import Group, Kind, Property, Schema
from .errors import CollectorError

Columns = dict[str, str]
"""DuckDB type by name of the column, spelled as in DuckDB's catalog."""

BASE_COLUMNS: Final[Columns] = {
    "instance_id": "VARCHAR",
    "batch_id": "VARCHAR",
    "batch_event_seq_num": "BIGINT",
    "event_type": "VARCHAR",
    "event_ts": "TIMESTAMP_MS",
    "client_upload_ts": "TIMESTAMP_MS",
    "server_upload_ts": "TIMESTAMP_MS",
    "sdk_name": "VARCHAR",
    "sdk_version": "VARCHAR",
    "session_id": "BIGINT",
    "session_event_seq_num": "BIGINT",
}

_SCALAR_TYPES: Final = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.ENUM: "VARCHAR",
    Kind.INTEGER: "DECIMAL(20,0)",
    Kind.STRING: "VARCHAR",
    Kind.TIMESTAMP: "TIMESTAMP_MS",
}


@dataclass(frozen=True, slots=True)
class GroupColumns:
    """The columns of a group or an event.

    Attributes:
        group: the group or event.
        names: name of the column by name of the property.
    """

    group: Group
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The table of one type of event.

    Attributes:
        name: name of the table, ``f_<event>``.
        event: the event.
        columns: all columns, in order.
        payload: the columns of the event's own properties.
    """

    name: str
    event: Group
    columns: Columns
    payload: GroupColumns


@dataclass(frozen=True, slots=True)
class Layout:
    """All tables of a schema; each has the columns of ``context`` and ``header``."""

    context: tuple[GroupColumns, ...]
    header: tuple[GroupColumns, ...]
    tables: tuple[Table, ...]


def plan_layout(schema: Schema) -> Layout:
    """Return the tables for the events of a schema.

    Raises:
        CollectorError: two events or two properties need the same table or column. Names that
            differ only in case are the same name to DuckDB.
    """
    context = _name_columns("c", schema.context)
    header = _name_columns("h", schema.header)
    tables = []
    for event in schema.events:
        (payload,) = _name_columns("p", (event,))
        columns = list(BASE_COLUMNS.items())
        for part in (*context, *header, payload):
            columns += [(part.names[prop.name], _type(prop)) for prop in part.group.properties]
        _require_unique((name for name, _ in columns), f"columns of event {event.name}")
        tables.append(Table(f"f_{event.field_name}".lower(), event, dict(columns), payload))
    _require_unique((table.name for table in tables), "event tables")
    return Layout(context, header, tuple(tables))


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _name_columns(prefix: str, groups: tuple[Group, ...]) -> tuple[GroupColumns, ...]:
    """Name the column of each property; a name that several groups have gets the group's name."""
    uses = Counter(prop.name.lower() for group in groups for prop in group.properties)

    def column(group: Group, prop: Property) -> str:
        shared = uses[prop.name.lower()] > 1 and len(groups) > 1
        return f"{prefix}_{group.field_name}_{prop.name}" if shared else f"{prefix}_{prop.name}"

    return tuple(
        GroupColumns(group, {prop.name: column(group, prop).lower() for prop in group.properties})
        for group in groups
    )


def _type(prop: Property) -> str:
    if prop.kind is Kind.DECIMAL:
        scalar = f"DECIMAL({prop.precision},{prop.scale})"
    else:
        scalar = _SCALAR_TYPES[prop.kind]
    if prop.is_repeated:
        return f"{scalar}[]"
    return f"MAP(VARCHAR, {scalar})" if prop.is_map else scalar


def _require_unique(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise CollectorError(
            f"the {what} need the same name: {', '.join(twice)}; rename one of each"
        )

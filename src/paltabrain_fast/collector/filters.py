"""The filters of the HTTP API: read from the parameters of a request, turned into SQL."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.datastructures import QueryParams

from ..schema.model import Kind, Property
from .errors import RefusedError
from .layout import GroupColumns, Layout, Table, literal, quoted
from .objects import EVENTS_IN_BATCH

Part = Literal["payload", "context", "header"]

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
FILTER_PARAMETERS: Final = ("type", "valid", "instance", "q", "property", "context", "header")
PAGE_PARAMETERS: Final = ("before", "after", "limit", "order")
REFUSED: Final = -1
"""Number of the table of what was refused, in place of that of a table of events."""

_LARGEST_ID: Final = 2**63 - 1
_CHARACTERS: Final = {
    "BIGINT": frozenset("-0123456789"),
    "DECIMAL": frozenset("-.0123456789"),
    "TIMESTAMP_MS": frozenset("-.:0123456789tz"),
}
"""Characters of values as text, in lower case, by type of the column."""

_MILLISECONDS: Final = "'%Y-%m-%dT%H:%M:%S.%gZ'"


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """Wants a property to have a value, given as text; ``group`` is ``None`` for the payload."""

    part: Part
    group: str | None
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted; an empty filter wants all of them."""

    types: tuple[str, ...] = ()
    valid: bool | None = None
    instance: str | None = None
    text: str | None = None
    properties: tuple[PropertyFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the wanted events is asked for: ids between two ids, and how many."""

    before: int | None = None
    after: int | None = None
    limit: int = DEFAULT_LIMIT
    newest_first: bool = True


Uploaded = tuple[str, str]
"""The first and the last time at which some batches were uploaded, as DuckDB writes them."""


class _Conditions(list[str]):
    """Conditions that all hold, with their parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: list[Any] = []

    def add(self, condition: str, *parameters: Any) -> None:
        self.append(f"({condition})")
        self.parameters += parameters


def read_filter(query: QueryParams, *, valid: bool | None = None) -> Filter:
    """Read a filter; ``valid`` is what is wanted where the parameter is missing.

    Raises:
        RefusedError: 400, with the parameter and what it takes.
    """
    validity = query.get("valid")
    if validity not in (None, "true", "false"):
        raise RefusedError(400, "valid: takes true or false")
    properties = [_property("payload", text, "property") for text in query.getlist("property")]
    properties += [_property("context", text, "context") for text in query.getlist("context")]
    properties += [_property("header", text, "header") for text in query.getlist("header")]
    return Filter(
        types=tuple(query.getlist("type")),
        valid=valid if validity is None else validity == "true",
        instance=query.get("instance"),
        text=query.get("q") or None,
        properties=tuple(properties),
    )


def refuse_unknown(query: QueryParams, parameters: Collection[str], types: Collection[str]) -> None:
    """Refuse a misspelt parameter or type, which would find everything, or nothing.

    Raises:
        RefusedError: 400, with what there is.
    """
    for name in query:
        if name not in parameters:
            raise RefusedError(400, f"{name[:40]}: is no parameter; there are {_list(parameters)}")
    for name in query.getlist("type"):
        if name not in types:
            near = difflib.get_close_matches(name[:100], types)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {_list(types)}"
            raise RefusedError(400, f"type: there is no {name[:100]}; {hint}")


def _list(names: Collection[str]) -> str:
    return ", ".join(names)


def read_page(query: QueryParams) -> Page:
    """Read which part is asked for.

    Raises:
        RefusedError: 400, with the parameter and what it takes.
    """
    order = query.get("order", "desc")
    if order not in ("desc", "asc"):
        raise RefusedError(400, "order: takes desc or asc")
    limit = read_number(query, "limit")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise RefusedError(400, f"limit: takes 1 to {MAX_LIMIT}")
    return Page(
        before=read_number(query, "before"),
        after=read_number(query, "after"),
        limit=DEFAULT_LIMIT if limit is None else limit,
        newest_first=order == "desc",
    )


def read_number(query: QueryParams, name: str) -> int | None:
    """Read an id or a number.

    Raises:
        RefusedError: 400 if it is no integer from 0 to 2**63 - 1.
    """
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > _LARGEST_ID:
        raise RefusedError(400, f"{name}: takes an integer from 0 to 2**63 - 1")
    return int(text)


def _property(part: Part, text: str, parameter: str) -> PropertyFilter:
    path, colon, value = text.partition(":")
    group: str | None = None
    name = path
    if part != "payload":
        group, _, name = path.partition(".")
    if not (colon and name and group != ""):
        example = "page_id:abc" if part == "payload" else "user.user_id:u1"
        raise RefusedError(400, f"{parameter}: takes a property and its value, such as {example}")
    return PropertyFilter(part, group, name, value)


def valid_events(
    number: int, layout: Layout, wanted: Filter, page: Page, uploaded: Uploaded
) -> tuple[str, list[Any]] | None:
    """Return SQL for id, number of the table and row of the wanted events of a table.

    Args:
        number: that of the table.
        layout: all tables.
        wanted: which events.
        page: which part of them.
        uploaded: when the batches of the page were uploaded.

    Returns:
        It, with its parameters; ``None`` if the table has none for sure.
    """
    table = layout.tables[number]
    if wanted.valid is False or (wanted.types and table.event.name not in wanted.types):
        return None
    where = _Conditions()
    # Unlike the number of the batch, it is a column of the events. So it keeps DuckDB from looking
    # for a text in the events of all other batches.
    first, last = (f"{literal(moment)}::TIMESTAMP_MS" for moment in uploaded)
    where.add(f"e.server_upload_ts BETWEEN {first} AND {last}")
    event_id = f"(b.number * {EVENTS_IN_BATCH} + e.batch_event_seq_num)"
    if page.after is not None:
        where.add("b.number >= ?", page.after // EVENTS_IN_BATCH)
        where.add(f"{event_id} > ?", page.after)
    if page.before is not None:
        where.add("b.number <= ?", page.before // EVENTS_IN_BATCH)
        where.add(f"{event_id} < ?", page.before)
    if wanted.instance is not None:
        where.add("e.instance_id = ?", wanted.instance)
    for each in wanted.properties:
        found = _column(table, layout, each)
        if found is None:
            return None
        where.add(_has_value(*found), each.value)
    if wanted.text is not None and wanted.text.lower() not in table.event.name.lower():
        texts = [
            _as_text(f"e.{quoted(name)}", is_instant=type_ == "TIMESTAMP_MS")
            for name, type_ in table.columns.items()
            if name != "event_type" and _may_have(type_, wanted.text.lower())
        ]
        finds = " OR ".join(f"contains(lower({text}), lower(?))" for text in texts)
        where.add(finds, *[wanted.text] * len(texts))
    sql = (
        f"SELECT {event_id} AS id, {number} AS number, e.rowid AS row"
        f" FROM event.{quoted(table.name)} e JOIN collector.batch b USING (batch_id)"
    )
    return f"{sql} WHERE {' AND '.join(where)}", where.parameters


def refused_events(wanted: Filter, page: Page) -> tuple[str, list[Any]] | None:
    """Return the same for the wanted events and requests that were refused."""
    if wanted.valid is True:
        return None
    where = _Conditions()
    where.add("id IS NOT NULL")
    if page.after is not None:
        where.add("id > ?", page.after)
    if page.before is not None:
        where.add("id < ?", page.before)
    if wanted.types:
        where.add(f"event_type IN ({', '.join('?' * len(wanted.types))})", *wanted.types)
    if wanted.instance is not None:
        where.add("object->>'/instance_id' = ?", wanted.instance)
    for each in wanted.properties:
        path = "".join(
            "/" + step.replace("~", "~0").replace("/", "~1")
            for step in (each.part, each.group, each.name)
            if step is not None
        )
        where.add(
            f"(object->>{literal(path)}) = ?"
            f" OR json_contains(object->{literal(path)}, to_json(?::VARCHAR))",
            *(each.value, each.value),
        )
    if wanted.text is not None:
        where.add("contains(lower(texts), lower(?))", wanted.text)
    sql = f"SELECT id, {REFUSED} AS number, rowid AS row FROM collector.rejected"
    return f"{sql} WHERE {' AND '.join(where)}", where.parameters


def _column(table: Table, layout: Layout, wanted: PropertyFilter) -> tuple[str, Property] | None:
    """Return the column of a property, and the property; ``None`` if the table has it not."""
    groups: tuple[GroupColumns, ...] = (table.payload,)
    if wanted.part != "payload":
        parts = layout.context if wanted.part == "context" else layout.header
        groups = tuple(each for each in parts if each.group.field_name == wanted.group)
    for each in groups:
        for prop in each.group.properties:
            if prop.name == wanted.name:
                return f"e.{quoted(each.names[prop.name])}", prop
    return None


def _has_value(column: str, prop: Property) -> str:
    """Return the condition that a property has a value; of arrays and maps, that one of them."""
    is_instant = prop.kind is Kind.TIMESTAMP
    if not (prop.is_repeated or prop.is_map):
        return f"{_as_text(column, is_instant=is_instant)} = ?"
    values = f"map_values({column})" if prop.is_map else column
    text = _as_text("x", is_instant=is_instant)
    return f"list_contains(list_transform({values}, lambda x: {text}), ?)"


def _may_have(type_: str, text: str) -> bool:
    """Tell whether values of a column of this type may have a text, in lower case, in them."""
    if type_ == "BOOLEAN":
        return text in "true" or text in "false"
    characters = _CHARACTERS.get(type_.partition("(")[0])
    return characters is None or type_.endswith("]") or characters.issuperset(text)


def _as_text(value: str, *, is_instant: bool) -> str:
    """Return SQL for a value as text: a scalar becomes what the API shows."""
    return f"strftime({value}::TIMESTAMP, {_MILLISECONDS})" if is_instant else f"{value}::VARCHAR"

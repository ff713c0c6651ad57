"""Hypothesis strategies: any valid schema, its YAML, and values for its properties."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import yaml
from hypothesis import strategies as st

from paltabrain_fast.schema import names
from paltabrain_fast.schema.model import Enum, EnumValue, Group, Kind, Property, Schema

_PYTHON_NAMES = [
    *keyword.kwlist,
    *("self", "super", "cls", "type", "str", "int", "bool", "list", "dict", "getattr", "print"),
    *("BaseSentinel", "Optional", "List", "Dict", "Decimal", "datetime", "UNDEFINED", "Self"),
    *("kwargs", "properties", "message", "group", "member", "event_type_id", "key", "value"),
]
_HOSTILE_TEXTS = [
    *('"', '"""', '""""""', "'''", "\\", '\\"""', 'x"', '"x"', "{", "{0}", "{DEPRECATED}", "%s"),
    *(
        "a\nb",
        "a\r\n\n  b",
        "\u2028",
        "\x00",
        "\x85",
        "\ufeff",
        "\u202e",
        "é 日本 🎉",
        "# x",
        "\\N{",
    ),
    '"""\nraise SystemExit("injected")\n"""',
]

descriptions = st.one_of(st.just(""), st.sampled_from(_HOSTILE_TEXTS), st.text(max_size=30))
field_numbers = st.one_of(
    st.integers(1, 20), st.integers(1, 18_999), st.integers(20_000, (1 << 29) - 1)
)
int64 = st.integers(-(1 << 63), (1 << 63) - 1)
_property_names = st.one_of(
    st.sampled_from(_PYTHON_NAMES),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}", fullmatch=True),
).filter(lambda name: name not in names.MESSAGE_ATTRIBUTES)
_camel_names = st.one_of(
    st.sampled_from([name.capitalize() for name in _PYTHON_NAMES]),
    st.from_regex(r"[A-Z][A-Za-z0-9]{0,9}", fullmatch=True),
)
_enum_value_names = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True).filter(
    lambda name: name != "UNKNOWN"
)


def _letters(name: str) -> str:
    """Reduce a name so that names that stay different never collide in protobuf or SQL."""
    return name.replace("_", "").lower()


@st.composite
def properties(draw: st.DrawFn, name: str, number: int, enums: tuple[Enum, ...]) -> Property:
    """Draw a property of any type."""
    kinds = [kind for kind in Kind if kind is not Kind.ENUM or enums]
    kind = draw(st.sampled_from(kinds))
    container = draw(st.sampled_from(["", "repeated", "map"]))
    precision = draw(st.integers(1, 38)) if kind is Kind.DECIMAL else None
    return Property(
        name=name,
        id=number,
        kind=kind,
        description=draw(descriptions),
        is_deprecated=draw(st.booleans()),
        is_repeated=container == "repeated",
        is_map=container == "map",
        precision=precision,
        scale=None if precision is None else draw(st.integers(0, precision)),
        enum=draw(st.sampled_from(enums)).name if kind is Kind.ENUM else None,
    )


@st.composite
def _groups(draw: st.DrawFn, enums: tuple[Enum, ...]) -> tuple[Group, ...]:
    return tuple(
        Group(
            name=name,
            id=number,
            description=draw(descriptions),
            is_deprecated=draw(st.booleans()),
            properties=tuple(
                draw(properties(name, number, enums))
                for name, number in draw(_named(_property_names, max_size=5))
            ),
        )
        for name, number in draw(_named(_camel_names, max_size=3))
    )


def _named(
    candidates: st.SearchStrategy[str], max_size: int
) -> st.SearchStrategy[list[tuple[str, int]]]:
    """Draw pairs of a name and an id; both are unique."""
    pairs = st.tuples(candidates, field_numbers)
    unique_by = (lambda pair: _letters(pair[0]), lambda pair: pair[1])
    return st.lists(pairs, max_size=max_size, unique_by=unique_by)


@st.composite
def _enums(draw: st.DrawFn) -> tuple[Enum, ...]:
    value = st.builds(EnumValue, _enum_value_names, int64.filter(bool), descriptions, st.booleans())
    unique_by = (lambda value: value.name, lambda value: value.id)
    return tuple(
        Enum(
            name=name,
            id=number,
            description=draw(descriptions),
            is_deprecated=draw(st.booleans()),
            values=tuple(draw(st.lists(value, max_size=3, unique_by=unique_by))),
        )
        for name, number in draw(_named(_camel_names, max_size=2))
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Draw any small, valid schema."""
    enums = draw(_enums())
    return Schema(draw(_groups(enums)), draw(_groups(enums)), enums, draw(_groups(enums)))


def to_yaml(schema: Schema) -> str:
    """Return the text of a schema file for ``schema``."""
    document = {
        "context": _document(schema.context),
        "header": _document(schema.header),
        "enum": _document(schema.enums),
        "event": _document(schema.events),
    }
    return yaml.safe_dump(document, sort_keys=False)


def _document(named: Iterable[Group | Enum | EnumValue | Property]) -> dict[str, Any]:
    return {item.name: _item(item) for item in named}


def _item(item: Group | Enum | EnumValue | Property) -> dict[str, Any]:
    found: dict[str, Any] = {"id": item.id}
    if item.description:
        found["description"] = item.description
    found["is_deprecated"] = item.is_deprecated
    if isinstance(item, EnumValue):
        return found
    if isinstance(item, Group):
        found["properties"] = _document(item.properties)
    elif isinstance(item, Enum):
        found["values"] = _document(item.values)
    else:
        found |= {
            "type": item.kind.value,
            "is_repeated": item.is_repeated,
            "is_map": item.is_map,
        }
        if item.kind is Kind.DECIMAL:
            found["decimal"] = {"precision": item.precision, "scale": item.scale}
        if item.kind is Kind.ENUM:
            found["enum"] = item.enum
    return found


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def values(prop: Property, module: Any) -> st.SearchStrategy[Any]:
    """Draw values for a property, or ``None``; enums are those of the generated ``module``."""
    elements: st.SearchStrategy[Any]
    match prop.kind:
        case Kind.BOOLEAN:
            elements = st.booleans()
        case Kind.DECIMAL:
            elements = st.decimals(allow_nan=False, allow_infinity=False)
        case Kind.ENUM:
            elements = st.sampled_from(list(getattr(module, f"Enum{prop.enum}")))
        case Kind.INTEGER:
            elements = int64
        case Kind.STRING:
            elements = st.text(max_size=20)
        case Kind.TIMESTAMP:
            elements = st.datetimes(timezones=st.sampled_from([None, UTC])).map(_whole_milliseconds)
    if prop.is_repeated:
        elements = st.lists(elements, max_size=3)
    elif prop.is_map:
        elements = st.dictionaries(st.text(max_size=5), elements, max_size=3)
    return st.none() | elements

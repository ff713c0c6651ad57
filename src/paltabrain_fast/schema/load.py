"""Reads and checks a schema file: what it accepts can be generated, imported and stored."""

from __future__ import annotations

import difflib
import keyword
import reprlib
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Final

from . import names
from .document import MAX_VALUES, Value, read_document
from .errors import SchemaError
from .model import Enum, EnumValue, Group, Kind, Property, Schema

MAX_PROPERTIES: Final = 1_000
"""Largest number of properties of a group or event, and of groups in ``context`` or ``header``.

Protobuf's runtimes lay a message out in at most 64 KiB.
"""

MAX_EVENTS: Final = 20_000
"""Largest number of events: they share one ``oneof``, whose fields runtimes count in 16 bits."""

_FIELD_NUMBERS: Final = range(1, 1 << 29)
_RESERVED_BY_PROTOBUF: Final = range(19_000, 20_000)
_INT64: Final = range(-(1 << 63), 1 << 63)
_MAX_PRECISION: Final = 38

_NAMED_KEYS: Final = ("id", "description", "is_deprecated")
_PROPERTY_KEYS: Final = (*_NAMED_KEYS, "type", "decimal", "enum", "is_repeated", "is_map")
_TYPES: Final = {kind.value: kind for kind in Kind}
_OTHER_NAMES: Final = {
    **dict.fromkeys(("float", "double", "number", "numeric"), "decimal"),
    **dict.fromkeys(("date", "datetime", "time"), "timestamp"),
    **dict.fromkeys(("text", "varchar"), "string"),
}
"""Types of other systems, and the type to suggest in place of each."""


class _UniqueNames:
    """Names that are taken; reports a value that needs a name that another value has taken."""

    def __init__(self) -> None:
        self._owners: dict[tuple[str, Hashable], Value] = {}

    def claim(self, value: Value, *claims: tuple[str, Hashable]) -> None:
        """Take names for ``value``; report the first that is taken already.

        Args:
            value: the value that needs the names.
            claims: pairs of a kind of name, as the message calls it, and a name.
        """
        for claim in claims:
            owner = self._owners.setdefault(claim, value)
            if owner is not value:
                kind, name = claim
                value.problem(
                    f"{kind} {name} is already taken by {owner.path} in line {owner.line}"
                )
                return


def load_schema(path: Path) -> Schema:
    """Read and check a schema file.

    Raises:
        SchemaError: the file has problems; all of them are in ``problems``.
    """
    root = read_document(path)
    sections = root.fields(("context", "header", "enum", "event", "base"))
    enums = _enums(sections.get("enum"))
    # Enums with problems are included: the problem is reported once, not at each use.
    enum_names = frozenset(enum.name for enum in enums)
    schema = Schema(
        context=_groups(sections.get("context"), enum_names),
        header=_groups(sections.get("header"), enum_names),
        enums=enums,
        events=_events(sections.get("event"), enum_names),
    )
    if root.report.problems:
        raise SchemaError(root.report.problems)
    return schema


def _groups(section: Value | None, enum_names: frozenset[str]) -> tuple[Group, ...]:
    groups, taken = [], _UniqueNames()
    for value in _named(section, MAX_PROPERTIES):
        groups.append(group := _group(value, taken, enum_names))
        taken.claim(
            value,
            ("the field", group.field_name),
            ("the JSON name", names.json_name(group.field_name)),
        )
    return tuple(groups)


def _events(section: Value | None, enum_names: frozenset[str]) -> tuple[Group, ...]:
    events, taken = [], _UniqueNames()
    for value in _named(section, MAX_EVENTS):
        events.append(event := _group(value, taken, enum_names))
        taken.claim(value, ("the table", f"f_{event.field_name}"))
        class_name = names.event_class(event.name)
        if class_name in names.GENERATED_EVENT_CLASSES:
            value.problem(f"the class {class_name} would hide a name of the generated module")
    return tuple(events)


def _group(value: Value, taken: _UniqueNames, enum_names: frozenset[str]) -> Group:
    fields = value.fields((*_NAMED_KEYS, "properties"))
    return Group(
        name=value.name,
        id=_field_number(value, fields, taken),
        description=_description(fields),
        is_deprecated=_flag(fields, "is_deprecated"),
        properties=_properties(fields.get("properties"), enum_names),
    )


def _properties(section: Value | None, enum_names: frozenset[str]) -> tuple[Property, ...]:
    properties, taken = [], _UniqueNames()
    for value in _named(section, MAX_PROPERTIES):
        properties.append(prop := _property(value, taken, enum_names))
        name = prop.name
        if name in names.MESSAGE_ATTRIBUTES:
            value.problem("would hide an attribute of every protobuf message")
        symbols = [name, names.field_number_constant(name)]
        if prop.is_map:
            symbols.append(names.map_entry_name(name))
        taken.claim(
            value,
            ("the Python parameter", names.parameter_name(name)),
            ("the column", name.lower()),
            ("the JSON name", names.json_name(name)),
            *(("the protobuf name", symbol) for symbol in symbols),
        )
    return tuple(properties)


def _property(value: Value, taken: _UniqueNames, enum_names: frozenset[str]) -> Property:
    fields = value.fields(_PROPERTY_KEYS)
    kind = _kind(value, fields)
    for detail in (Kind.DECIMAL, Kind.ENUM):
        if detail.value in fields and kind not in (detail, None):
            fields[detail.value].problem(f"belongs to the type {detail.value} only")
    precision, scale = _precision_and_scale(value, fields) if kind is Kind.DECIMAL else (None, None)
    is_repeated, is_map = _flag(fields, "is_repeated"), _flag(fields, "is_map")
    if is_repeated and is_map:
        value.problem("is_repeated and is_map exclude each other")
    return Property(
        name=value.name,
        id=_field_number(value, fields, taken),
        kind=kind or Kind.STRING,
        description=_description(fields),
        is_deprecated=_flag(fields, "is_deprecated"),
        is_repeated=is_repeated,
        is_map=is_map,
        precision=precision,
        scale=scale,
        enum=_enum_name(value, fields, enum_names) if kind is Kind.ENUM else None,
    )


def _kind(value: Value, fields: dict[str, Value]) -> Kind | None:
    if "type" not in fields:
        value.problem("type is missing")
        return None
    name = fields["type"].text()
    kind = _TYPES.get(name)
    if kind is None:
        meant = _OTHER_NAMES.get(name.lower()) or _closest(name, _TYPES)
        hint = f"did you mean {meant}?" if meant else f"expected one of {', '.join(_TYPES)}"
        fields["type"].problem(f"unknown type {reprlib.repr(name)}, {hint}")
    return kind


def _closest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that a name may be a misspelling of, or ``None``."""
    by_letters = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.lower(), by_letters, n=1)
    return by_letters[found[0]] if found else None


def _enum_name(value: Value, fields: dict[str, Value], enum_names: frozenset[str]) -> str | None:
    if "enum" not in fields:
        value.problem("an enum property needs enum: the name of an enum")
        return None
    name = fields["enum"].text()
    if name not in enum_names:
        meant = _closest(name, sorted(enum_names))
        hint = f", did you mean {meant}?" if meant else ""
        fields["enum"].problem(f"unknown enum {reprlib.repr(name)}{hint}")
    return name


def _precision_and_scale(value: Value, fields: dict[str, Value]) -> tuple[int | None, int | None]:
    if "decimal" not in fields:
        value.problem("a decimal property needs decimal: {precision, scale}")
        return None, None
    decimal = fields["decimal"]
    details = decimal.fields(("precision", "scale"))
    for name in ("precision", "scale"):
        if name not in details:
            decimal.problem(f"{name} is missing")
    precision = details["precision"].integer() if "precision" in details else None
    scale = details["scale"].integer() if "scale" in details else None
    if precision is not None and not 1 <= precision <= _MAX_PRECISION:
        details["precision"].problem(f"must be 1 to {_MAX_PRECISION}, not {precision}")
    elif precision is not None and scale is not None and not 0 <= scale <= precision:
        details["scale"].problem(f"must be 0 to the precision, {precision}, not {scale}")
    return precision, scale


def _enums(section: Value | None) -> tuple[Enum, ...]:
    enums, taken = [], _UniqueNames()
    for value in _named(section):
        fields = value.fields((*_NAMED_KEYS, "values"))
        enums.append(
            Enum(
                name=value.name,
                id=_field_number(value, fields, taken),
                description=_description(fields),
                is_deprecated=_flag(fields, "is_deprecated"),
                values=tuple(_enum_values(fields.get("values"))),
            )
        )
    return tuple(enums)


def _enum_values(section: Value | None) -> Iterator[EnumValue]:
    taken = _UniqueNames()
    for value in _named(section):
        fields = value.fields(_NAMED_KEYS)
        number = _id(value, fields, _INT64)
        if (value.name == "UNKNOWN") != (number == 0):
            value.problem("UNKNOWN, and no other value, has the id 0")
        elif keyword.iskeyword(value.name) or value.name in names.ENUM_ATTRIBUTES:
            value.problem("cannot be the name of a member of a Python enum")
        elif number is not None:
            taken.claim(fields["id"], ("the id", number))
        if value.name != "UNKNOWN":
            yield EnumValue(
                value.name, number or 0, _description(fields), _flag(fields, "is_deprecated")
            )


def _named(section: Value | None, limit: int = MAX_VALUES) -> Iterable[Value]:
    """Return the members of a section; report names that protobuf or Python cannot use."""
    if section is None:
        return ()
    members = section.members()
    if len(members) > limit:
        section.problem(f"has {len(members)} members, at most {limit} are possible")
    for member in members.values():
        if not names.IDENTIFIER.fullmatch(member.name):
            member.problem(
                "is no usable name: 1 to 128 ASCII letters, digits and underscores, a letter first"
            )
    return members.values()


def _field_number(value: Value, fields: dict[str, Value], taken: _UniqueNames) -> int:
    number = _id(value, fields, _FIELD_NUMBERS)
    if number is None:
        return 0
    if number in _RESERVED_BY_PROTOBUF:
        fields["id"].problem(f"{number} is reserved by protobuf, like all of 19000 to 19999")
    taken.claim(fields["id"], ("the id", number))
    return number


def _id(value: Value, fields: dict[str, Value], allowed: range) -> int | None:
    if "id" not in fields:
        value.problem("id is missing")
        return None
    number = fields["id"].integer()
    if number is not None and number not in allowed:
        fields["id"].problem(f"must be {allowed[0]} to {allowed[-1]}, not {number}")
        return None
    return number


def _description(fields: dict[str, Value]) -> str:
    return fields["description"].text() if "description" in fields else ""


def _flag(fields: dict[str, Value], name: str) -> bool:
    return name in fields and fields[name].boolean()

"""The schema as data: context and header groups, enums and events with their typed properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum as PythonEnum


class Kind(PythonEnum):
    """Logical type of a property, named as in the schema file."""

    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    ENUM = "enum"
    INTEGER = "integer"
    STRING = "string"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Property:
    """A typed property. At most one of ``is_repeated`` and ``is_map`` is set.

    ``precision`` and ``scale`` belong to decimals, ``enum`` (the enum's CamelCase name, without
    prefix) to enums.
    """

    name: str
    id: int
    kind: Kind
    description: str = ""
    is_deprecated: bool = False
    is_repeated: bool = False
    is_map: bool = False
    precision: int | None = None
    scale: int | None = None
    enum: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A context or header group, or an event: a CamelCase name, an id and properties."""

    name: str
    id: int
    description: str = ""
    is_deprecated: bool = False
    properties: tuple[Property, ...] = ()

    @property
    def field_name(self) -> str:
        """The name in snake_case: field of ``Context`` or ``EventHeader``, part of a table name."""
        return snake_case(self.name)


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum."""

    name: str
    id: int
    description: str = ""
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum. ``UNKNOWN = 0`` is implied and never listed in ``values``."""

    name: str
    id: int
    description: str = ""
    is_deprecated: bool = False
    values: tuple[EnumValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole, valid schema, in the order of the file."""

    context: tuple[Group, ...] = ()
    header: tuple[Group, ...] = ()
    enums: tuple[Enum, ...] = ()
    events: tuple[Group, ...] = ()


def snake_case(name: str) -> str:
    """``PageOpen`` → ``page_open``; each capital begins a word: ``TVShow`` → ``t_v_show``."""
    return re.sub(r"(?<=[^_])(?=[A-Z])", "_", name).lower()

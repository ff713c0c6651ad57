"""The schema as data: groups of context and header, enums, and events, with their properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum as PythonEnum


class Kind(PythonEnum):
    """Type of a property, by the name that it has in the schema file."""

    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    ENUM = "enum"
    INTEGER = "integer"
    STRING = "string"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Property:
    """A typed property. At most one of ``is_repeated`` (an array) and ``is_map`` is set.

    ``precision`` and ``scale`` are set for decimals only. ``enum`` is set for enums only: the name
    of the enum as in the schema file, without the prefix ``Enum``.
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
    """A group of context or header, or an event: a name in CamelCase, an id, and properties."""

    name: str
    id: int
    description: str = ""
    is_deprecated: bool = False
    properties: tuple[Property, ...] = ()

    @property
    def field_name(self) -> str:
        """Return the name in snake_case, as fields of messages and tables use it."""
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
    """An enum. Every enum also has ``UNKNOWN = 0``, which ``values`` does not list."""

    name: str
    id: int
    description: str = ""
    is_deprecated: bool = False
    values: tuple[EnumValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """A complete, valid schema, in the order of the file."""

    context: tuple[Group, ...] = ()
    header: tuple[Group, ...] = ()
    enums: tuple[Enum, ...] = ()
    events: tuple[Group, ...] = ()


def snake_case(name: str) -> str:
    """Convert a name to snake_case. Each capital begins a word: ``TVShow`` → ``t_v_show``."""
    return re.sub(r"(?<=[^_])(?=[A-Z])", "_", name).lower()

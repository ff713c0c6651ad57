"""The schema as data: context and header groups, enums and events with their typed properties."""

from __future__ import annotations

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
    """``PageOpen`` → ``page_open``; a run of capitals is a word: ``HTTPError`` → ``http_error``."""
    letters: list[str] = []
    for index, letter in enumerate(name):
        starts_word = letter.isupper() and index > 0 and name[index - 1] != "_"
        after_lower = starts_word and not name[index - 1].isupper()
        before_lower = starts_word and index + 1 < len(name) and name[index + 1].islower()
        if after_lower or before_lower:
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)

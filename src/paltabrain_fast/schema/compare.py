"""Says in what the schema of a module differs from another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum as Choice
from typing import NamedTuple

from .model import Enum, EnumValue, Group, Property, Schema

__all__ = ["Difference", "Side", "differences"]

_Deprecatable = Enum | EnumValue | Group | Property


class Side(Choice):
    """Which of two schemas has something that the other one has not."""

    MODULE = "module"
    OTHER = "other"
    BOTH = "both"
    """Each has it, and differently."""


class Difference(NamedTuple):
    """Something in which a module is not as it should be.

    Attributes:
        where: the class or setter of the module, such as ``EventPageOpen`` or ``Context.set_user``;
            ``""`` if the module has none.
        text: what differs, for a person.
        side: who has what differs.
    """

    where: str
    text: str
    side: Side = Side.BOTH


def differences(module: Schema, other: Schema, owner: str) -> list[Difference]:
    """Compare the schema of a module with another one.

    What counts is what is sent: names, ids and types. So does what is deprecated; descriptions, the
    order, and the precision of decimals do not.

    Args:
        module: of the module, as ``read_module()`` finds it.
        other: what it should be.
        owner: whose that is, for the texts: ``"the schema"``, ``"the server"``.
    """
    return [
        *_groups("event", "Event{}", module.events, other.events, owner),
        *_groups("context group", "Context.set_{}", module.context, other.context, owner),
        *_groups("header group", "Event.set_{}", module.header, other.header, owner),
        *_enums(module.enums, other.enums, owner),
    ]


def _groups(
    what: str, place: str, mine: Iterable[Group], theirs: Iterable[Group], owner: str
) -> Iterator[Difference]:
    known = {group.name: group for group in theirs}
    for group in mine:
        where = place.format(group.name if what == "event" else group.field_name)
        match = known.pop(group.name, None)
        if match is None:
            yield Difference(where, f"{what} {group.name} is not known to {owner}", Side.MODULE)
            continue
        if group.id != match.id:
            text = f"{what} {group.name} has the id {match.id} for {owner}, {group.id} here"
            yield Difference(where, text)
        yield from _deprecation(where, f"{what} {group.name}", group, match, owner)
        yield from _properties(where, group, match, owner)
    for group in known.values():
        yield Difference("", f"{what} {group.name} of {owner} is missing", Side.OTHER)


def _properties(where: str, mine: Group, theirs: Group, owner: str) -> Iterator[Difference]:
    known = {prop.name: prop for prop in theirs.properties}
    for prop in mine.properties:
        name = f"property {mine.name}.{prop.name}"
        match = known.pop(prop.name, None)
        if match is None:
            yield Difference(where, f"{name} is not known to {owner}", Side.MODULE)
            continue
        if prop.id != match.id:
            yield Difference(where, f"{name} has the id {match.id} for {owner}, {prop.id} here")
        if _type(prop) != _type(match):
            text = f"{name} is {_type(match)} for {owner}, {_type(prop)} here"
            yield Difference(where, text)
        yield from _deprecation(where, name, prop, match, owner)
    for prop in known.values():
        yield Difference(
            where, f"property {mine.name}.{prop.name} of {owner} is missing", Side.OTHER
        )


def _enums(mine: Iterable[Enum], theirs: Iterable[Enum], owner: str) -> Iterator[Difference]:
    known = {enum.name: enum for enum in theirs}
    for enum in mine:
        where = f"Enum{enum.name}"
        match = known.pop(enum.name, None)
        if match is None:
            yield Difference(where, f"enum {enum.name} is not known to {owner}", Side.MODULE)
            continue
        yield from _deprecation(where, f"enum {enum.name}", enum, match, owner)
        values = {value.name: value for value in match.values}
        for value in enum.values:
            name = f"value {enum.name}.{value.name}"
            other = values.pop(value.name, None)
            if other is None:
                yield Difference(where, f"{name} is not known to {owner}", Side.MODULE)
            elif other.id != value.id:
                yield Difference(where, f"{name} is {other.id} for {owner}, {value.id} here")
            else:
                yield from _deprecation(where, name, value, other, owner)
        for name in values:
            yield Difference(where, f"value {enum.name}.{name} of {owner} is missing", Side.OTHER)
    for name in known:
        yield Difference("", f"enum {name} of {owner} is missing", Side.OTHER)


def _deprecation(
    where: str, name: str, mine: _Deprecatable, theirs: _Deprecatable, owner: str
) -> Iterator[Difference]:
    before, now = mine.is_deprecated, theirs.is_deprecated
    if now and not before:
        yield Difference(where, f"{name} is deprecated for {owner}, not here")
    elif before and not now:
        yield Difference(where, f"{name} is deprecated here, not for {owner}")


def _type(prop: Property) -> str:
    """Return the logical type of a property, in words."""
    name = f"enum {prop.enum}" if prop.enum else prop.kind.value
    if prop.is_repeated:
        return f"a list of {name}"
    return f"a map of {name}" if prop.is_map else name

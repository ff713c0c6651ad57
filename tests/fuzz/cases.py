"""Turns the bytes of an input into an event and a context, and checks how they are encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

from paltabrain_fast import explain
from paltabrain_fast._native.contexts import encoded_context
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Group, Kind, Property, Schema

from ..schema.packages import EXAMPLE, generated, imported
from ..support.equality import WIDE, Package, can_be_key, can_be_properties, package
from ..support.hostile import (
    DECIMALS,
    INTEGERS,
    MOMENTS,
    OTHERS,
    TEXTS,
    ZONES,
    Acting,
    ActingAmount,
    Colour,
)
from .reader import Reader

_LONG = Group(
    "Long",
    2,
    properties=tuple(
        Property(f"p{number}", number, Kind.INTEGER if number % 2 else Kind.STRING)
        for number in range(1, 129)
    ),
)
_LONELY = tuple(
    Group(
        f"Lonely{number}",
        number,
        properties=(Property("p", (1 << 29) - 1, kind, is_repeated=repeated, is_map=is_map),),
    )
    for number, (kind, repeated, is_map) in enumerate(
        [
            (kind, repeated, is_map)
            for kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.STRING, Kind.TIMESTAMP)
            for repeated, is_map in ((False, False), (True, False), (False, True))
        ],
        start=10,
    )
)
EXTREME = Schema((*_LONELY, _LONG), (*_LONELY, _LONG), (), (*_LONELY, _LONG))
"""Groups with very many properties, or with one that has the largest field number."""


@contextmanager
def packages() -> Iterator[list[Package]]:
    """Yield the generated packages that an input may choose."""
    with ExitStack() as stack:
        yield [
            package(stack.enter_context(imported(EXAMPLE.parent / "config")), load_schema(EXAMPLE)),
            package(stack.enter_context(generated(WIDE)), WIDE),
            package(stack.enter_context(generated(EXTREME)), EXTREME),
        ]


def check(candidates: list[Package], data: bytes) -> None:
    """Make an event and a context from ``data``; encode them natively and by their own methods.

    Raises:
        AssertionError: the bytes differ.
    """
    reader = Reader(data)
    chosen = reader.choice(candidates)
    case = _Case(reader, chosen.module)
    event, context = case.event_and_context(chosen.schema)
    if reader.below(4) == 1:
        case.disturb(event, context)
        _check_harmless(chosen, event, context)
    else:
        chosen.check(event, context)
        _check_deterministic(chosen, context)


def _check_deterministic(chosen: Package, context: Any) -> None:
    """Check that the order of groups and properties does not change the bytes of a context."""
    other = chosen.module.Context()
    other._context = _reversed(context._context)
    assert encoded_context(other) == encoded_context(context)


def _reversed(value: Any) -> Any:
    if type(value) is not dict:
        return value
    return {name: _reversed(found) for name, found in reversed(value.items())}


def _check_harmless(chosen: Package, event: Any, context: Any) -> None:
    """Check that an event that changes while it is encoded leaves no lasting damage.

    It may be sent as before the change or as after it, or be an error.
    """
    for _ in range(3):
        chosen.tracked(event, context)
    for instance in (event, context):
        assert explain(type(instance)).reason is None


class _Case:
    def __init__(self, reader: Reader, module: Any) -> None:
        self.reader = reader
        self.module = module

    def event_and_context(self, schema: Schema) -> tuple[Any, Any]:
        group = self.reader.choice(schema.events)
        event, context = getattr(self.module, f"Event{group.name}")(), self.module.Context()
        parts: list[Any] = [
            self.properties(group),
            self.groups(schema.header),
            self.groups(schema.context),
        ]
        spoilt = self.reader.below(64)
        if spoilt in (1, 2, 3):
            parts[spoilt - 1] = self.spoil(parts[spoilt - 1])
        elif spoilt in (4, 5):
            part = parts[spoilt - 3]
            for name in part:
                part[name] = self.spoil(part[name])
        event._payload, event._header, context._context = parts
        return event, context

    def groups(self, groups: tuple[Group, ...]) -> dict[Any, Any]:
        chosen = [self.reader.choice(groups) for _ in range(self.reader.below(len(groups) + 1))]
        return {group.field_name: self.properties(group) for group in chosen}

    def properties(self, group: Group) -> dict[Any, Any]:
        found = {}
        if group.properties:
            for _ in range(self.reader.below(len(group.properties) + 1)):
                prop = self.reader.choice(group.properties)
                found[prop.name] = self.value(prop)
        return found

    def spoil(self, properties: dict[Any, Any]) -> Any:
        """Add a property that no setter adds, or replace all properties."""
        match self.reader.below(3):
            case 0:
                found = self.anything()
                return found if can_be_properties(found) else None
            case 1:
                key = self.anything()
                properties[key if can_be_key(key) else None] = self.anything()
            case _:
                key = self.reader.choice(["unknown", "", "é", "ü", 5, None, "Clear"])
                properties[key] = self.anything()
        return properties

    def value(self, prop: Property) -> Any:
        """Return a value for a property: mostly of its type, sometimes of any other."""
        match self.reader.below(32):
            case 1:
                return None
            case 2:
                return self.anything()
            case 3:
                return self.contained(prop, self.reader.choice(list(Kind)))
        return self.contained(prop, prop.kind)

    def contained(self, prop: Property, kind: Kind) -> Any:
        if prop.is_repeated:
            return [self.element(kind, prop.enum) for _ in range(self.reader.below(5))]
        if prop.is_map:
            return {self.text(): self.element(kind, prop.enum) for _ in range(self.reader.below(5))}
        return self.element(kind, prop.enum)

    def element(self, kind: Kind, enum: str | None) -> Any:
        match kind:
            case Kind.BOOLEAN:
                return bool(self.reader.below(2))
            case Kind.DECIMAL:
                return self.decimal()
            case Kind.ENUM:
                members = list(getattr(self.module, f"Enum{enum}")) if enum else []
                return self.reader.choice([*members, 0, 5, Colour.RED])
            case Kind.INTEGER:
                return self.integer()
            case Kind.STRING:
                return self.text()
            case Kind.TIMESTAMP:
                return self.moment()

    def anything(self) -> Any:
        mode = self.reader.below(8)
        if mode >= 6:
            found = self.reader.choice(OTHERS)
            # a copy, since a case may change it
            return deepcopy(found) if isinstance(found, dict | list) else found
        return self.element(list(Kind)[mode], None)

    def text(self) -> str:
        match self.reader.below(4):
            case 0:
                return self.reader.choice(TEXTS)
            case 1:
                return self.reader.text() * self.reader.below(100)
        return self.reader.text()

    def integer(self) -> int:
        match self.reader.below(4):
            case 0:
                return self.reader.choice(INTEGERS)
            case 1:
                return self.reader.signed(1)
            case 2:
                return self.reader.signed(8)
        return self.reader.signed(9)

    def decimal(self) -> Decimal:
        match self.reader.below(3):
            case 0:
                return Decimal(self.reader.choice(DECIMALS))
            case 1:
                return Decimal(self.reader.signed(4)).scaleb(self.reader.signed(1) // 8)
        sign, digits = self.reader.below(2), str(self.reader.number(8))
        return Decimal((sign, tuple(map(int, digits)), self.reader.signed(1)))

    def moment(self) -> datetime:
        if self.reader.below(2):
            moment = datetime(
                self.reader.below(9999) + 1,
                self.reader.below(12) + 1,
                self.reader.below(28) + 1,
                self.reader.below(24),
                self.reader.below(60),
                self.reader.below(60),
                self.reader.number(3) % 1_000_000,
            )
        else:
            moment = self.reader.choice(MOMENTS)
        return moment.replace(tzinfo=self.reader.choice(ZONES), fold=self.reader.below(2))

    def disturb(self, event: Any, context: Any) -> None:
        """Insert a value that changes the event once, while it is encoded."""
        top = [part for part in (event._payload, event._header, context._context) if part]
        dicts = [part for part in top if isinstance(part, dict)]
        inner = [value for part in dicts for value in part.values()]
        innermost = [value for part in inner if isinstance(part, dict) for value in part.values()]
        containers = [*top, *inner, *innermost]
        mutable = [item for item in containers if isinstance(item, dict | list)]
        if not mutable:
            return
        act = self.change(event, self.reader.choice(mutable))
        value: Any = datetime(2020, 1, 1, tzinfo=Acting(act))
        if self.reader.below(4) == 1:
            value = ActingAmount(1)
            value.act = act
        place = self.reader.choice(mutable)
        if not place:
            return
        if isinstance(place, list):
            place[self.reader.below(len(place))] = value
        else:
            place[self.reader.choice(list(place))] = value

    def change(self, event: Any, container: Any) -> Callable[[], None]:
        how, calls = self.reader.below(4), self.reader.below(16)

        def act() -> None:
            nonlocal calls
            calls -= 1
            if calls != -1:
                return
            if how == 0:
                container.clear()
            elif how == 1 and isinstance(container, dict):
                container["added"] = [datetime(1999, 1, 1)]
            elif how == 1:
                container.extend([None] * 100)
            elif how == 2:
                event._payload, event._header = {}, {}
            else:
                event.__dict__.clear()
            [datetime(1999, 1, 1) for _ in range(100)]  # so that freed memory is used again

        return act

"""What is sent of an event, beside what its own methods serialize; random events of any schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from paltabrain_fast import explain
from paltabrain_fast._native.contexts import encoded_context
from paltabrain_fast._native.events import encoded_event
from paltabrain_fast.schema.model import Enum, EnumValue, Group, Kind, Property, Schema

from ..schema.strategies import values
from .hostile import anything, hostile_values
from .recorder import Recorder

ROUNDS = 3  # a property's encoding is proved in the first at the latest, and used in the next


def every_kind(name: str) -> Group:
    """A group with a property of every kind and shape, in an order that is not that of the ids."""
    shapes = [("", False, False), ("_list", True, False), ("_map", False, True)]
    properties = [
        Property(
            name=f"{kind.value}{suffix}",
            id=number,
            kind=kind,
            is_repeated=is_repeated,
            is_map=is_map,
            precision=38 if kind is Kind.DECIMAL else None,
            scale=9 if kind is Kind.DECIMAL else None,
            enum="Colour" if kind is Kind.ENUM else None,
        )
        for number, (kind, (suffix, is_repeated, is_map)) in zip(
            [90, 17, 1, 2, 16, 15, 3, 2048, 2047, 4, 30, 29, 28, 27, 26, 25, 24, 5],
            [(kind, shape) for kind in Kind for shape in shapes],
            strict=True,
        )
    ]
    return Group(
        name=name, id={"First": 3, "Second": 1, "Third": 70000}[name], properties=tuple(properties)
    )


WIDE = Schema(
    (every_kind("First"), every_kind("Second")),
    (every_kind("Third"), every_kind("First")),
    (Enum("Colour", 1, values=(EnumValue("RED", -1), EnumValue("FAR", (1 << 63) - 1))),),
    (every_kind("First"), Group("Nothing", 2, properties=())),
)


@dataclass(frozen=True)
class Raised:
    """What serializing raises."""

    error: type[Exception]
    text: str


Outcome = tuple[Any, Any, Any] | Raised
"""The messages of context, header and payload, or why there are none."""


def outcome_of(serialize: Callable[[], Any]) -> Any:
    try:
        return serialize()
    except Exception as error:
        return Raised(type(error), str(error))


@dataclass
class Package:
    """A generated module, its schema, and a recorder for its events."""

    module: Any
    schema: Schema
    recorder: Recorder

    def messages(self, context: bytes, header: bytes, payload: bytes) -> Outcome:
        return (
            self.module.ContextMessage.FromString(context),
            self.module.EventHeaderMessage.FromString(header),
            self.module.EventPayloadMessage.FromString(payload),
        )

    def own(self, event: Any, context: Any) -> Outcome:
        """What the methods of event and context make of them."""
        found: Outcome = outcome_of(
            lambda: self.messages(
                context.serialize_context(), event.serialize_header(), event.serialize_payload()
            )
        )
        return found

    def tracked(self, event: Any, context: Any) -> Outcome:
        """What is sent, or reported, of an event that is tracked between two others."""
        name = self.schema.events[0].name
        neighbour = getattr(self.module, f"Event{name}")
        for item in (neighbour(), event, neighbour()):
            self.recorder.track(item, context if item is event else None)
        sent, errors = self.recorder.sent(), self.recorder.errors[:]
        self.recorder.errors.clear()
        assert not self.recorder.refused
        assert len(sent) + len(errors) == 3
        plain = neighbour()
        expected = (b"", plain.serialize_header(), plain.serialize_payload())
        assert sent[0] == sent[-1] == expected
        if errors:
            return Raised(type(errors[0]), str(errors[0]))
        return self.messages(*sent[1])

    def check(self, event: Any, context: Any) -> None:
        """The same is sent at the first time and later, and the classes stay trusted."""
        own = self.own(event, context)
        for _ in range(ROUNDS):
            assert self.tracked(event, context) == own
        for instance in (event, context):
            assert explain(type(instance)).reason is None
        direct: Any = encoded_event(event), encoded_context(context)
        if None not in direct:
            assert self.messages(direct[1], *direct[0]) == own


def package(module: Any, schema: Schema) -> Package:
    return Package(module, schema, Recorder(module.Context()))


Values = Callable[[Property, Any], st.SearchStrategy[Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def draw_properties(draw: Draw, group: Group, module: Any, values: Values) -> dict[Any, Any]:
    chosen = (
        draw(st.lists(st.sampled_from(group.properties), unique=True)) if group.properties else []
    )
    return {prop.name: draw(values(prop, module)) for prop in chosen}


def draw_groups(
    draw: Draw, groups: tuple[Group, ...], module: Any, values: Values
) -> dict[Any, Any]:
    chosen = draw(st.lists(st.sampled_from(groups), unique=True)) if groups else []
    return {group.field_name: draw_properties(draw, group, module, values) for group in chosen}


def spoil(draw: Draw, properties: dict[Any, Any]) -> Any:
    """Add what no setter adds, or replace it all."""
    match draw(st.integers(0, 4)):
        case 0:
            return draw(anything.filter(can_be_properties))
        case 1:
            properties[draw(anything.filter(can_be_key))] = draw(anything)
        case 2:
            properties[draw(st.sampled_from(["unknown", "", "é", 5, None, "Clear"]))] = draw(
                st.none() | anything
            )
    return properties


def can_be_key(value: Any) -> bool:
    """Whether a dict can have the key, and protobuf look for a field of that name."""
    try:
        hash(value)
        if isinstance(value, str):
            str.encode(value)  # at a surrogate, the runtime itself crashes, from Python 3.13 on
    except Exception:  # the tzinfo of a time may raise
        return False
    return True


def can_be_properties(value: Any) -> bool:
    """Whether the value is no dict, or one whose keys protobuf can look for."""
    return not isinstance(value, dict) or all(map(can_be_key, value))


def draw_case(draw: Draw, package: Package) -> tuple[Any, Any]:
    """An event and a context of a package, good or hostile."""
    module, schema = package.module, package.schema
    how: Values = draw(st.sampled_from([values, hostile_values, hostile_values]))
    group = draw(st.sampled_from(schema.events))
    event, context = getattr(module, f"Event{group.name}")(), module.Context()
    payload: Any = draw_properties(draw, group, module, how)
    header: Any = draw_groups(draw, schema.header, module, how)
    groups: Any = draw_groups(draw, schema.context, module, how)
    if how is hostile_values and draw(st.integers(0, 3)) == 0:
        match draw(st.integers(0, 4)):
            case 0:
                payload = spoil(draw, payload)
            case 1:
                header = spoil(draw, header)
            case 2:
                groups = spoil(draw, groups)
            case 3:
                header = {name: spoil(draw, found) for name, found in header.items()}
            case _:
                groups = {name: spoil(draw, found) for name, found in groups.items()}
    event._payload, event._header, context._context = payload, header, groups
    return event, context

"""Any valid schema and values: the collector's messages read what an event serializes."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paltabrain_fast.schema.descriptor import message_classes
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Group, Property, Schema
from paltabrain_fast.schema.names import parameter_name

from .packages import EXAMPLE, generated
from .strategies import schemas, values


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schema=schemas(), data=st.data())
def test_any_schema_generates_loads_and_round_trips(schema: Schema, data: st.DataObject) -> None:
    with generated(schema) as module:
        round_trip(schema, module, data)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_example_round_trips(data: st.DataObject) -> None:
    schema = load_schema(EXAMPLE)
    with generated(schema) as module:
        round_trip(schema, module, data)


def round_trip(schema: Schema, module: Any, data: st.DataObject) -> None:
    classes = message_classes(schema)
    context = module.Context()
    given_context = fill(context, schema.context, module, data)
    assert context.asdict() == given_context
    message = classes.context.FromString(context.serialize_context())
    assert_groups(message, schema.context, given_context)

    for group in schema.events:
        payload = draw_properties(group, module, data)
        event = getattr(module, f"Event{group.name}")(**as_parameters(payload))
        given_header = fill(event, schema.header, module, data)
        assert event.asdict() == {"header": given_header, "payload": payload}
        header = classes.header.FromString(event.serialize_header())
        assert_groups(header, schema.header, given_header)
        body = classes.payload.FromString(event.serialize_payload())
        assert body.WhichOneof("event_type") == f"event_{group.id}"
        assert_properties(getattr(body, f"event_{group.id}"), group.properties, payload)


def draw_properties(group: Group, module: Any, data: st.DataObject) -> dict[str, Any]:
    return {prop.name: data.draw(values(prop, module), prop.name) for prop in group.properties}


def as_parameters(properties: dict[str, Any]) -> dict[str, Any]:
    return {parameter_name(name): value for name, value in properties.items()}


def fill(
    target: Any, groups: tuple[Group, ...], module: Any, data: st.DataObject
) -> dict[str, dict[str, Any]]:
    """Set every group of a context or an event; return the values by group."""
    given: dict[str, dict[str, Any]] = {}
    for group in groups:
        given[group.field_name] = draw_properties(group, module, data)
        setter = getattr(target, f"set_{group.field_name}")
        assert setter(**as_parameters(given[group.field_name])) is target
    return given


def assert_groups(
    message: Message, groups: tuple[Group, ...], given: dict[str, dict[str, Any]]
) -> None:
    for group in groups:
        member = getattr(message, group.field_name)
        assert_properties(member, group.properties, given[group.field_name])


def assert_properties(
    member: Message, properties: tuple[Property, ...], given: dict[str, Any]
) -> None:
    expected: defaultdict[str, Any] = defaultdict(lambda: None)
    for prop in properties:
        value = given[prop.name]
        if isinstance(value, list):
            value = [on_the_wire(element) for element in value]
        elif isinstance(value, dict):
            value = {key: on_the_wire(element) for key, element in value.items()}
        else:
            value = on_the_wire(value)
        # Arrays and maps have no presence: an empty one is absent.
        if value is not None and value not in ([], {}):
            expected[prop.name] = value
    containers = {
        p.name: list if p.is_repeated else dict for p in properties if p.is_repeated or p.is_map
    }
    found = {
        field.name: containers.get(field.name, lambda value: value)(value)
        for field, value in member.ListFields()
    }
    assert found == expected


def on_the_wire(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return (value.replace(tzinfo=UTC) - epoch) // timedelta(milliseconds=1)
    return value

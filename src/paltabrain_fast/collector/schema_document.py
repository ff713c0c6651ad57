"""Describes a schema as the HTTP API tells it, and as a file of events keeps it."""

from __future__ import annotations

from typing import Any

from ..schema.model import Enum, EnumValue, Group, Kind, Property, Schema
from .layout import Layout


def schema_document(schema: Schema, layout: Layout) -> dict[str, Any]:
    """Return what ``/api/schema`` answers: types of events, groups, and enums with their names."""
    return {
        "events": [
            _group(table.event)
            | {
                "description": table.event.description,
                "table": table.name,
                "deprecated": table.event.is_deprecated,
            }
            for table in layout.tables
        ],
        "header": [_group(group, group.field_name) for group in schema.header],
        "context": [_group(group, group.field_name) for group in schema.context],
        "enums": {
            enum.name: ["UNKNOWN", *(value.name for value in enum.values)] for enum in schema.enums
        },
    }


def _group(group: Group, name: str | None = None) -> dict[str, Any]:
    return {
        "name": name or group.name,
        "properties": [_property(prop) for prop in group.properties],
    }


def _property(prop: Property) -> dict[str, Any]:
    return {
        "name": prop.name,
        "kind": prop.kind.value,
        "repeated": prop.is_repeated,
        "map": prop.is_map,
        "enum": prop.enum,
        "precision": prop.precision,
        "scale": prop.scale,
        "description": prop.description,
    }


def described_schema(document: dict[str, Any]) -> Schema:
    """Return the schema that a document describes: what its tables hold, but no ids."""
    return Schema(
        context=_groups(document["context"]),
        header=_groups(document["header"]),
        enums=tuple(
            Enum(name, 0, values=tuple(EnumValue(value, 0) for value in values[1:]))
            for name, values in document["enums"].items()
        ),
        events=_groups(document["events"]),
    )


def _groups(documents: list[dict[str, Any]]) -> tuple[Group, ...]:
    return tuple(
        Group(
            document["name"],
            0,
            document.get("description", ""),
            document.get("deprecated", False),
            tuple(_described_property(each) for each in document["properties"]),
        )
        for document in documents
    )


def _described_property(document: dict[str, Any]) -> Property:
    return Property(
        document["name"],
        0,
        Kind(document["kind"]),
        document["description"],
        is_repeated=document["repeated"],
        is_map=document["map"],
        precision=document["precision"],
        scale=document["scale"],
        enum=document["enum"],
    )

"""Describes a schema as the HTTP API tells it."""

from __future__ import annotations

from typing import Any

from ..schema.model import Group, Property, Schema
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
        "description": prop.description,
    }

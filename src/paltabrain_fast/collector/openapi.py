"""The OpenAPI document of the HTTP API."""

from __future__ import annotations

from typing import Any, Final

from ..version import __version__
from .filters import DEFAULT_LIMIT, MAX_LIMIT
from .querying import MAX_BYTES, MAX_ROWS, QUERY_SECONDS

_Json = dict[str, Any]

_ID: Final[_Json] = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_COUNT: Final[_Json] = {"type": "integer", "minimum": 0}
_TEXT: Final[_Json] = {"type": "string"}
_TEXT_OR_NULL: Final[_Json] = {"type": ["string", "null"]}
_INTEGER_OR_NULL: Final[_Json] = {"type": ["integer", "null"]}
_GROUPS: Final[_Json] = {"type": "object", "additionalProperties": {"type": "object"}}


def _parameter(name: str, schema: _Json, description: str, *, repeated: bool = False) -> _Json:
    parameter = {"name": name, "in": "query", "description": description}
    if repeated:
        array = {"type": "array", "items": schema}
        return parameter | {"schema": array, "style": "form", "explode": True}
    return parameter | {"schema": schema}


_BOOLEAN: Final[_Json] = {"type": "string", "enum": ["true", "false"]}
_GROUP_VALUE: Final[_Json] = {"type": "string", "pattern": r"^[^.:]+\.[^:]+:"}
_FILTERS: Final = [
    _parameter("type", _TEXT, "Only events of this type; of one of these.", repeated=True),
    _parameter("valid", _BOOLEAN, "Only what fits the schema, or only what was refused."),
    _parameter("instance", _TEXT, "Only events of the SDK with this instance id."),
    _parameter("q", _TEXT, "Only events with this text in a value, the type or the reason."),
    _parameter(
        "property",
        {"type": "string", "pattern": "^[^:]+:"},
        "Only events with this value of a property of the payload: page_id:abc. Of arrays and maps,"
        " one of the values.",
        repeated=True,
    ),
    _parameter("context", _GROUP_VALUE, "The same of the context: user.user_id:u1.", repeated=True),
    _parameter("header", _GROUP_VALUE, "The same of the header.", repeated=True),
]
_PAGE: Final = [
    _parameter("before", _ID, "Only events with a lower id."),
    _parameter("after", _ID, "Only events with a higher id."),
    _parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "The number of events, at most.",
    ),
    _parameter(
        "order",
        {"type": "string", "enum": ["desc", "asc"], "default": "desc"},
        "The newest first, or the oldest.",
    ),
]


def _object(properties: _Json, **others: Any) -> _Json:
    return {"type": "object", "properties": properties, "required": list(properties), **others}


def _array(items: _Json) -> _Json:
    return {"type": "array", "items": items}


def _named(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


_PROPERTY: Final = _object(
    {
        "name": _TEXT,
        "kind": {
            "type": "string",
            "enum": ["boolean", "decimal", "enum", "integer", "string", "timestamp"],
        },
        "repeated": {"type": "boolean"},
        "map": {"type": "boolean"},
        "enum": _TEXT_OR_NULL,
        "precision": _INTEGER_OR_NULL,
        "scale": _INTEGER_OR_NULL,
        "description": _TEXT,
    }
)
_GROUP: Final = _object({"name": _TEXT, "properties": _array(_PROPERTY)})
_SCHEMAS: Final[_Json] = {
    "Error": {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]},
    "Event": _object(
        {
            "id": _ID,
            "type": _TEXT_OR_NULL,
            "valid": {"type": "boolean"},
            "status": _INTEGER_OR_NULL,
            "reason": _TEXT_OR_NULL,
            "field": _TEXT_OR_NULL,
            "event_ts": _TEXT_OR_NULL,
            "received_ts": _TEXT,
            "client_upload_ts": _TEXT_OR_NULL,
            "instance_id": _TEXT_OR_NULL,
            "batch_id": _TEXT_OR_NULL,
            "batch_event_seq_num": _INTEGER_OR_NULL,
            "session_id": {"type": ["integer", "string", "null"]},
            "session_event_seq_num": {"type": ["integer", "string", "null"]},
            "sdk_name": _TEXT_OR_NULL,
            "sdk_version": _TEXT_OR_NULL,
            "table": _TEXT_OR_NULL,
            "header": _GROUPS,
            "payload": {"type": "object"},
            "context": _GROUPS,
        },
        additionalProperties=False,
    ),
    "Events": _object({"events": _array(_named("Event")), "next": _INTEGER_OR_NULL}),
    "Counts": _object(
        {
            "events": _COUNT,
            "invalid": _COUNT,
            "batches": _COUNT,
            "repeats": _COUNT
            | {"description": "Batches that came again, since the collector was started."},
            "unauthorized": _COUNT
            | {"description": "Requests without the right API key; they are among invalid."},
            "dropped_by_sdks": _COUNT
            | {"description": "Events that SDKs have dropped before they could send them."},
            "by_type": {
                "type": "object",
                "additionalProperties": _object({"events": _COUNT, "invalid": _COUNT}),
            },
            "instances": _array(_TEXT)
            | {"description": "Ids of the SDKs that sent something, the newest 100 in order."},
            "rates": _object(
                {
                    "seconds": _COUNT,
                    "by_type": {"type": "object", "additionalProperties": _array(_COUNT)},
                }
            ),
            "last_id": _ID,
            "resets": _COUNT | {"description": "How often everything was deleted."},
        }
    ),
    "Health": _object(
        {
            "status": {"type": "string", "enum": ["ok", "stopping"]},
            "version": _TEXT,
            "schema": _TEXT,
            "db": _TEXT,
        }
    ),
    "Schema": _object(
        {
            "events": _array(
                _object(
                    {
                        "name": _TEXT,
                        "description": _TEXT,
                        "table": _TEXT,
                        "deprecated": {"type": "boolean"},
                        "properties": _array(_PROPERTY),
                    }
                )
            ),
            "header": _array(_GROUP),
            "context": _array(_GROUP),
            "enums": {"type": "object", "additionalProperties": _array(_TEXT)},
        }
    ),
    "Deleted": _object({"deleted": _COUNT}),
    "Query": _object({"query": _TEXT}),
    "Answer": _object(
        {
            "columns": _array(_object({"name": _TEXT, "type": _TEXT})),
            "rows": _array({"type": "array"}),
        }
    ),
}


def _answer(description: str, schema: str, media: str = "application/json") -> _Json:
    content = {media: {"schema": _named(schema)}} if schema else {media: {"schema": _TEXT}}
    return {"description": description, "content": content}


def _operation(
    id: str, summary: str, answer: _Json, *errors: int, parameters: list[_Json] | None = None
) -> _Json:
    texts = {
        400: "A parameter or the body is wrong; the error says which and what it takes.",
        403: "The Host is foreign, or the page that asks.",
        404: "There is no such event.",
        408: "The body did not arrive in time.",
        503: "The collector is stopping.",
    }
    operation: _Json = {
        "operationId": id,
        "summary": summary,
        "responses": {
            "200": answer,
            **{str(status): _answer(texts[status], "Error") for status in (*errors, 403)},
        },
    }
    return operation | {"parameters": parameters} if parameters else operation


def openapi_document() -> _Json:
    """Return what ``/openapi.json`` answers."""
    events = _answer("Events, and the id from which the next page goes on.", "Events")
    sql = _operation(
        "query", "Answer one SELECT", _answer("Columns and rows.", "Answer"), 400, 408, 503
    )
    sql["description"] = (
        f"It takes {QUERY_SECONDS} seconds at most, and gives {MAX_ROWS:,} rows and"
        f" {MAX_BYTES // 2**20} MiB at most. It changes nothing, and reads no other file."
    )
    sql["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": _named("Query")}},
    }
    event_id = {"name": "id", "in": "path", "required": True, "schema": _ID}
    paths: _Json = {
        "/api/events": {
            "get": _operation(
                "events", "Events, newest first", events, 400, parameters=_FILTERS + _PAGE
            )
        },
        "/api/events/{id}": {
            "get": _operation(
                "event", "One event", _answer("It.", "Event"), 404, parameters=[event_id]
            )
        },
        "/api/rejected": {
            "get": _operation(
                "rejected", "What was refused", events, 400, parameters=_FILTERS + _PAGE
            )
        },
        "/api/counts": {"get": _operation("counts", "Counts", _answer("Counts.", "Counts"))},
        "/api/stream": {
            "get": _operation(
                "stream",
                "What arrives, as server-sent events: events, counts, reset",
                _answer("Messages, without end.", "", "text/event-stream"),
                400,
                parameters=[
                    *_FILTERS,
                    _parameter("after", _ID, "The id after which it goes on."),
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "description": "The same, as browsers send it when they connect again.",
                        "schema": _TEXT,
                    },
                ],
            )
        },
        "/api/health": {
            "get": _operation("health", "Whether it works", _answer("Its state.", "Health"))
        },
        "/api/schema": {"get": _operation("schema", "The schema", _answer("The types.", "Schema"))},
        "/api/reset": {
            "post": _operation("reset", "Delete everything", _answer("How many.", "Deleted"), 503)
        },
        "/api/sql": {"post": sql},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "paltabrain-fast dev",
            "version": __version__,
            "description": "What a local collector has received. Times are UTC, in ISO 8601.",
        },
        "paths": paths,
        "components": {"schemas": _SCHEMAS},
    }

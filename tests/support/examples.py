"""Starts the programs of ``examples/`` as their docstrings say, and reads what they have sent."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from .api_server import ApiServer
from .sdk import ROOT

__all__ = ["EXAMPLES", "Event", "arrived", "commands", "page_open", "purchase"]

EXAMPLES: Final = ROOT / "examples"
Event = dict[str, Any]
"""Type, context and payload, as JSON has them: 64-bit integers and enums as text."""


def commands(path: Path) -> list[list[str]]:
    """Return the commands that a docstring shows, for the interpreter that runs this."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    found = [shlex.split(line) for line in re.findall(r"^    (.+)$", text, re.MULTILINE)]
    return [[_program(name), *arguments] for name, *arguments in found]


def _program(name: str) -> str:
    path = Path(sys.executable)
    return str(path if name == "python" else path.with_name(name))


def arrived(api: ApiServer) -> list[Event]:
    """Decode what the server has got, by the module that the examples use."""
    messages = import_module("examples.config.config_v2_pb2")
    events = []
    for batch in api.batches:
        context = _dict(messages.Context.FromString(batch.context))
        for event in batch.events:
            payload = messages.EventPayload.FromString(event.payload)
            properties = getattr(payload, payload.WhichOneof("event_type"))
            name = properties.DESCRIPTOR.name.removeprefix("EventPayload")
            events.append({"type": name, "context": context, "payload": _dict(properties)})
    return sorted(events, key=repr)


def _dict(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def purchase(user: str, item: str, price: str, app: str = "shop") -> Event:
    """Return the event that an order is to arrive as."""
    payload = {"price": price, "currency": "EUR", "result": "1", "items": [item]}
    return {"type": "Purchase", "context": _context(user, app), "payload": payload}


def page_open(user: str, page: str, app: str = "shop") -> Event:
    """Return the event that a page is to arrive as."""
    return {"type": "PageOpen", "context": _context(user, app), "payload": {"page_id": page}}


def _context(user: str, app: str) -> dict[str, Any]:
    application = {"app_id": app, "app_version": "1.2.3"}
    return {"application": application, "user": {"user_id": user}}

"""One event as one line of text, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from ..collector.objects import subject
from .output import printable

__all__ = ["event_line"]


def event_line(event: dict[str, Any]) -> Text:
    """Return time, type, and what the event holds; for what was refused, why.

    Payload properties have their names, those of header and context the name of their group, too.

    Args:
        event: an event object of the API.
    """
    valid = event["valid"]
    moment = (event["event_ts"] if valid else None) or event["received_ts"]
    line = Text.assemble(
        (moment[11:23], "dim"),
        ("   " if valid else " ✗ "),
        (subject(event), "bold cyan" if valid else "bold red"),
    )
    if not valid:
        line.append(f"  {event['status']} ", "red")
        line.append(printable(event["reason"] or "refused"), "red")
        if event["field"]:
            line.append(f" ({printable(event['field'])})", "red")
    for name, value in event["payload"].items():
        _append(line, name, value, "")
    for part, style in (("header", "magenta"), ("context", "dim")):
        for name, value in _properties(event[part]):
            _append(line, name, value, style)
    return line


def _properties(groups: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for group, properties in groups.items():
        for name, value in properties.items():
            yield f"{group}.{name}", value


def _append(line: Text, name: str, value: Any, style: str) -> None:
    line.append(f"  {printable(name)}=", style or "dim")
    is_word = isinstance(value, str) and value and not any(map(str.isspace, value))
    line.append(printable(value if is_word else json.dumps(value, ensure_ascii=False)), style)

"""Writes the text of a generated package's ``__init__.py``: enums, context and events.

The text is the same as the server's for the same schema, to the letter.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from . import names
from .model import Enum, EnumValue, Group, Kind, Property, Schema

_COLUMNS: Final = 120
_MAX_LINES: Final = 3
"""Largest number of lines of one description; the rest is cut."""

_HEADER: Final = """\
from abc import ABC
from datetime import datetime
from decimal import Decimal
from {import_from} import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto
from typing import Dict, List, Optional, Union

from .config_v2_pb2 import Context as ContextMessage, EventHeader as EventHeaderMessage, \
EventPayload as EventPayloadMessage

UNDEFINED = BaseSentinel()
"""

_SERIALIZE_CONTEXT: Final = """\
    def serialize_context(self):
        context_message = ContextMessage()

        for group_name, group_properties in self._context.items():
            set_proto(getattr(context_message, group_name), group_properties)

        return context_message.SerializeToString(deterministic=True)
"""

_SERIALIZE_EVENT: Final = """\
    def serialize_header(self):
        if not self._header:
            return b""

        header_message = EventHeaderMessage()

        for group_name, group_properties in self._header.items():
            set_proto(getattr(header_message, group_name), group_properties)

        return header_message.SerializeToString()

    def serialize_payload(self):
        payload_message = EventPayloadMessage()

        getattr(payload_message, f"event_{self.event_type_id}").SetInParent()
        set_proto(getattr(payload_message, f"event_{self.event_type_id}"), self._payload)

        return payload_message.SerializeToString()
"""

_TYPES: Final = {
    Kind.BOOLEAN: "bool",
    Kind.DECIMAL: "Decimal",
    Kind.INTEGER: "int",
    Kind.STRING: "str",
    Kind.TIMESTAMP: "datetime",
}


def module_text(schema: Schema, import_from: str) -> str:
    """Return the source of ``__init__.py``, whose base classes come from ``import_from``."""
    blocks = [
        _HEADER.format(import_from=import_from),
        *map(_enum_class, schema.enums),
        _class("Context(BaseContext)", [*_setters("_context", schema.context), _SERIALIZE_CONTEXT]),
        _class("Event(BaseEvent, ABC)", [*_setters("_header", schema.header), _SERIALIZE_EVENT]),
        *map(_event_class, schema.events),
    ]
    return "\n\n".join(blocks)


def _class(signature: str, members: Iterable[str]) -> str:
    return f"class {signature}:\n" + "\n".join(members)


def _enum_class(enum: Enum) -> str:
    lines = [
        *_docstring(enum, ":var", [(value.name, value) for value in enum.values], indent="    "),
        "",
        "    UNKNOWN = 0",
        *(f"    {value.name} = {value.id}" for value in enum.values),
    ]
    return _class(f"{names.enum_class(enum.name)}(BaseEnum)", ["\n".join(lines) + "\n"])


def _setters(attribute: str, groups: tuple[Group, ...]) -> Iterator[str]:
    for group in groups:
        lines = [
            *_signature(f"set_{group.field_name}", group.properties, "UNDEFINED"),
            *_parameters_docstring(group),
            f"        self.{attribute}['{group.field_name}'].update(BaseSentinel.filter({{",
            *_items(group.properties),
            "        }))",
            "        return self",
        ]
        yield "\n".join(lines) + "\n"


def _event_class(event: Group) -> str:
    lines = [
        f"    event_type_id = {event.id}",
        "",
        *_signature("__init__", event.properties, "None"),
        *_parameters_docstring(event),
        "        super().__init__()",
    ]
    if event.properties:
        lines += ["        self._payload = {", *_items(event.properties), "        }"]
    return _class(f"{names.event_class(event.name)}(Event)", ["\n".join(lines) + "\n"])


def _signature(function: str, properties: tuple[Property, ...], default: str) -> list[str]:
    if not properties:
        return [f"    def {function}(self):"]
    return [
        f"    def {function}(",
        "        self,",
        "        *,",
        *(
            f"        {names.parameter_name(prop.name)}: {_annotation(prop)} = {default},"
            for prop in properties
        ),
        "    ):",
    ]


def _annotation(prop: Property) -> str:
    annotation = names.enum_class(prop.enum) if prop.enum else _TYPES[prop.kind]
    if prop.is_repeated:
        annotation = f"List[{annotation}]"
    elif prop.is_map:
        annotation = f"Dict[str, {annotation}]"
    return f"Optional[{annotation}]"


def _items(properties: tuple[Property, ...]) -> list[str]:
    return [f"            '{prop.name}': {names.parameter_name(prop.name)}," for prop in properties]


_Documented = Enum | EnumValue | Group | Property


def _parameters_docstring(group: Group) -> list[str]:
    entries = [(names.parameter_name(prop.name), prop) for prop in group.properties]
    return _docstring(group, ":param", entries, indent=" " * 8)


def _docstring(
    documented: _Documented, field: str, entries: Sequence[tuple[str, _Documented]], *, indent: str
) -> list[str]:
    """Return the lines of a docstring, which may be empty.

    Descriptions are escaped: none can end the docstring or become code.
    """
    summary = _wrapped(_description(documented), indent)
    listed = [
        line
        for name, entry in entries
        for line in _wrapped(f"{field} {name}: {_description(entry)}", indent, hang="    ")
    ]
    gap = [""] if summary and listed else []
    return [f'{indent}"""', *summary, *gap, *listed, f'{indent}"""']


def _wrapped(text: str, indent: str, *, hang: str = "") -> list[str]:
    # A quote is escaped if another follows, so that three never end the docstring. Words are not
    # broken, since this could break an escape.
    text = "".join(
        letter if letter.isprintable() and letter != "\\" else _escape(letter)
        for letter in " ".join(text.split())
    )
    return textwrap.wrap(
        re.sub('"(?=")', r'\\"', text),
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=_MAX_LINES,
    )


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _description(documented: _Documented) -> str:
    """Return the description, after a mark if the item is deprecated."""
    mark = "{DEPRECATED} " if documented.is_deprecated else ""
    return mark + documented.description

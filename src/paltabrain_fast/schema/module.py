"""Text of a generated package's ``__init__.py``: the enums, context and events that users call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from . import names
from .model import Enum, Group, Kind, Property, Schema

_HEADER: Final = '''\
"""PaltaBrain events, generated from a schema: regenerate it rather than edit it."""

from abc import ABC
from datetime import datetime
from decimal import Decimal
from typing import Any, Dict, List, Optional, Self

from {import_from} import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto

from .config_v2_pb2 import Context as ContextMessage
from .config_v2_pb2 import EventHeader as EventHeaderMessage
from .config_v2_pb2 import EventPayload as EventPayloadMessage

UNDEFINED: Any = BaseSentinel()
'''

_SERIALIZE_CONTEXT: Final = """\
    def serialize_context(self) -> bytes:
        message = ContextMessage()
        for group, properties in self._context.items():
            set_proto(getattr(message, group), properties)
        return message.SerializeToString(deterministic=True)
"""

_SERIALIZE_EVENT: Final = """\
    def serialize_header(self) -> bytes:
        if not self._header:
            return b""
        message = EventHeaderMessage()
        for group, properties in self._header.items():
            set_proto(getattr(message, group), properties)
        return message.SerializeToString()

    def serialize_payload(self) -> bytes:
        message = EventPayloadMessage()
        member = getattr(message, f"event_{self.event_type_id}")
        member.SetInParent()
        set_proto(member, self._payload)
        return message.SerializeToString()
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
    entries = [
        f":cvar {value.name}: {value.description}" for value in enum.values if value.description
    ]
    lines = _docstring(_summary(enum), entries, indent="    ")
    if lines:
        lines.append("")
    lines.append("    UNKNOWN = 0")
    lines += [f"    {value.name} = {value.id}" for value in enum.values]
    return _class(f"{names.enum_class(enum.name)}(BaseEnum)", ["\n".join(lines) + "\n"])


def _setters(attribute: str, groups: tuple[Group, ...]) -> Iterator[str]:
    for group in groups:
        properties = _properties_dict(group.properties, indent=" " * 16)
        lines = [
            *_signature(f"set_{group.field_name}", group.properties, "UNDEFINED", "Self"),
            *_docstring(_summary(group), _params(group.properties), indent=" " * 8),
            f'        self.{attribute}["{group.field_name}"].update(',
            "            BaseSentinel.filter(",
            f"                {properties}",
            "            )",
            "        )",
            "        return self",
        ]
        yield "\n".join(lines) + "\n"


def _event_class(event: Group) -> str:
    lines = _docstring(_summary(event), indent="    ")
    if lines:
        lines.append("")
    lines += [
        f"    event_type_id = {event.id}",
        "",
        *_signature("__init__", event.properties, "None", "None"),
        *_docstring(_summary(event), _params(event.properties), indent=" " * 8),
        "        super().__init__()",
    ]
    if event.properties:
        lines.append(f"        self._payload = {_properties_dict(event.properties, ' ' * 8)}")
    return _class(f"{names.event_class(event.name)}(Event)", ["\n".join(lines) + "\n"])


def _signature(
    function: str, properties: tuple[Property, ...], default: str, returns: str
) -> list[str]:
    if not properties:
        return [f"    def {function}(self) -> {returns}:"]
    return [
        f"    def {function}(",
        "        self,",
        "        *,",
        *(
            f"        {names.parameter_name(prop.name)}: {_annotation(prop)} = {default},"
            for prop in properties
        ),
        f"    ) -> {returns}:",
    ]


def _annotation(prop: Property) -> str:
    annotation = names.enum_class(prop.enum) if prop.enum else _TYPES[prop.kind]
    if prop.is_repeated:
        annotation = f"List[{annotation}]"
    elif prop.is_map:
        annotation = f"Dict[str, {annotation}]"
    return f"Optional[{annotation}]"


def _properties_dict(properties: tuple[Property, ...], indent: str) -> str:
    if not properties:
        return "{}"
    items = (
        f'{indent}    "{prop.name}": {names.parameter_name(prop.name)},\n' for prop in properties
    )
    return "{\n" + "".join(items) + indent + "}"


def _params(properties: tuple[Property, ...]) -> list[str]:
    return [f":param {names.parameter_name(prop.name)}: {_summary(prop)}" for prop in properties]


def _docstring(description: str, entries: Iterable[str] = (), *, indent: str) -> list[str]:
    """Lines of a docstring, none if there is nothing to say; whatever they say stays text."""
    entries = "\n".join(" ".join(entry.split()) for entry in entries)
    text = "\n\n".join(part for part in (description, entries) if part)
    text = "".join(
        letter if letter.isprintable() and letter != "\\" else _escape(letter) for letter in text
    )
    # A quote is safe with no other beside it, the delimiters of the docstring included.
    text = re.sub(r'\A"|"(?="|\Z)', r'\\"', text)
    if not text:
        return []
    if "\n" not in text:
        return [f'{indent}"""{text}"""']
    first, *rest = text.split("\n")
    return [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in rest), f'{indent}"""']


def _escape(letter: str) -> str:
    return "\n" if letter == "\n" else letter.encode("unicode_escape").decode("ascii")


def _summary(documented: Enum | Group | Property) -> str:
    """The description, lines stripped; a deprecation stands first."""
    lines = [line.strip() for line in documented.description.splitlines()]
    mark = ["{DEPRECATED}"] if documented.is_deprecated else []
    return " ".join([*mark, "\n".join(lines).strip()]).strip()

"""Derives the names in protobuf and Python from those in a schema, and lists reserved names."""

from __future__ import annotations

import keyword
import re
from typing import Final

IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
"""A name that a schema may use.

ASCII, since protobuf accepts no other characters. No leading underscore, since Python mangles or
reserves such names. At most 128 characters, since it becomes the name of a column.
"""

MESSAGE_ATTRIBUTES: Final = frozenset(
    {
        "ByteSize",
        "Clear",
        "ClearExtension",
        "ClearField",
        "CopyFrom",
        "DESCRIPTOR",
        "DiscardUnknownFields",
        "Extensions",
        "FindInitializationErrors",
        "FromString",
        "HasExtension",
        "HasField",
        "IsInitialized",
        "ListFields",
        "MergeFrom",
        "MergeFromString",
        "ParseFromString",
        "RegisterExtension",
        "SerializePartialToString",
        "SerializeToString",
        "SetInParent",
        "UnknownFields",
        "WhichOneof",
    }
)
"""Attributes of every protobuf message: a property of such a name would hide one."""

ENUM_ATTRIBUTES: Final = frozenset(
    {
        "as_integer_ratio",
        "bit_count",
        "bit_length",
        "conjugate",
        "denominator",
        "from_bytes",
        "imag",
        "is_integer",
        "mro",
        "name",
        "numerator",
        "real",
        "to_bytes",
        "value",
    }
)
"""Attributes of every ``IntEnum`` member: a value of such a name would hide one."""

_NEEDED_BY_METHODS: Final = frozenset({"self", "super", "BaseSentinel"})
"""Names that generated methods use: a parameter of such a name would hide one."""

GENERATED_EVENT_CLASSES: Final = frozenset({"EventHeaderMessage", "EventPayloadMessage"})
"""Names in the generated module that the class of an event must not take."""


def check_module_name(name: str) -> None:
    """Raise a ``ValueError`` unless a package of this name can be imported."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(
            f"the directory's name becomes the module's name, and {name!r} cannot be imported:"
            " choose one of letters, digits and underscores, with no digit first"
            + (", and no keyword of Python" if keyword.iskeyword(name) else "")
        )


def context_message(group: str) -> str:
    """Return the message of a context group, e.g. ``ContextApplication``."""
    return f"Context{group}"


def header_message(group: str) -> str:
    """Return the message of a header group, e.g. ``EventHeaderParent``."""
    return f"EventHeader{group}"


def payload_message(event: str) -> str:
    """Return the message of an event, e.g. ``EventPayloadPageOpen``."""
    return f"EventPayload{event}"


def payload_field(event_id: int) -> str:
    """Return the field of ``EventPayload`` for an event, e.g. ``event_12``."""
    return f"event_{event_id}"


def enum_class(enum: str) -> str:
    """Return the Python class of an enum, e.g. ``EnumTheme``."""
    return f"Enum{enum}"


def event_class(event: str) -> str:
    """Return the Python class of an event, e.g. ``EventPageOpen``."""
    return f"Event{event}"


def parameter_name(property_name: str) -> str:
    """Return the parameter for a property: its name, with ``_`` after a name that is reserved."""
    if keyword.iskeyword(property_name) or property_name in _NEEDED_BY_METHODS:
        return property_name + "_"
    return property_name


def field_number_constant(field: str) -> str:
    """Return the class attribute in which protobuf keeps a field's number."""
    return f"{field.upper()}_FIELD_NUMBER"


def json_name(field: str) -> str:
    """Return the field's name in protobuf's JSON format; a message must not have it twice."""
    return re.sub(r"_+(.?)", lambda match: match[1].upper(), field)


def map_entry_name(field: str) -> str:
    """Return the message that protobuf nests for a map: ``page_views`` → ``PageViewsEntry``."""
    camel = json_name(field)
    return camel[:1].upper() + camel[1:] + "Entry"

"""The names that a schema's names become in protobuf and Python, and those that cannot be used."""

from __future__ import annotations

import keyword
import re
from typing import Final

IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
"""A name in a schema: ASCII, since protobuf takes no other; no leading underscore, since Python
mangles or reserves those; bounded, since it becomes a column of a warehouse."""

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
"""What every protobuf message has: a property of such a name would hide it."""

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
"""What every ``IntEnum`` has: a value of such a name would hide it."""

_NEEDED_BY_METHODS: Final = frozenset({"self", "super", "BaseSentinel"})

GENERATED_EVENT_CLASSES: Final = frozenset({"EventHeaderMessage", "EventPayloadMessage"})
"""Names of the generated module that the class of an event could take."""


def check_module_name(name: str) -> None:
    """Raise a ``ValueError`` unless a package of this name can be imported."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(
            f"the directory's name is the module's, and {name!r} cannot be imported: choose one of"
            " letters, digits and underscores, with no digit first"
            + (", and no keyword of Python" if keyword.iskeyword(name) else "")
        )


def context_message(group: str) -> str:
    """Name of the message, e.g. ``ContextApplication``."""
    return f"Context{group}"


def header_message(group: str) -> str:
    """Name of the message, e.g. ``EventHeaderParent``."""
    return f"EventHeader{group}"


def payload_message(event: str) -> str:
    """Name of the message, e.g. ``EventPayloadPageOpen``."""
    return f"EventPayload{event}"


def payload_field(event_id: int) -> str:
    """Field of the message ``EventPayload``, e.g. ``event_12``."""
    return f"event_{event_id}"


def enum_class(enum: str) -> str:
    """Name of the Python class, e.g. ``EnumTheme``."""
    return f"Enum{enum}"


def event_class(event: str) -> str:
    """Name of the Python class, e.g. ``EventPageOpen``."""
    return f"Event{event}"


def parameter_name(property_name: str) -> str:
    """The property's name as a parameter: with ``_`` behind what a method cannot be passed."""
    if keyword.iskeyword(property_name) or property_name in _NEEDED_BY_METHODS:
        return property_name + "_"
    return property_name


def field_number_constant(field: str) -> str:
    """The class attribute that holds a field's number, as protobuf names it."""
    return f"{field.upper()}_FIELD_NUMBER"


def json_name(field: str) -> str:
    """The field's name in protobuf's JSON format; two fields of a message must differ in it."""
    return re.sub(r"_+(.?)", lambda match: match[1].upper(), field)


def map_entry_name(field: str) -> str:
    """The message that protobuf nests for a map field: ``page_views`` → ``PageViewsEntry``."""
    camel = json_name(field)
    return camel[:1].upper() + camel[1:] + "Entry"

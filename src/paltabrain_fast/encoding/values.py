"""Converts the values of properties to what the wire carries: ``set_proto`` and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

__all__ = ["set_proto", "transform_proto_val"]

_EPOCH_NAIVE: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)


def set_proto(message: Message, properties: Mapping[str, Any]) -> None:
    """Set properties on a protobuf message; the generated ``serialize_*`` methods call it.

    - ``None`` is skipped.
    - A ``dict`` fills a map field key by key.
    - A ``list`` is appended to a repeated field element by element. So an empty list sets nothing,
      and leaves the message absent from the message around it.
    - Any other value is assigned.

    Values and elements are converted by ``transform_proto_val()``.

    Args:
        message: the message of an event or a group, which is named after it.
        properties: values by name of the field.

    Raises:
        AttributeError: the message has no such field, or the field is no array or map.
        TypeError: a value has the wrong type.
        ValueError: an integer exceeds 64 bits, or a string is not valid Unicode.

    The text of each error names the message, the field and its type, and the type of the value.
    """
    for name, value in properties.items():
        if value is None:
            continue
        try:
            if isinstance(value, dict):
                field = getattr(message, name)
                for key, element in value.items():
                    field[key] = _wire_value(element)
            elif isinstance(value, list):
                field = getattr(message, name)
                for element in value:
                    field.append(_wire_value(element))
            else:
                setattr(message, name, _wire_value(value))
        except (AttributeError, TypeError, ValueError) as error:
            what = f"{message.DESCRIPTOR.name}.{name} {_mismatch(message, name, value)}"
            if type(error) not in (AttributeError, TypeError, ValueError):
                error.add_note(what)  # its constructor may take other arguments
                raise
            raise type(error)(f"{what}: {error}") from error


def _mismatch(message: Message, name: str, value: Any) -> str:
    field = message.DESCRIPTOR.fields_by_name.get(name)
    given = type(value).__name__
    if type(value) in (list, dict):  # a subclass may raise when it is iterated
        elements = value.values() if isinstance(value, dict) else value
        given += f" of {', '.join(sorted({type(element).__name__ for element in elements}))}"
    given = f"{'an' if given[0] in 'aeiouAEIOU' else 'a'} {given}"
    if field is None:
        return f"does not exist, and was given {given}"
    return f"is a {_type_name(field)}, and was given {given}"


def _type_name(field: Any) -> str:
    """Return the type of a ``FieldDescriptor`` as a ``.proto`` file writes it."""
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return f"map<string, {_type_name(entry.fields_by_name['value'])}>"
    name: str = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    if hasattr(field, "is_repeated"):  # from protobuf 6 on
        repeated = field.is_repeated
    else:
        repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    return f"repeated {name}" if repeated else name


def transform_proto_val(value: Any) -> Any:
    """Convert the value of a property, or an element of an array or a map, for its protobuf field.

    - A ``Decimal`` becomes its text.
    - An ``IntEnum`` member becomes its integer value.
    - A ``datetime`` becomes Unix milliseconds, truncated toward zero. A naive one is taken as UTC.

    Any other value is returned as it is.
    """
    return _wire_value(value)


def _wire_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, IntEnum):
        return value.value
    if isinstance(value, datetime):
        return _unix_ms(value)
    return value


def _unix_ms(value: datetime) -> int:
    """Return Unix milliseconds, truncated toward zero; a naive datetime is taken as UTC."""
    epoch = _EPOCH_NAIVE if value.utcoffset() is None else _EPOCH_UTC
    if epoch is _EPOCH_NAIVE:
        value = value.replace(tzinfo=None)
    delta = value - epoch
    microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    return microseconds // 1000 if microseconds >= 0 else -(-microseconds // 1000)

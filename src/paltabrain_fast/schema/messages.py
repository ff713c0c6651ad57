"""Writes the text of a generated package's ``config_v2_pb2.py``, and of its stub."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Final

from . import names
from .descriptor import FILE_NAME, file_descriptor
from .model import Group, Kind, Property, Schema

_MODULE: Final = '''\
"""Protobuf messages of the events, generated from a schema: regenerate it rather than edit it.

They are registered in a descriptor pool of their own, so that several such modules can live in one
process. Loads on protobuf 3.15 and later.
"""

from google.protobuf import descriptor_pool, message_factory

_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(
{serialized}
)
DESCRIPTOR = _pool.FindFileByName("{file_name}")

if hasattr(message_factory, "GetMessageClass"):
    _message_class = message_factory.GetMessageClass
else:  # protobuf before 4.22
    _message_class = getattr(message_factory.MessageFactory(_pool), "GetPrototype")

for _name, _descriptor in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = _message_class(_descriptor)
    globals()[_name].__module__ = __name__
'''

_STUB: Final = """\
from builtins import bool as _bool
from builtins import int as _int
from builtins import str as _str
from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Mapping
from typing import Any as _Any
from typing import ClassVar as _ClassVar
from typing import Optional as _Optional

from google.protobuf.descriptor import FileDescriptor as _FileDescriptor
from google.protobuf.internal.containers import RepeatedScalarFieldContainer as _Repeated
from google.protobuf.internal.containers import ScalarMap as _Map
from google.protobuf.message import Message as _Message

DESCRIPTOR: _FileDescriptor
"""

_TYPES: Final = {
    Kind.BOOLEAN: "_bool",
    Kind.DECIMAL: "_str",
    Kind.ENUM: "_int",
    Kind.INTEGER: "_int",
    Kind.STRING: "_str",
    Kind.TIMESTAMP: "_int",
}

_BYTES_PER_LINE: Final = 20


def messages_text(schema: Schema) -> str:
    """Return the source of ``config_v2_pb2.py``."""
    data = file_descriptor(schema).SerializeToString(deterministic=True)
    lines = (
        data[start : start + _BYTES_PER_LINE] for start in range(0, len(data), _BYTES_PER_LINE)
    )
    serialized = "\n".join(f'    b"{_escaped(line)}"' for line in lines)
    return _MODULE.format(serialized=serialized, file_name=FILE_NAME)


def _escaped(data: bytes) -> str:
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}"
        for byte in data
    )


def stub_text(schema: Schema) -> str:
    """Return the source of ``config_v2_pb2.pyi``."""
    context = [(group, names.context_message(group.name)) for group in schema.context]
    header = [(group, names.header_message(group.name)) for group in schema.header]
    payload = [(event, names.payload_message(event.name)) for event in schema.events]
    messages = [
        *(_message(name, map(_property_field, group.properties)) for group, name in context),
        _message("Context", _group_fields(context)),
        *(_message(name, map(_property_field, group.properties)) for group, name in header),
        _message("EventHeader", _group_fields(header)),
        *(_message(name, map(_property_field, event.properties)) for event, name in payload),
        _message(
            "EventPayload",
            [(names.payload_field(event.id), name, name) for event, name in payload],
        ),
    ]
    return "\n".join([_STUB, *messages])


_Field = tuple[str, str, str]
"""Name of a field, type of the attribute, type of the constructor's parameter."""


def _group_fields(groups: Iterable[tuple[Group, str]]) -> list[_Field]:
    return [(group.field_name, message, message) for group, message in groups]


def _property_field(prop: Property) -> _Field:
    element = _TYPES[prop.kind]
    if prop.is_repeated:
        return prop.name, f"_Repeated[{element}]", f"_Iterable[{element}]"
    if prop.is_map:
        return prop.name, f"_Map[_str, {element}]", f"_Mapping[_str, {element}]"
    return prop.name, element, element


def _message(name: str, fields: Iterable[_Field]) -> str:
    fields = list(fields)
    if not fields:
        return f"class {name}(_Message):\n    def __init__(self) -> None: ...\n"
    # A field named like a keyword of Python is reached by getattr() and ** only.
    attributes = [field for field in fields if not keyword.iskeyword(field[0])]
    parameters = [field for field in attributes if field[0] != "self"]
    lines = [
        f"class {name}(_Message):",
        *(f"    {names.field_number_constant(field)}: _ClassVar[_int]" for field, _, _ in fields),
        *(f"    {field}: {read_as}" for field, read_as, _ in attributes),
        "    def __init__(",
        "        self,",
    ]
    if parameters:
        lines.append("        *,")
        lines += [f"        {field}: _Optional[{source}] = ...," for field, _, source in parameters]
    if len(parameters) < len(fields):
        lines.append("        **_others: _Any,")
    return "\n".join([*lines, "    ) -> None: ..."]) + "\n"

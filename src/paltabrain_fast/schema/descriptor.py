"""Makes the protobuf descriptors of a schema, and message classes from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from . import names
from .model import Kind, Property, Schema

FILE_NAME: Final = "config_v2.proto"
PACKAGE: Final = "paltabrain.event_schema.v2"

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES: Final = {
    Kind.BOOLEAN: _Field.TYPE_BOOL,
    Kind.DECIMAL: _Field.TYPE_STRING,
    Kind.ENUM: _Field.TYPE_SINT64,
    Kind.INTEGER: _Field.TYPE_SINT64,
    Kind.STRING: _Field.TYPE_STRING,
    Kind.TIMESTAMP: _Field.TYPE_SINT64,
}


@dataclass(frozen=True, slots=True)
class MessageClasses:
    """The three messages that carry an event: ``Context``, ``EventHeader`` and ``EventPayload``."""

    context: type[Message]
    header: type[Message]
    payload: type[Message]


def message_classes(schema: Schema) -> MessageClasses:
    """Make the message classes of a schema, in a descriptor pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file_descriptor(schema).SerializeToString())
    context, header, payload = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in ("Context", "EventHeader", "EventPayload")
    )
    return MessageClasses(context, header, payload)


def file_descriptor(schema: Schema) -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of ``config_v2.proto``, as protoc would make it."""
    file = descriptor_pb2.FileDescriptorProto(name=FILE_NAME, package=PACKAGE, syntax="proto3")
    for group in schema.context:
        _add_message(file, names.context_message(group.name), group.properties)
    context = file.message_type.add(name="Context")
    for group in schema.context:
        _add_submessage(context, group.field_name, group.id, names.context_message(group.name))

    for group in schema.header:
        _add_message(file, names.header_message(group.name), group.properties)
    header = file.message_type.add(name="EventHeader")
    for group in schema.header:
        _add_submessage(header, group.field_name, group.id, names.header_message(group.name))

    for event in schema.events:
        _add_message(file, names.payload_message(event.name), event.properties)
    payload = file.message_type.add(name="EventPayload")
    if schema.events:  # protobuf rejects a oneof without fields
        payload.oneof_decl.add(name="event_type")
    for event in schema.events:
        field = _add_submessage(
            payload, names.payload_field(event.id), event.id, names.payload_message(event.name)
        )
        field.oneof_index = 0
    return file


def _add_submessage(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, message_name: str
) -> descriptor_pb2.FieldDescriptorProto:
    return message.field.add(
        name=name,
        number=number,
        label=_Field.LABEL_OPTIONAL,
        type=_Field.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.{message_name}",
    )


def _add_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, properties: tuple[Property, ...]
) -> None:
    message = file.message_type.add(name=name)
    for prop in properties:
        field = message.field.add(name=prop.name, number=prop.id, type=_TYPES[prop.kind])
        if prop.is_repeated:
            field.label = _Field.LABEL_REPEATED
        elif prop.is_map:
            entry = _add_map_entry(message, prop)
            field.label = _Field.LABEL_REPEATED
            field.type = _Field.TYPE_MESSAGE
            field.type_name = f".{PACKAGE}.{name}.{entry}"
        else:
            # Explicit presence: in a descriptor it takes a oneof with this one field.
            field.label = _Field.LABEL_OPTIONAL
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{prop.name}")


def _add_map_entry(message: descriptor_pb2.DescriptorProto, prop: Property) -> str:
    entry = message.nested_type.add(name=names.map_entry_name(prop.name))
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_STRING)
    entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL, type=_TYPES[prop.kind])
    return entry.name

"""Messages of the PaltaBrain protocol: ``Batch``, ``Event`` and their parts.

They are registered in a descriptor pool of their own. So another package, such as
``paltabrain_sdk``, can register messages of the same names in the same process.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "paltabrain.event_schema.sdk"

# message -> (field, number, type); "?" marks explicit presence, "*" a repeated field
_MESSAGES: dict[str, list[tuple[str, int, str]]] = {
    "EventCommon": [
        ("event_ts", 1, "sint64"),
        ("session_id", 2, "sint64?"),
        ("session_event_seq_num", 3, "sint64?"),
    ],
    "Event": [
        ("common", 1, "EventCommon"),
        ("header", 2, "bytes"),
        ("payload", 3, "bytes"),
    ],
    "BatchCommon": [
        ("instance_id", 1, "string"),
        ("batch_id", 2, "string"),
        ("country_code", 3, "string?"),
        ("locale", 4, "string?"),
        ("utc_offset", 5, "sint64?"),
    ],
    "BatchTelemetry": [
        ("events_dropped", 1, "sint64?"),
        ("prev_connection_speed", 2, "string?"),
        ("prev_request_time", 3, "sint64?"),
        ("events_reporting_speed", 4, "string?"),
        ("serialization_errors", 5, "string*"),
        ("storage_errors", 6, "string*"),
        ("storage_used", 7, "string?"),
        ("trigger_type", 8, "string?"),
        ("time_since_last_batch", 9, "sint64?"),
    ],
    "Batch": [
        ("common", 1, "BatchCommon"),
        ("context", 2, "bytes"),
        ("events", 3, "Event*"),
        ("telemetry", 4, "BatchTelemetry"),
    ],
}
_SCALARS = {"sint64": _Field.TYPE_SINT64, "string": _Field.TYPE_STRING, "bytes": _Field.TYPE_BYTES}


def _file_descriptor() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sdk.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, number, spec in fields:
            type_name = spec.rstrip("?*")
            field = message.field.add(name=name, number=number)
            field.label = _Field.LABEL_REPEATED if spec.endswith("*") else _Field.LABEL_OPTIONAL
            if type_name in _SCALARS:
                field.type = _SCALARS[type_name]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{type_name}"
            if spec.endswith("?"):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(_file_descriptor().SerializeToString())
DESCRIPTOR = _pool.FindFileByName("sdk.proto")

EventCommon, Event, BatchCommon, BatchTelemetry, Batch = (
    message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name[name]) for name in _MESSAGES
)
for _message_class in (EventCommon, Event, BatchCommon, BatchTelemetry, Batch):
    _message_class.__module__ = __name__

"""Encoding plans, made from the descriptors that a generated module carries."""

from sys import intern
from weakref import WeakKeyDictionary

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from cpython.mem cimport PyMem_Calloc, PyMem_Free

from . cimport pbf

cdef dict KINDS = {
    FieldDescriptorProto.TYPE_BOOL: BOOL,
    FieldDescriptorProto.TYPE_SINT64: SINT64,
    FieldDescriptorProto.TYPE_STRING: STRING,
}
cdef object plans = WeakKeyDictionary()  # by message class


cdef class MessagePlan:
    """How a dict of properties, or of groups, becomes a message.

    Fields that no generator emits today are known, but their values are left to protobuf.
    """

    def __cinit__(self, message, bint of_groups):
        cdef Field *field
        descriptor = message.DESCRIPTOR
        file = FileDescriptorProto()
        descriptor.file.CopyToProto(file)
        definition = definition_of(descriptor)
        known = file.syntax == "proto3"

        self.kept = []
        self.index = {}
        self.count = len(definition.field)
        if self.count > MAX_FIELDS:
            raise ValueError(f"{descriptor.full_name} has more than {MAX_FIELDS} fields")
        self.fields = <Field *>PyMem_Calloc(self.count + 1, sizeof(Field))
        self.guesses = <uint16_t *>PyMem_Calloc(self.count + 1, sizeof(uint16_t))
        if self.fields == NULL or self.guesses == NULL:
            raise MemoryError
        for number, item in enumerate(sorted(definition.field, key=lambda item: item.number)):
            key = intern(item.name)
            self.kept.append(key)
            self.index[key] = number
            self.guesses[number] = number
            field = &self.fields[number]
            field.key = <PyObject *>key
            if known:
                describe(field, self.kept, item, descriptor.fields_by_name[key], of_groups)
        self.empty_list_marks = marks_when_empty(message)

    def __dealloc__(self):
        PyMem_Free(self.fields)
        PyMem_Free(self.guesses)


cdef object definition_of(descriptor):
    """What a message was defined by. Protobuf in pure Python copies nothing less than a file."""
    if descriptor.containing_type is not None:
        siblings = definition_of(descriptor.containing_type).nested_type
    else:
        file = FileDescriptorProto()
        descriptor.file.CopyToProto(file)
        siblings = file.message_type
    (definition,) = [item for item in siblings if item.name == descriptor.name]
    return definition


cdef int describe(Field *field, list kept, item, descriptor, bint of_groups) except -1:
    repeated = item.label == FieldDescriptorProto.LABEL_REPEATED
    entry = None

    field.shape = SCALAR
    if item.HasField("oneof_index") and not item.proto3_optional:
        return 0  # to set one member unsets another
    if item.type == FieldDescriptorProto.TYPE_MESSAGE:
        if of_groups and not repeated:
            plan = plan_of(message_factory.GetMessageClass(descriptor.message_type), False)
            kept.append(plan)
            field.group = <PyObject *>plan
            field.kind = GROUP
        elif not of_groups and descriptor.message_type.GetOptions().map_entry:
            entry = definition_of(descriptor.message_type)
            field.shape = MAP
            if entry.field[0].type == FieldDescriptorProto.TYPE_STRING:
                field.kind = KINDS.get(entry.field[1].type, UNSUPPORTED)
    elif not of_groups and (repeated or item.proto3_optional):  # others leave out their defaults
        field.kind = KINDS.get(item.type, UNSUPPORTED)
        if repeated:
            unpacked = item.options.HasField("packed") and not item.options.packed
            field.shape = REPEATED if unpacked or field.kind == STRING else PACKED
    is_varint = field.shape == SCALAR and field.kind in (BOOL, SINT64)
    is_varint = is_varint or (field.shape == REPEATED and field.kind != STRING)
    field.tag = pbf.pbf_tag(item.number, pbf.PBF_WIRE_VARINT if is_varint else pbf.PBF_WIRE_BYTES)
    return 0


cdef bint marks_when_empty(message) except -1:
    """Ask the installed protobuf whether extending a list by nothing makes its message present."""
    for descriptor in message.DESCRIPTOR.fields:
        inner = descriptor.message_type
        if inner is None or inner.GetOptions().map_entry:
            continue
        for item in definition_of(inner).field:
            if (
                item.label == FieldDescriptorProto.LABEL_REPEATED
                and item.type != FieldDescriptorProto.TYPE_MESSAGE
            ):
                probe = message()
                getattr(getattr(probe, descriptor.name), item.name).extend([])
                return probe.HasField(descriptor.name)
    return False


def plan_of(message, of_groups):
    """Return the plan of a message class, made at the first call."""
    plan = plans.get(message)
    if plan is None:
        plan = plans.setdefault(message, MessagePlan(message, of_groups))
    return plan

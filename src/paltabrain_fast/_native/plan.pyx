"""Makes encoding plans from the descriptors that a generated module carries."""

from collections import defaultdict
from operator import attrgetter
from sys import intern
from weakref import WeakKeyDictionary

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from cpython.mem cimport PyMem_Calloc, PyMem_Free

from . cimport pbf
from .python cimport MAX_FIELDS, pbf_share

cdef dict KINDS = {
    FieldDescriptor.TYPE_BOOL: BOOL,
    FieldDescriptor.TYPE_SINT64: SINT64,
    FieldDescriptor.TYPE_STRING: STRING,
}
cdef object A_FIELD = FieldDescriptorProto.DESCRIPTOR.fields[0]
cdef bint NEW_DESCRIPTORS = hasattr(A_FIELD, "is_repeated")
cdef bint TELL_OF_PACKING = hasattr(A_FIELD, "is_packed")
cdef bytes PROTO3 = b"b\x06proto3"  # a serialized file descriptor ends with the syntax
cdef object message_plans = WeakKeyDictionary()  # message class -> MessagePlan

DEFAULT_DICT = <PyTypeObject *>defaultdict


cdef class MessagePlan:
    """How a dict of properties, or of groups, becomes a message."""

    def __cinit__(self, message, bint of_groups):
        cdef Field *field
        descriptor = message.DESCRIPTOR

        pbf_share(self)  # as the plans of classes that it belongs to
        self.references = []
        self.places = {}
        self.of_groups = of_groups
        self.count = len(descriptor.fields)
        if self.count > MAX_FIELDS:
            raise ValueError(f"{descriptor.full_name} has more than {MAX_FIELDS} fields")
        self.fields = <Field *>PyMem_Calloc(self.count + 1, sizeof(Field))
        self.guesses = <uint16_t *>PyMem_Calloc(self.count + 1, sizeof(uint16_t))
        if self.fields == NULL or self.guesses == NULL:
            raise MemoryError
        for place, item in enumerate(sorted(descriptor.fields, key=number_of)):
            key = intern(item.name)
            self.references.append(key)
            self.places[key] = place
            self.guesses[place] = place
            field = &self.fields[place]
            field.key = <PyObject *>key
            describe(field, self.references, item, of_groups)

    def __dealloc__(self):
        PyMem_Free(self.fields)
        PyMem_Free(self.guesses)


cdef object number_of = attrgetter("number")


cdef int describe(Field *field, list references, item, bint of_groups) except -1:
    """Fill in how a field is encoded; what no generator emits stays UNSUPPORTED."""
    cdef bint repeated = is_repeated(item)
    inner = item.message_type

    field.shape = SCALAR
    if item.containing_oneof is not None and len(item.containing_oneof.fields) > 1:
        return 0  # setting one member of a oneof unsets another
    if inner is not None:
        if item.type != FieldDescriptor.TYPE_MESSAGE:
            return 0
        if of_groups and not repeated:
            plan = plan_of(message_factory.GetMessageClass(inner), False)
            references.append(plan)
            field.group = <PyObject *>plan
            field.kind = GROUP
        elif not of_groups and inner.has_options and inner.GetOptions().map_entry:
            field.shape = MAP
            if inner.fields_by_number[1].type == FieldDescriptor.TYPE_STRING:
                field.kind = KINDS.get(inner.fields_by_number[2].type, UNSUPPORTED)
    elif not of_groups and (repeated or is_optional(item)):
        field.kind = KINDS.get(item.type, UNSUPPORTED)
        if repeated:
            field.shape = PACKED if field.kind != STRING and is_packed(item) else REPEATED
    is_varint = field.shape == SCALAR and field.kind in (BOOL, SINT64)
    is_varint = is_varint or (field.shape == REPEATED and field.kind != STRING)
    field.tag = pbf.pbf_tag(item.number, pbf.PBF_WIRE_VARINT if is_varint else pbf.PBF_WIRE_BYTES)
    return 0


# Older versions of protobuf have other attributes for these.


cdef bint is_repeated(item) except -1:
    if NEW_DESCRIPTORS:
        return item.is_repeated
    return item.label == FieldDescriptor.LABEL_REPEATED


cdef bint is_optional(item) except -1:
    """Whether the field is left out exactly if it was not set."""
    if NEW_DESCRIPTORS:
        return item.has_presence and not item.is_required
    return item.has_presence and item.label == FieldDescriptor.LABEL_OPTIONAL


cdef bint is_packed(item) except -1:
    if TELL_OF_PACKING:
        return item.is_packed
    options = item.GetOptions()
    if options.HasField("packed"):
        return options.packed
    return item.file.serialized_pb.endswith(PROTO3)


def plan_of(message, of_groups):
    """Return the plan of a message class, made at the first call."""
    plan = message_plans.get(message)
    if plan is None:
        plan = message_plans.setdefault(message, MessagePlan(message, of_groups))
    return plan

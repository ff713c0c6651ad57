"""Encodes dicts of properties, as encoding plans say, to the bytes that protobuf would produce."""

from datetime import timezone
from decimal import Decimal

cimport cython
from cpython.dict cimport PyDict_CheckExact, PyDict_Items, PyDict_Next
from cpython.exc cimport PyErr_Clear, PyErr_ExceptionMatches
from cpython.list cimport PyList_CheckExact, PyList_GET_SIZE, PyList_Sort
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_TYPE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from .base cimport Key, Layout, TrackedDict, is_values, previous_of
from .plan cimport BOOL, GROUP, MAP, PACKED, SCALAR, SINT64, STRING, Field
from .python cimport (
    LAYOUT,
    PBF_FREE_THREADED,
    VALUES,
    PyBool_Type,
    PyLong_AsLongLongAndOverflow,
    PyLong_Check,
    PyLong_Type,
    PyObject_CallMethodNoArgs,
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_IS_COMPACT_ASCII,
    PyUnicode_IS_READY,
    PyUnicode_KIND,
    PyUnicode_Type,
    dict_size,
    pbf_datetime_type,
    pbf_hint,
    pbf_hint16,
    pbf_list_get,
    pbf_read_datetime,
    pbf_read_timedelta,
    pbf_set_hint,
    pbf_set_hint16,
    pbf_type_version,
)


cdef extern from *:
    """
    PBF_HOT(pbf_status, 6encode_encode_message);
    PBF_HOT(pbf_status, 6encode_write_group);
    PBF_APART(pbf_status, 6encode_write_list);
    PBF_APART(pbf_status, 6encode_write_map);
    PBF_APART(pbf_status, 6encode_write_wide_text);
    PBF_APART(pbf_status, 6encode_write_decimal);
    PBF_COLD(int, 6encode_find);
    """


cdef PyTypeObject *DATETIME = pbf_datetime_type()
cdef PyTypeObject *DECIMAL = <PyTypeObject *>Decimal
cdef object UTC = timezone.utc
cdef PyTypeObject *TIMEZONE = <PyTypeObject *>timezone
cdef str UTCOFFSET = "utcoffset"

# Tags of the fields of a map entry: the key, and the value as bytes or as a varint.
cdef enum:
    ENTRY_KEY = 0x0A
    ENTRY_VALUE_BYTES = 0x12
    ENTRY_VALUE_VARINT = 0x10


cdef pbf.pbf_status encode_message(
    MessagePlan plan, object properties, Encoding *encoding
) noexcept:
    """Write the fields of a message, without tag and length of its own.

    Gather the values first, then write them, from the highest field number down. Writing may run
    Python code, which may change the dict; by then the dict is not needed any more.
    """
    cdef Properties found
    cdef pbf.pbf_status status

    found.count = 0
    found.owned = False
    if is_values(properties):
        if plan.of_groups:
            status = gather_groups(plan, properties, &found)
        else:
            status = gather_values(plan, properties, &found)
    else:
        with cython.critical_section(properties):
            status = gather(plan, properties, &found)
    found.outer = encoding.innermost
    encoding.innermost = &found
    if status == pbf.PBF_OK:
        status = write(plan.fields, &found, encoding)
    encoding.innermost = found.outer
    if found.owned:
        disown(&found)
    return status


cdef inline pbf.pbf_status gather(MessagePlan plan, object properties, Properties *found) noexcept:
    """Find the properties of a dict that are not None, in the order of their field numbers."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t position = 0, left = dict_size(properties)
    cdef int place = 0, number

    if left > plan.count:
        return pbf.PBF_FALL_BACK
    while place < left and PyDict_Next(properties, &position, &key, &value):
        number = pbf_hint16(plan.guesses[place])
        if plan.fields[number].key != key:
            number = find(plan, key)
            if number < 0:
                return pbf.PBF_FALL_BACK
            pbf_set_hint16(plan.guesses[place], <uint16_t>number)
        place += 1
        if value == <PyObject *>None:
            if plan.fields[number].kind == GROUP:
                return pbf.PBF_FALL_BACK  # only a property can be None
            continue
        insert(found, number, value)
    if PBF_FREE_THREADED:
        own(found)
    return pbf.PBF_OK


cdef inline pbf.pbf_status gather_values(
    MessagePlan plan, object values, Properties *found
) noexcept:
    """Likewise, of a tuple, which stays as it is."""
    cdef PyObject *layout = PyTuple_GET_ITEM(values, LAYOUT)
    cdef Key *key = (<Layout>layout).keys
    cdef PyObject *value
    cdef Py_ssize_t place
    cdef int number

    if PyTuple_GET_SIZE(values) - VALUES > plan.count:
        return pbf.PBF_FALL_BACK
    for place in range(VALUES, PyTuple_GET_SIZE(values)):
        value = PyTuple_GET_ITEM(values, place)
        if value != <PyObject *>None and value != layout:
            number = field_of(plan, key.name, &key.field)
            if number < 0:
                return pbf.PBF_FALL_BACK
            insert(found, number, value)
        key += 1
    return pbf.PBF_OK


cdef inline pbf.pbf_status gather_groups(
    MessagePlan plan, object values, Properties *found
) noexcept:
    """Find the groups, each in a tuple that leads to the next, in the order of their numbers."""
    cdef PyObject *group = <PyObject *>values
    cdef Layout layout
    cdef int number

    while group != <PyObject *>None:
        layout = <Layout>PyTuple_GET_ITEM(<object>group, LAYOUT)
        number = field_of(plan, <PyObject *>layout.group, &layout.field)
        if number < 0 or plan.fields[number].kind != GROUP or found.count == plan.count:
            return pbf.PBF_FALL_BACK
        insert(found, number, group)
        group = previous_of(<object>group)
    return pbf.PBF_OK


cdef inline int field_of(MessagePlan plan, PyObject *name, uint16_t *hint) noexcept:
    """The number of a field, -1 if there is none; mostly it is the one that was found before."""
    cdef int number = pbf_hint16(hint[0])

    if number >= plan.count or plan.fields[number].key != name:
        number = find(plan, name)
        if number >= 0:
            pbf_set_hint16(hint[0], <uint16_t>number)
    return number


cdef inline void insert(Properties *found, int number, PyObject *value) noexcept:
    """Put a property where the numbers are in order: mostly behind the others."""
    cdef int slot = found.count

    while slot > 0 and found.items[slot - 1].number > number:
        found.items[slot] = found.items[slot - 1]
        slot -= 1
    found.items[slot].number = number
    found.items[slot].value = value
    found.count += 1


cdef void own(Properties *found) noexcept:
    """Take a reference to each value, which was borrowed from its dict."""
    cdef int place

    found.owned = True
    for place in range(found.count):
        Py_INCREF(<object>found.items[place].value)


cdef void disown(Properties *found) noexcept:
    cdef int place

    for place in range(found.count):
        Py_DECREF(<object>found.items[place].value)


cdef void expect_foreign_code(Encoding *encoding) noexcept:
    """Own the values that are only borrowed so far, since their dicts may change now.

    To be called before anything that runs Python code, or that allocates an object which the
    garbage collector tracks: a collection runs finalizers.
    """
    cdef Properties *found = encoding.innermost

    while found != NULL and not found.owned:
        own(found)
        found = found.outer


cdef int find(MessagePlan plan, PyObject *key) noexcept:
    """Where the field of a property stands in the plan; -1 if there is none."""
    if not PyUnicode_CheckExact(<object>key):
        return -1
    try:
        found = plan.places.get(<object>key)
        return -1 if found is None else found
    except Exception:
        return -1


cdef inline pbf.pbf_status write(Field *fields, Properties *found, Encoding *encoding) noexcept:
    cdef pbf.pbf_status status
    cdef Field *field
    cdef PyObject *value
    cdef int place = found.count
    cdef uint32_t types

    while place > 0:
        place -= 1
        field = &fields[found.items[place].number]
        value = found.items[place].value
        types = 0
        if field.shape == SCALAR:
            if field.kind == GROUP:
                status = write_group(field, <object>value, encoding)
            else:
                status = write_value(field, field.tag, value, encoding, &types)
        elif field.shape == MAP:
            status = write_map(field, <object>value, encoding, &types)
        else:
            status = write_list(field, <object>value, encoding, &types)
        if status != pbf.PBF_OK:
            return status
        if types & ~pbf_hint(field.verified_types):
            encoding.unverified = True
            if encoding.observations != NULL and encoding.observation_count < MAX_OBSERVATIONS:
                encoding.observations[encoding.observation_count] = Observation(
                    &field.verified_types, types
                )
                encoding.observation_count += 1
    return pbf.PBF_OK


cdef pbf.pbf_status write_group(Field *field, object properties, Encoding *encoding) noexcept:
    cdef size_t before = pbf.pbf_encoded_length(&encoding.out)
    cdef TrackedDict *tracked = NULL
    cdef const TrackedDict *kept = NULL
    cdef pbf.pbf_status status

    if not PyDict_CheckExact(properties) and not is_values(properties):
        return pbf.PBF_FALL_BACK
    if encoding.dicts != NULL:
        tracked = tracked_dict(<PyObject *>properties, encoding.dicts)
        if tracked != NULL:
            kept = kept_dict(field, tracked, encoding.dicts)
    if kept != NULL:
        status = pbf.pbf_encode_raw(
            &encoding.out, encoding.dicts.kept_end - kept.end - kept.length, kept.length
        )
    else:
        status = encode_message(<MessagePlan>field.group, properties, encoding)
        if status == pbf.PBF_OK and pbf.pbf_encoded_length(&encoding.out) != before:
            status = pbf.pbf_encode_prefix(&encoding.out, field.tag, before)
    if status == pbf.PBF_OK and tracked != NULL:
        tracked.field = field
        tracked.end = <uint32_t>before
        tracked.length = <uint32_t>(pbf.pbf_encoded_length(&encoding.out) - before)
    return status


cdef inline TrackedDict *tracked_dict(PyObject *group, Dicts *dicts) noexcept:
    cdef int number

    for number in range(1, dicts.count):
        if dicts.now[number].address == <void *>group:
            return &dicts.now[number]
    return NULL


cdef inline const TrackedDict *kept_dict(Field *field, TrackedDict *now, Dicts *dicts) noexcept:
    """The same group, unchanged since it was encoded for this field; NULL if there is none."""
    cdef const TrackedDict *kept
    cdef int number

    for number in range(1, dicts.kept_count):
        kept = &dicts.kept[number]
        if (
            kept.address == now.address
            and kept.version == now.version
            and kept.field == <const void *>field
        ):
            return kept
    return NULL


cdef pbf.pbf_status write_list(
    Field *field, object values, Encoding *encoding, uint32_t *types
) noexcept:
    cdef size_t before = pbf.pbf_encoded_length(&encoding.out)
    cdef uint64_t tag = 0 if field.shape == PACKED else field.tag
    cdef Py_ssize_t index
    cdef PyObject *item
    cdef pbf.pbf_status status

    if not PyList_CheckExact(values):
        return pbf.PBF_FALL_BACK
    encoding.cacheable = False
    index = PyList_GET_SIZE(values)
    if index == 0:
        types[0] = NOTHING
        return pbf.PBF_OK
    while index > 0:
        index -= 1
        item = pbf_list_get(<PyObject *>values, index)
        if item == NULL:
            return pbf.PBF_FALL_BACK  # the list has become shorter
        status = write_value(field, tag, item, encoding, types)
        if PBF_FREE_THREADED:
            Py_DECREF(<object>item)
        if status != pbf.PBF_OK:
            return status
    if field.shape == PACKED:
        return pbf.pbf_encode_prefix(&encoding.out, field.tag, before)
    return pbf.PBF_OK


cdef pbf.pbf_status write_map(
    Field *field, object values, Encoding *encoding, uint32_t *types
) noexcept:
    cdef pbf.pbf_status status
    cdef Py_ssize_t index
    cdef list items

    if not PyDict_CheckExact(values):
        return pbf.PBF_FALL_BACK
    encoding.cacheable = False
    expect_foreign_code(encoding)
    try:
        items = PyDict_Items(values)
        if encoding.deterministic and len(items) > 1:
            for key, _ in items:
                if not PyUnicode_CheckExact(key):
                    return pbf.PBF_FALL_BACK
            PyList_Sort(items)  # by code points, which is the order of their UTF-8
    except Exception:
        return pbf.PBF_FALL_BACK
    index = PyList_GET_SIZE(items)
    if index == 0:
        types[0] = NOTHING
    while index > 0:
        index -= 1
        status = write_entry(field, <tuple>items[index], encoding, types)
        if status != pbf.PBF_OK:
            return status
    return pbf.PBF_OK


cdef pbf.pbf_status write_entry(
    Field *field, tuple item, Encoding *encoding, uint32_t *types
) noexcept:
    cdef size_t before = pbf.pbf_encoded_length(&encoding.out)
    cdef uint64_t tag = ENTRY_VALUE_BYTES if field.kind == STRING else ENTRY_VALUE_VARINT
    cdef pbf.pbf_status status = write_value(field, tag, <PyObject *>item[1], encoding, types)

    if status == pbf.PBF_OK:
        if not PyUnicode_CheckExact(item[0]):
            return pbf.PBF_FALL_BACK
        status = write_text(ENTRY_KEY, <PyObject *>item[0], encoding)
    if status == pbf.PBF_OK:
        status = pbf.pbf_encode_prefix(&encoding.out, field.tag, before)
    return status


cdef inline pbf.pbf_status write_value(
    Field *field, uint64_t tag, PyObject *value, Encoding *encoding, uint32_t *types
) noexcept:
    """Write a value of a type that the field expects, then its tag, unless that is 0."""
    if field.kind == STRING and Py_TYPE(<object>value) == &PyUnicode_Type:
        types[0] |= A_STR
        return write_text(tag, value, encoding)
    return write_other(field, tag, value, encoding, types)


cdef pbf.pbf_status write_other(
    Field *field, uint64_t tag, PyObject *value, Encoding *encoding, uint32_t *types
) noexcept:
    cdef PyTypeObject *cls = Py_TYPE(<object>value)

    if field.kind == STRING:
        if cls == DECIMAL:
            types[0] |= A_DECIMAL
            return write_decimal(tag, value, encoding)
    elif field.kind == SINT64:
        if cls == &PyLong_Type:
            types[0] |= AN_INT
            return write_int(tag, value, encoding)
        if cls == DATETIME:
            return write_time(tag, <object>value, encoding, types)
        return write_enum(field, tag, <object>value, encoding, types)
    elif field.kind == BOOL and cls == &PyBool_Type:
        types[0] |= A_BOOL
        return write_varint(tag, 1 if <object>value is True else 0, encoding)
    return pbf.PBF_FALL_BACK


cdef inline pbf.pbf_status write_varint(uint64_t tag, uint64_t value, Encoding *encoding) noexcept:
    if tag == 0:
        return pbf.pbf_encode_varint(&encoding.out, value)
    return pbf.pbf_encode_varint_field(&encoding.out, tag, value)


cdef inline pbf.pbf_status write_text(uint64_t tag, PyObject *text, Encoding *encoding) noexcept:
    """Write a str as UTF-8, without the copy that the str would keep if it encoded itself."""
    if PyUnicode_IS_COMPACT_ASCII(text):
        return pbf.pbf_encode_bytes_field(
            &encoding.out, tag, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text)
        )
    return write_wide_text(tag, text, encoding)


cdef pbf.pbf_status write_wide_text(uint64_t tag, PyObject *text, Encoding *encoding) noexcept:
    cdef size_t before = pbf.pbf_encoded_length(&encoding.out)
    cdef size_t length
    cdef void *data
    cdef int kind
    cdef pbf.pbf_status status

    if not PyUnicode_IS_READY(text):
        return pbf.PBF_FALL_BACK
    length = PyUnicode_GET_LENGTH(text)
    data = PyUnicode_DATA(text)
    kind = PyUnicode_KIND(text)
    if kind == 1:
        status = pbf.pbf_encode_latin1(&encoding.out, <uint8_t *>data, length)
    elif kind == 2:
        status = pbf.pbf_encode_ucs2(&encoding.out, <uint16_t *>data, length)
    else:
        status = pbf.pbf_encode_ucs4(&encoding.out, <uint32_t *>data, length)
    if status == pbf.PBF_OK:
        status = pbf.pbf_encode_prefix(&encoding.out, tag, before)
    return status


cdef pbf.pbf_status write_decimal(uint64_t tag, PyObject *value, Encoding *encoding) noexcept:
    cdef object kept = <object>value  # Python code may remove it from its list
    cdef object text

    expect_foreign_code(encoding)  # the first Decimal of a thread makes its decimal context
    try:
        text = DECIMAL.tp_str(kept)  # str() would run pending signal handlers as well
    except Exception:
        return pbf.PBF_FALL_BACK
    if encoding.deterministic and ("E" in text or "e" in text):
        encoding.cacheable = False  # the thread's decimal context chooses between E and e
    return write_text(tag, <PyObject *>text, encoding)


cdef pbf.pbf_status write_int(uint64_t tag, PyObject *value, Encoding *encoding) noexcept:
    cdef int overflow
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)

    if overflow:
        return pbf.PBF_FALL_BACK
    return write_varint(tag, pbf.pbf_zigzag(number), encoding)


cdef pbf.pbf_status write_time(
    uint64_t tag, object value, Encoding *encoding, uint32_t *types
) noexcept:
    cdef pbf.pbf_wall_clock clock
    cdef object kept = value  # Python code may remove it from its list
    cdef int64_t offset_us = 0
    cdef PyObject *zone = pbf_read_datetime(value, &clock)
    cdef PyObject *offset
    cdef bint is_offset

    if zone == <PyObject *>None:
        types[0] |= A_NAIVE_TIME
    else:
        types[0] |= AN_AWARE_TIME
        if zone != <PyObject *>UTC:
            encoding.cacheable = encoding.cacheable and Py_TYPE(<object>zone) == TIMEZONE
            expect_foreign_code(encoding)
            offset = PyObject_CallMethodNoArgs(<PyObject *>kept, <PyObject *>UTCOFFSET)
            if offset == NULL:
                if not PyErr_ExceptionMatches(Exception):
                    return pbf.PBF_INTERRUPTED
                PyErr_Clear()
                return pbf.PBF_FALL_BACK
            is_offset = pbf_read_timedelta(<object>offset, &offset_us)
            Py_DECREF(<object>offset)
            if not is_offset:
                return pbf.PBF_FALL_BACK
    return write_varint(
        tag, pbf.pbf_zigzag(pbf.pbf_wall_clock_ms(&clock, offset_us)), encoding
    )


cdef pbf.pbf_status write_enum(
    Field *field, uint64_t tag, object value, Encoding *encoding, uint32_t *types
) noexcept:
    cdef object kept = value  # Python code may remove it from its list

    if not is_enum(field, <PyObject *>kept, encoding):
        return pbf.PBF_FALL_BACK
    types[0] |= AN_ENUM
    return write_int(tag, <PyObject *>kept, encoding)


cdef bint is_enum(Field *field, PyObject *value, Encoding *encoding) noexcept:
    """Whether this is a member of an ``IntEnum`` whose members are their values."""
    cdef PyTypeObject *cls = Py_TYPE(<object>value)
    cdef uint32_t version = pbf_type_version(cls)

    if version != 0 and version == pbf_hint(field.enum_version):
        return True
    if not PyLong_Check(value):
        return False
    expect_foreign_code(encoding)
    try:
        from ..encoding.recognition import is_plain_enum  # which a plan has imported

        if not is_plain_enum(<object>cls):
            return False
    except Exception:
        return False
    pbf_set_hint(field.enum_version, version)
    return True

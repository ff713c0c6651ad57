"""The native base classes of events, contexts and sentinels."""

from collections import defaultdict
from sys import intern

cimport cython
from cpython.dict cimport PyDict_SetItem
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport uint16_t

from .python cimport (
    PBF_FREE_THREADED,
    VALUES,
    pbf_clear_extras,
    pbf_set_hint,
    pbf_set_lazy_dict,
    pbf_share,
)


cdef extern from *:
    """
    PBF_PLACED(PyObject *, __pyx_tp_new_15paltabrain_fast_7_native_4base_EventBase, hot);
    PBF_PLACED(void, __pyx_tp_dealloc_15paltabrain_fast_7_native_4base_EventBase, hot);
    """


cdef object with_attributes(instance, dict own):
    """The state to be pickled: ``own``, and what is in the instance's ``__dict__`` and slots."""
    state = object.__getstate__(instance)
    attributes, slots = state if type(state) is tuple else (state, None)
    attributes = {**(attributes or {}), **own}
    return attributes if slots is None else (attributes, slots)


cdef int set_attributes(instance, state) except -1:
    """Restore what ``with_attributes`` returned."""
    for attributes in state if type(state) is tuple else (state,):
        for name, value in (attributes or {}).items():
            setattr(instance, name, value)
    return 0


@cython.final
cdef class Layout:
    def __cinit__(self, str group, dict keys):
        """Take the group, if it is no payload, and the key of each parameter."""
        cdef int place

        self.group = None if group is None else intern(group)
        self.parameters = tuple(map(intern, keys))
        self.names = tuple(map(intern, keys.values()))
        self.count = len(self.names)
        self.keys = <Key *>PyMem_Calloc(self.count + 1, sizeof(Key))
        if self.keys == NULL:
            raise MemoryError
        for place in range(self.count):
            self.keys[place].parameter = PyTuple_GET_ITEM(self.parameters, place)
            self.keys[place].name = PyTuple_GET_ITEM(self.names, place)
            self.keys[place].field = <uint16_t>place
        pbf_share(self)  # the properties of each event refer to it

    def __dealloc__(self):
        PyMem_Free(self.keys)


cdef int put_values(object properties, object values) except -1:
    """Put the values that were given into a dict."""
    cdef Layout layout = layout_of(values)
    cdef PyObject *value
    cdef int place

    for place in range(layout.count):
        value = PyTuple_GET_ITEM(values, VALUES + place)
        if value != <PyObject *>layout:
            PyDict_SetItem(properties, <object>layout.keys[place].name, <object>value)
    return 0


cdef dict dict_of(object values):
    """The properties that are kept in a tuple."""
    properties = {}
    put_values(properties, values)
    return properties


cdef object groups_from(object values):
    """The groups that were set, in the order in which they were."""
    groups = defaultdict(dict)
    chain = []
    while values is not None:
        chain.append(values)
        values = <object>previous_of(values)
    for values in reversed(chain):
        groups[layout_of(values).group] = dict_of(values)
    return groups


cdef object header_of(EventBase event):
    """The groups of a header; from now on as Python code is to see them."""
    with cython.critical_section(event):
        header = event.header
        if header is None or is_values(header):
            groups = groups_from(header)
            if event.header is header:  # or else a finalizer that ran meanwhile has asked as well
                event.header = groups
        return event.header


cdef class EventBase:
    """Holds an event's header and payload; ``BaseEvent`` has the rest."""

    def __cinit__(self):
        pbf_clear_extras(self)

    def __init__(self):
        with cython.critical_section(self):
            self.header = None
            self.payload = None

    @property
    def _header(self):
        """Header properties by group."""
        return header_of(self)

    @_header.setter
    def _header(self, value):
        with cython.critical_section(self):
            self.header = value

    @property
    def _payload(self):
        """Properties of the event itself."""
        with cython.critical_section(self):
            payload = self.payload
            if payload is None or is_values(payload):
                properties = {} if payload is None else dict_of(payload)
                if self.payload is payload:  # as in header_of()
                    self.payload = properties
            return self.payload

    @_payload.setter
    def _payload(self, value):
        with cython.critical_section(self):
            self.payload = value

    def __reduce_ex__(self, protocol):
        return object.__reduce_ex__(self, max(protocol, 2))

    def __getstate__(self):
        return with_attributes(self, {"_header": self._header, "_payload": self._payload})

    def __setstate__(self, state):
        set_attributes(self, state)


cdef class ContextBase:
    """Holds a context's groups; ``BaseContext`` has the rest."""

    def __cinit__(self):
        pbf_clear_extras(self)

    def __init__(self):
        with cython.critical_section(self):
            replace_groups(self, None)

    @property
    def _context(self):
        """Context properties by group."""
        return groups_of(self)

    @_context.setter
    def _context(self, value):
        with cython.critical_section(self):
            replace_groups(self, value)

    def __reduce_ex__(self, protocol):
        return object.__reduce_ex__(self, max(protocol, 2))

    def __getstate__(self):
        return with_attributes(self, {"_context": self._context})

    def __setstate__(self, state):
        set_attributes(self, state)


cdef inline void replace_groups(ContextBase context, groups) noexcept:
    """Assign other groups, or none. The context must be locked."""
    context.groups = groups
    context.tracked_count = 0
    if PBF_FREE_THREADED:
        pbf_set_hint(context.groups_version, context.groups_version + 1)


cdef object groups_of(ContextBase context):
    """The groups of a context, made if there are none yet."""
    with cython.critical_section(context):
        if context.groups is None:
            context.groups = defaultdict(dict)
        return context.groups


cdef class Sentinel:
    """Native base of ``BaseSentinel``."""

    @staticmethod
    def filter(properties):
        """Return the properties that were given, ``None`` included."""
        return {
            name: value for name, value in properties.items() if not isinstance(value, Sentinel)
        }


pbf_set_lazy_dict(<PyTypeObject *>EventBase)
pbf_set_lazy_dict(<PyTypeObject *>ContextBase)

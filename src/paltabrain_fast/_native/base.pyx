"""The native base classes of events, contexts and sentinels."""

from collections import defaultdict

cimport cython
from cpython.object cimport PyTypeObject

from .python cimport PBF_FREE_THREADED, pbf_clear_extras, pbf_set_hint, pbf_set_lazy_dict


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
        with cython.critical_section(self):
            if self.header is None:
                self.header = defaultdict(dict)
            elif self.header_is_plain:
                self.header = defaultdict(dict, self.header)
            self.header_is_plain = False
            return self.header

    @_header.setter
    def _header(self, value):
        with cython.critical_section(self):
            self.header = value
            self.header_is_plain = False

    @property
    def _payload(self):
        """Properties of the event itself."""
        with cython.critical_section(self):
            if self.payload is None:
                self.payload = {}
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

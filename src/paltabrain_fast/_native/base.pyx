"""The native bases of events and contexts, and what a generated module's setters come down to."""

from collections import defaultdict
from inspect import signature
from sys import intern
from types import FunctionType

cimport cython
from libc.stdint cimport uint32_t
from cpython.dict cimport PyDict_Copy, PyDict_Next, PyDict_SetItem
from cpython.object cimport PyObject, PyTypeObject, Py_TYPE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

from .python cimport (
    PyMethod_New,
    PyObject_Call,
    PyObject_Vectorcall,
    PyVectorcall_NARGS,
    initproc,
    pbf_clear_extras,
    pbf_dict_get,
    ternaryfunc,
    pbf_hint,
    pbf_set_hint,
    pbf_set_call,
    pbf_set_init,
    pbf_set_lazy_dict,
    pbf_set_vectorcall,
    pbf_type_version,
    vectorcallfunc,
)

from ..encoding.construction import recorded_init, recorded_setter
from ..encoding.recognition import NotGeneratedError, recognise_groups
from .plan import plan_of

cdef object UNCHANGED_GETATTRIBUTE = object.__dict__["__getattribute__"]


cdef object with_attributes(instance, dict own):
    """The state to be pickled, as if ``own`` were in the instance's ``__dict__``."""
    state = object.__getstate__(instance)
    attributes, slots = state if type(state) is tuple else (state, None)
    attributes = {**(attributes or {}), **own}
    return attributes if slots is None else (attributes, slots)


cdef int set_attributes(instance, state) except -1:
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
            self.groups = None
            self.tracked_count = 0

    @property
    def _context(self):
        """Context properties by group."""
        return groups_of(self)

    @_context.setter
    def _context(self, value):
        with cython.critical_section(self):
            self.groups = value
            self.tracked_count = 0

    def __reduce_ex__(self, protocol):
        return object.__reduce_ex__(self, max(protocol, 2))

    def __getstate__(self):
        return with_attributes(self, {"_context": self._context})

    def __setstate__(self, state):
        set_attributes(self, state)


cdef object groups_of(ContextBase context):
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


def adopt(cls):
    """Put native equivalents in place of a new class's generated ``__init__`` and setters.

    And get ready what all its events have in common, which the first would have to wait for.
    """
    in_context = issubclass(cls, ContextBase)
    groups = "_context" if in_context else "_header"
    serialize = "serialize_context" if in_context else "serialize_header"
    if serialize in vars(cls):
        try:
            plan_of(recognise_groups(cls, serialize, groups).message, True)
        except (NotGeneratedError, ValueError):  # which is said at the first event
            pass
    for name, function in list(vars(cls).items()):
        if not name.startswith("set_"):
            continue
        found = recorded_setter(cls, groups, function, Sentinel)
        if found is not None:
            group, keys, used = found
            setattr(cls, name, GeneratedSetter(function, keys, used, group, in_context))
    init = vars(cls).get("__init__")
    found = None if in_context else recorded_init(cls, init)
    if found is not None:
        keys, used = found
        cls.__init__ = GeneratedInit(init, keys, used, cls)
        pbf_set_init(<PyTypeObject *>cls, init_event)


cdef class Generated:
    """Stands in for a function that was recognised as generated, and does the same.

    What it is called with that is out of the ordinary goes to the function itself, so that its
    answers and errors are the function's.
    """

    cdef object function
    cdef tuple parameters
    cdef tuple keys
    cdef dict used  # attributes of the class that the function rests on; most rest on none
    cdef uint32_t fit  # version of the last class that was found to inherit nothing in the way

    def __cinit__(self, function, dict keys, dict used, *_):
        self.function = function
        self.used = used
        self.parameters = tuple(map(intern, keys))
        self.keys = tuple(map(intern, keys.values()))

    def __get__(self, instance, owner):
        return self if instance is None else PyMethod_New(self, instance)

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.function, name)

    def __reduce__(self):
        return self.function.__qualname__

    def __repr__(self):
        return repr(self.function)

    @property
    def __class__(self):
        return FunctionType  # unittest.mock hands self on to nothing else

    @property
    def __wrapped__(self):
        return self.function

    @property
    def __signature__(self):
        return signature(self.function)  # without it, some versions unwrap what they have bound

    @property
    def __module__(self):
        return self.function.__module__

    cdef bint fits(self, object instance) except -1:
        """Whether nothing that the class of the instance has comes in between."""
        cdef PyTypeObject *cls = Py_TYPE(instance)
        cdef unsigned int version = pbf_type_version(cls)

        if version != 0 and version == pbf_hint(self.fit):
            return True
        if not self.is_undisturbed(<object>cls):
            return False
        for name, value in self.used.items():
            if inherited(<object>cls, name) is not value or name in instance.__dict__:
                return False
        if self.used:  # which an instance may have, too
            return True
        pbf_set_hint(self.fit, version)
        return True

    cdef bint is_undisturbed(self, object cls) except -1:
        raise NotImplementedError

    cdef Py_ssize_t index_of(self, PyObject *name, Py_ssize_t guess) except -2:
        """Position of a parameter, -1 if there is none."""
        cdef Py_ssize_t count = PyTuple_GET_SIZE(self.parameters)

        if guess < count and PyTuple_GET_ITEM(self.parameters, guess) == name:
            return guess
        for position in range(count):
            if <object>PyTuple_GET_ITEM(self.parameters, position) == <object>name:
                return position
        return -1


cdef object inherited(object cls, str name, object after=None):
    """What an instance of ``cls`` finds of this name, in the classes behind ``after``."""
    cdef bint found = after is None

    for base in cls.__mro__:
        if found and name in base.__dict__:
            return base.__dict__[name]
        found = found or base is after
    return None


@cython.final
cdef class GeneratedInit(Generated):
    # super().__init__() and the keywords, None for each that is missing, as payload

    cdef object owner
    cdef dict template

    @property
    def __doc__(self):
        return self.function.__doc__

    def __cinit__(self, function, keys, used, owner):
        self.owner = owner
        self.template = dict.fromkeys(self.keys)

    cdef bint fill(self, object instance, PyObject *kwargs) except -1:
        """Set up an event from keywords; false if they, or its class, are out of the ordinary."""
        cdef EventBase event
        cdef dict payload = None
        cdef PyObject *name
        cdef PyObject *value
        cdef Py_ssize_t position = 0, guess = 0, index

        if not self.fits(instance):
            return False
        if PyTuple_GET_SIZE(self.keys):
            payload = PyDict_Copy(self.template)
        if kwargs != NULL:
            while PyDict_Next(<object>kwargs, &position, &name, &value):
                index = self.index_of(name, guess)
                if index < 0:
                    return False
                guess = index + 1
                PyDict_SetItem(
                    payload, <object>PyTuple_GET_ITEM(self.keys, index), <object>value
                )
        event = <EventBase>instance
        with cython.critical_section(event):
            event.header = None
            event.header_is_plain = False
            event.payload = payload
        return True

    cdef bint is_undisturbed(self, object cls) except -1:
        return (
            issubclass(cls, EventBase)
            and self.owner in cls.__mro__
            and inherited(cls, "__init__", self.owner) is EventBase.__dict__["__init__"]
            and inherited(cls, "_payload") is EventBase.__dict__["_payload"]
            and inherited(cls, "__setattr__") is object.__dict__["__setattr__"]
        )


cdef object call_init(object callable, PyObject *args, PyObject *kwargs):
    cdef GeneratedInit self = <GeneratedInit>callable

    if PyTuple_GET_SIZE(<object>args) != 1 or not self.fill(
        <object>PyTuple_GET_ITEM(<object>args, 0), kwargs
    ):
        return PyObject_Call(self.function, args, kwargs)
    return None


cdef int init_event(PyObject *instance, PyObject *args, PyObject *kwargs) except -1:
    """What the ``__init__`` of the instance's class does, as its slot."""
    found = pbf_dict_get(<object>Py_TYPE(<object>instance).tp_dict, "__init__")
    if (
        type(found) is GeneratedInit
        and PyTuple_GET_SIZE(<object>args) == 0
        and (<GeneratedInit>found).fill(<object>instance, kwargs)
    ):
        return 0
    return slot_init(<object>instance, <object>args, kwargs)


cdef int slot_init(object instance, object args, PyObject *kwargs) except -1:
    type(instance).__init__(instance, *args, **(<object>kwargs if kwargs != NULL else {}))
    return 0


@cython.final
cdef class GeneratedSetter(Generated):
    # updates a group of the header or the context with the keywords that were given

    cdef vectorcallfunc vectorcall
    cdef str group
    cdef bint in_context

    @property
    def __doc__(self):
        return self.function.__doc__

    def __cinit__(self, function, keys, used, str group, bint in_context):
        self.vectorcall = call_setter
        self.group = intern(group)
        self.in_context = in_context

    cdef bint is_undisturbed(self, object cls) except -1:
        base, name = (ContextBase, "_context") if self.in_context else (EventBase, "_header")
        return (
            issubclass(cls, base)
            and inherited(cls, name) is base.__dict__[name]
            and inherited(cls, "__getattribute__") is UNCHANGED_GETATTRIBUTE
        )

    cdef object group_of(self, object instance):
        """The group of an event or a context, made if it is missing; None if it is strange."""
        cdef EventBase event
        cdef object groups, group
        cdef bint is_ours = False

        if self.in_context:
            groups = groups_of(<ContextBase>instance)
        else:
            event = <EventBase>instance
            with cython.critical_section(event):
                if event.header is None:
                    # a defaultdict is slow to make: that waits until Python code asks for it
                    event.header = {}
                    event.header_is_plain = True
                groups = event.header
                is_ours = event.header_is_plain
        if type(groups) is defaultdict:
            group = pbf_dict_get(groups, self.group)
            if group is None:
                group = groups[self.group]
        elif is_ours:
            group = pbf_dict_get(groups, self.group)
            if group is None:
                group = groups[self.group] = {}
        else:
            return None
        return group if type(group) is dict else None


cdef enum:
    MAX_PARAMETERS = 64


cdef object call_setter(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames
):
    cdef GeneratedSetter self = <GeneratedSetter>callable
    cdef PyObject *given[MAX_PARAMETERS]
    cdef Py_ssize_t count = PyTuple_GET_SIZE(self.parameters)
    cdef Py_ssize_t given_count = 0 if kwnames == NULL else PyTuple_GET_SIZE(<object>kwnames)
    cdef Py_ssize_t number, index, guess = 0
    cdef object group, value

    if PyVectorcall_NARGS(nargsf) != 1 or count > MAX_PARAMETERS or not self.fits(<object>args[0]):
        return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
    for number in range(count):
        given[number] = NULL
    for number in range(given_count):
        index = self.index_of(PyTuple_GET_ITEM(<object>kwnames, number), guess)
        if index < 0:
            return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
        guess = index + 1
        given[index] = args[1 + number]

    group = self.group_of(<object>args[0])
    if group is None:
        return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
    for number in range(count):  # in the order of the signature, as the function does
        if given[number] != NULL:
            value = <object>given[number]
            if not isinstance(value, Sentinel):
                PyDict_SetItem(group, <object>PyTuple_GET_ITEM(self.keys, number), value)
    return <object>args[0]


cdef GeneratedSetter a_setter = GeneratedSetter(None, {}, {}, "", False)
pbf_set_lazy_dict(<PyTypeObject *>EventBase)
pbf_set_lazy_dict(<PyTypeObject *>ContextBase)
pbf_set_call(<PyTypeObject *>GeneratedInit, call_init)
pbf_set_vectorcall(
    <PyTypeObject *>GeneratedSetter, <char *>&a_setter.vectorcall - <char *><void *>a_setter
)

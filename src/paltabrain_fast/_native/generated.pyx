"""Native stand-ins for the constructors and setters of generated classes."""

from collections import defaultdict
from sys import intern
from types import FunctionType

cimport cython
from cpython.dict cimport PyDict_Copy, PyDict_Next, PyDict_SetItem
from cpython.object cimport PyObject, PyTypeObject, Py_TYPE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint32_t

from .base cimport ContextBase, EventBase, Sentinel, groups_of
from .python cimport (
    PyMethod_New,
    PyObject_Call,
    PyObject_Vectorcall,
    PyVectorcall_NARGS,
    pbf_dict_get,
    pbf_hint,
    pbf_set_call,
    pbf_set_hint,
    pbf_set_init,
    pbf_set_vectorcall,
    pbf_type_version,
    vectorcallfunc,
)

from .plan import plan_of

cdef object UNCHANGED_GETATTRIBUTE = object.__dict__["__getattribute__"]

cdef enum:
    MAX_PARAMETERS = 64  # of a setter; one with more is called itself


def install_native_methods(cls):
    """Replace a new class's generated ``__init__`` and setters by native equivalents.

    And make the encoding plan that all instances share, so that the first one need not wait for it.
    """
    # here, as an import that makes no class needs none of it
    from ..encoding.constructors import recognise_init, recognise_setter
    from ..encoding.recognition import NotGeneratedError, recognise_groups

    in_context = issubclass(cls, ContextBase)
    groups = "_context" if in_context else "_header"
    serialize = "serialize_context" if in_context else "serialize_header"
    if serialize in vars(cls):
        try:
            plan_of(recognise_groups(cls, serialize, groups).message, True)
        except (NotGeneratedError, ValueError):  # the first instance that is tracked reports it
            pass
    for name, function in list(vars(cls).items()):
        if not name.startswith("set_"):
            continue
        found = recognise_setter(cls, groups, function, Sentinel)
        if found is not None:
            group, keys, used = found
            setattr(cls, name, GeneratedSetter(function, keys, used, group, in_context))
    init = vars(cls).get("__init__")
    found = None if in_context else recognise_init(cls, init)
    if found is not None:
        keys, used = found
        cls.__init__ = GeneratedInit(init, keys, used, cls)
        pbf_set_init(<PyTypeObject *>cls, init_slot)


cdef class Generated:
    """Stands in for a function that was recognised as generated, and does the same.

    A call with unusual arguments, or on an unusual instance, is passed on to the function itself,
    so that results and errors are the function's own.
    """

    cdef object function
    cdef tuple parameters
    cdef tuple keys  # under which the values of the parameters are stored
    cdef dict used  # attributes of the class that the function depends on; mostly none
    cdef uint32_t checked_version  # of the last class that applies_to_class() was true for

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
        return FunctionType  # unittest.mock passes self on only to functions

    @property
    def __wrapped__(self):
        return self.function

    @property
    def __signature__(self):
        from inspect import signature  # here, as it takes milliseconds

        return signature(self.function)  # some versions of inspect do not unwrap a bound method

    @property
    def __module__(self):
        return self.function.__module__

    cdef bint applies_to(self, object instance) except -1:
        """Whether the function would do to this instance what it was recognised to do."""
        cdef PyTypeObject *cls = Py_TYPE(instance)
        cdef unsigned int version = pbf_type_version(cls)

        if version != 0 and version == pbf_hint(self.checked_version):
            return True
        if not self.applies_to_class(<object>cls):
            return False
        for name, value in self.used.items():
            if inherited(<object>cls, name) is not value or name in instance.__dict__:
                return False
        if self.used:  # the next instance may override one of them
            return True
        pbf_set_hint(self.checked_version, version)
        return True

    cdef bint applies_to_class(self, object cls) except -1:
        """Whether the class overrides nothing that the function depends on."""
        raise NotImplementedError

    cdef Py_ssize_t find_parameter(self, PyObject *name, Py_ssize_t guess) except -2:
        """Where a parameter stands among ``parameters``; -1 if there is none of this name."""
        cdef Py_ssize_t count = PyTuple_GET_SIZE(self.parameters)

        if guess < count and PyTuple_GET_ITEM(self.parameters, guess) == name:
            return guess
        for place in range(count):
            if <object>PyTuple_GET_ITEM(self.parameters, place) == <object>name:
                return place
        return -1


cdef object inherited(object cls, str name, object after=None):
    """What ``cls``, or what stands behind ``after`` in its MRO, has under a name; None if nothing.
    """
    cdef bint found = after is None

    for base in cls.__mro__:
        if found and name in base.__dict__:
            return base.__dict__[name]
        found = found or base is after
    return None


@cython.final
cdef class GeneratedInit(Generated):
    # calls super().__init__() and makes its keywords the payload, None for each that is missing

    cdef object owner
    cdef dict template

    @property
    def __doc__(self):
        return self.function.__doc__

    def __cinit__(self, function, keys, used, owner):
        self.owner = owner
        self.template = dict.fromkeys(self.keys)

    cdef bint fill(self, object instance, PyObject *kwargs) except -1:
        """Initialize an event from keywords; false if the function has to do it."""
        cdef EventBase event
        cdef dict payload = None
        cdef PyObject *name
        cdef PyObject *value
        cdef Py_ssize_t cursor = 0, guess = 0, place

        if not self.applies_to(instance):
            return False
        if PyTuple_GET_SIZE(self.keys):
            payload = PyDict_Copy(self.template)
        if kwargs != NULL:
            while PyDict_Next(<object>kwargs, &cursor, &name, &value):
                place = self.find_parameter(name, guess)
                if place < 0:
                    return False
                guess = place + 1
                PyDict_SetItem(
                    payload, <object>PyTuple_GET_ITEM(self.keys, place), <object>value
                )
        event = <EventBase>instance
        with cython.critical_section(event):
            event.header = None
            event.header_is_plain = False
            event.payload = payload
        return True

    cdef bint applies_to_class(self, object cls) except -1:
        return (
            issubclass(cls, EventBase)
            and self.owner in cls.__mro__
            and inherited(cls, "__init__", self.owner) is EventBase.__dict__["__init__"]
            and inherited(cls, "_payload") is EventBase.__dict__["_payload"]
            and inherited(cls, "__setattr__") is object.__dict__["__setattr__"]
        )


cdef object call_init(object callable, PyObject *args, PyObject *kwargs):
    """``tp_call`` of ``GeneratedInit``: a call of ``__init__`` by name, as by a subclass."""
    cdef GeneratedInit self = <GeneratedInit>callable

    if PyTuple_GET_SIZE(<object>args) != 1 or not self.fill(
        <object>PyTuple_GET_ITEM(<object>args, 0), kwargs
    ):
        return PyObject_Call(self.function, args, kwargs)
    return None


cdef int init_slot(PyObject *instance, PyObject *args, PyObject *kwargs) except -1:
    """``tp_init`` of a class whose ``__init__`` was replaced, and of what inherits it."""
    found = pbf_dict_get(<object>Py_TYPE(<object>instance).tp_dict, "__init__")
    if (
        type(found) is GeneratedInit
        and PyTuple_GET_SIZE(<object>args) == 0
        and (<GeneratedInit>found).fill(<object>instance, kwargs)
    ):
        return 0
    return call_init_by_name(<object>instance, <object>args, kwargs)


cdef int call_init_by_name(object instance, object args, PyObject *kwargs) except -1:
    type(instance).__init__(instance, *args, **(<object>kwargs if kwargs != NULL else {}))
    return 0


@cython.final
cdef class GeneratedSetter(Generated):
    # updates a group of the header or of the context with the keywords that were given

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

    cdef bint applies_to_class(self, object cls) except -1:
        base, name = (ContextBase, "_context") if self.in_context else (EventBase, "_header")
        return (
            issubclass(cls, base)
            and inherited(cls, name) is base.__dict__[name]
            and inherited(cls, "__getattribute__") is UNCHANGED_GETATTRIBUTE
        )

    cdef object group_of(self, object instance):
        """The group of an event or a context, made if it is missing; None if it is no dict."""
        cdef EventBase event
        cdef object groups, group
        cdef bint is_plain = False

        if self.in_context:
            groups = groups_of(<ContextBase>instance)
        else:
            event = <EventBase>instance
            with cython.critical_section(event):
                if event.header is None:
                    # a defaultdict takes long to make: not before Python code asks for it
                    event.header = {}
                    event.header_is_plain = True
                groups = event.header
                is_plain = event.header_is_plain
        if type(groups) is defaultdict:
            group = pbf_dict_get(groups, self.group)
            if group is None:
                group = groups[self.group]
        elif is_plain:
            group = pbf_dict_get(groups, self.group)
            if group is None:
                group = groups[self.group] = {}
        else:
            return None
        return group if type(group) is dict else None


cdef object call_setter(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames
):
    """The vectorcall function of ``GeneratedSetter``."""
    cdef GeneratedSetter self = <GeneratedSetter>callable
    cdef PyObject *given[MAX_PARAMETERS]
    cdef Py_ssize_t count = PyTuple_GET_SIZE(self.parameters)
    cdef Py_ssize_t given_count = 0 if kwnames == NULL else PyTuple_GET_SIZE(<object>kwnames)
    cdef Py_ssize_t number, place, guess = 0
    cdef object group, value

    if (
        PyVectorcall_NARGS(nargsf) != 1
        or count > MAX_PARAMETERS
        or not self.applies_to(<object>args[0])
    ):
        return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
    for place in range(count):
        given[place] = NULL
    for number in range(given_count):
        place = self.find_parameter(PyTuple_GET_ITEM(<object>kwnames, number), guess)
        if place < 0:
            return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
        guess = place + 1
        given[place] = args[1 + number]

    group = self.group_of(<object>args[0])
    if group is None:
        return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)
    for place in range(count):  # in the order of the signature, as the function does
        if given[place] != NULL:
            value = <object>given[place]
            if not isinstance(value, Sentinel):
                PyDict_SetItem(group, <object>PyTuple_GET_ITEM(self.keys, place), value)
    return <object>args[0]


cdef GeneratedSetter a_setter = GeneratedSetter(None, {}, {}, "", False)
pbf_set_call(<PyTypeObject *>GeneratedInit, call_init)
pbf_set_vectorcall(
    <PyTypeObject *>GeneratedSetter, <char *>&a_setter.vectorcall - <char *><void *>a_setter
)

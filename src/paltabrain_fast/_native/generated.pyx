"""Native stand-ins for the constructors and setters of generated classes."""

from collections import defaultdict
from copyreg import _slotnames
from types import FunctionType

cimport cython
from cpython.dict cimport PyDict_Next, PyDict_SetItem
from cpython.object cimport PyObject, PyTypeObject, Py_TYPE
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint32_t

from .base cimport (
    ContextBase,
    EventBase,
    Layout,
    Sentinel,
    groups_of,
    header_of,
    is_values,
    layout_of,
    previous_of,
    put_values,
)
from .python cimport (
    PyMethod_New,
    PyObject_Call,
    PyObject_Vectorcall,
    PyVectorcall_NARGS,
    pbf_dict_get,
    pbf_hint,
    pbf_new_values,
    pbf_set_call,
    pbf_set_hint,
    pbf_set_init,
    pbf_set_previous,
    pbf_set_value,
    pbf_set_vectorcall,
    pbf_type_version,
    vectorcallfunc,
)

from .plan import plan_of

cdef extern from *:
    """
    PBF_HOT(int, 9generated_init_slot);
    PBF_HOT(int, 9generated_13GeneratedInit_fill);
    PBF_HOT(int, 9generated_9Generated_applies_to);
    PBF_HOT(int, 9generated_find_parameter);
    PBF_HOT(PyObject *, 9generated_call_setter);
    PBF_HOT(int, 9generated_keep);
    PBF_COLD(int, 9generated_call_init_by_name);
    """


cdef object UNCHANGED_GETATTRIBUTE = object.__dict__["__getattribute__"]


def install_native_methods(cls):
    """Replace a new class's generated ``__init__`` and setters by native equivalents.

    And make the encoding plan that all instances share, so that the first one need not wait for it.
    """
    # here, as an import that makes no class needs none of it
    from ..encoding.constructors import recognise_init, recognise_setter
    from ..encoding.recognition import NotGeneratedError, recognise_groups

    _slotnames(cls)  # or the first copy of an instance would note them, and change the class
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
        cls.__init__ = GeneratedInit(init, keys, used, None, cls)
        pbf_set_init(<PyTypeObject *>cls, init_slot)


cdef class Generated:
    """Stands in for a function that was recognised as generated, and does the same.

    A call with unusual arguments, or on an unusual instance, is passed on to the function itself,
    so that results and errors are the function's own.
    """

    cdef object function
    cdef Layout layout  # of what it is called with
    cdef dict used  # attributes of the class that the function depends on; mostly none
    cdef uint32_t checked_version  # of the last class that applies_to_class() was true for

    def __cinit__(self, function, dict keys, dict used, str group=None, *_):
        self.function = function
        self.used = used
        self.layout = Layout(group, keys)

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

cdef int find_parameter(Layout layout, PyObject *name, int guess) except -2:
    """Where a parameter of this name stands; -1 if there is none."""
    cdef int place

    if guess < layout.count and layout.keys[guess].parameter == name:
        return guess
    for place in range(layout.count):
        if <object>layout.keys[place].parameter == <object>name:
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

    @property
    def __doc__(self):
        return self.function.__doc__

    def __cinit__(self, function, keys, used, group, owner):
        self.owner = owner

    cdef bint fill(self, object instance, PyObject *kwargs) except -1:
        """Initialize an event from keywords; false if the function has to do it."""
        cdef Layout layout = self.layout
        cdef EventBase event
        cdef object payload = None
        cdef PyObject *name
        cdef PyObject *value
        cdef Py_ssize_t cursor = 0
        cdef int guess = 0, place

        if not self.applies_to(instance):
            return False
        if layout.count:
            payload = pbf_new_values(layout, None, layout.count)
        if kwargs != NULL:
            while PyDict_Next(<object>kwargs, &cursor, &name, &value):
                place = find_parameter(layout, name, guess)
                if place < 0:
                    return False
                guess = place + 1
                pbf_set_value(payload, place, <object>value)
        event = <EventBase>instance
        with cython.critical_section(event):
            event.header = None
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
    cdef bint in_context

    @property
    def __doc__(self):
        return self.function.__doc__

    def __cinit__(self, function, keys, used, group, bint in_context):
        self.vectorcall = call_setter
        self.in_context = in_context

    cdef bint applies_to_class(self, object cls) except -1:
        base, name = (ContextBase, "_context") if self.in_context else (EventBase, "_header")
        return (
            issubclass(cls, base)
            and inherited(cls, name) is base.__dict__[name]
            and inherited(cls, "__getattribute__") is UNCHANGED_GETATTRIBUTE
        )


cdef bint keep(EventBase event, object values) noexcept:
    """Keep the values of a group as they are; false if the event has this group, or has dicts."""
    cdef PyObject *held

    with cython.critical_section(event):
        held = <PyObject *>event.header
        if held != <PyObject *>None:
            if not is_values(<object>held):
                return False
            while held != <PyObject *>None:
                if layout_of(<object>held).group is layout_of(values).group:
                    return False
                held = previous_of(<object>held)
            pbf_set_previous(values, event.header)
        event.header = values
        return True


cdef object group_of(object groups, str name):
    """A group, made if it is missing; None if it is no dict."""
    if type(groups) is not defaultdict:
        return None
    group = pbf_dict_get(groups, name)
    if group is None:
        group = groups[name]
    return group if type(group) is dict else None


cdef inline int next_place(Layout layout, PyObject *name, int start) noexcept:
    """Where the parameter of exactly this name stands, from ``start`` on; -1 if nowhere there."""
    cdef int place

    for place in range(start, layout.count):
        if layout.keys[place].parameter == name:
            return place
    return -1


cdef bint is_in_order(Layout layout, PyObject *names) noexcept:
    """Whether all names are those of parameters, in the order of the signature."""
    cdef Py_ssize_t number
    cdef int place = -1

    if names != NULL:
        for number in range(PyTuple_GET_SIZE(<object>names)):
            place = next_place(layout, PyTuple_GET_ITEM(<object>names, number), place + 1)
            if place < 0:
                return False
    return True


cdef int put_given(
    Layout layout, object group, PyObject *const *values, PyObject *names
) except -1:
    """Put what is given by name into a group; the names must be in order."""
    cdef Py_ssize_t number
    cdef int place = -1

    if names != NULL:
        for number in range(PyTuple_GET_SIZE(<object>names)):
            place = next_place(layout, PyTuple_GET_ITEM(<object>names, number), place + 1)
            if not isinstance(<object>values[number], Sentinel):
                PyDict_SetItem(group, <object>layout.keys[place].name, <object>values[number])
    return 0


cdef object call_setter(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames
):
    """The vectorcall function of ``GeneratedSetter``."""
    cdef GeneratedSetter self = <GeneratedSetter>callable
    cdef Layout layout = self.layout
    cdef Py_ssize_t number
    cdef int place = 0, guess = 0
    cdef object group, values

    if PyVectorcall_NARGS(nargsf) == 1 and self.applies_to(<object>args[0]):
        if self.in_context and is_in_order(layout, kwnames):  # else in a tuple first
            group = group_of(groups_of(<ContextBase>args[0]), layout.group)
            if group is not None:
                put_given(layout, group, args + 1, kwnames)
                return <object>args[0]
        values = pbf_new_values(layout, layout, layout.count)
        if kwnames != NULL:
            for number in range(PyTuple_GET_SIZE(<object>kwnames)):
                place = find_parameter(layout, PyTuple_GET_ITEM(<object>kwnames, number), guess)
                if place < 0:
                    break
                guess = place + 1
                if not isinstance(<object>args[1 + number], Sentinel):
                    pbf_set_value(values, place, <object>args[1 + number])
        if place >= 0:
            if not self.in_context and keep(<EventBase>args[0], values):
                return <object>args[0]
            group = group_of(
                groups_of(<ContextBase>args[0]) if self.in_context
                else header_of(<EventBase>args[0]),
                layout.group,
            )
            if group is not None:
                put_values(group, values)  # in the order of the signature, as the function does
                return <object>args[0]
    return PyObject_Vectorcall(<PyObject *>self.function, args, nargsf, kwnames)


cdef GeneratedSetter a_setter = GeneratedSetter(None, {}, {}, "", False)
pbf_set_call(<PyTypeObject *>GeneratedInit, call_init)
pbf_set_vectorcall(
    <PyTypeObject *>GeneratedSetter, <char *>&a_setter.vectorcall - <char *><void *>a_setter
)

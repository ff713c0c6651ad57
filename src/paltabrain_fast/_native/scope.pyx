"""Scopes: where a thread or task has a context of its own."""

cimport cython
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from .python cimport PyContextVar_Get


@cython.final
cdef class Scope:
    """The context of what is tracked in a scope; see ``_reference.scope``."""

    def __cinit__(self, context, Scope outer):
        self.held = context
        self.outer = outer

    @property
    def context(self):
        with cython.critical_section(self):
            return self.held

    @context.setter
    def context(self, context):
        with cython.critical_section(self):
            self.held = context


cdef object scoped_or(PyObject *variable, object own):
    """The context of the scope that this thread or task is in, or else ``own``.

    Runs no Python code and raises nothing: without the memory to look, it returns None.
    """
    cdef PyObject *found = NULL
    cdef Scope scope

    if PyContextVar_Get(variable, NULL, &found) < 0:
        PyErr_Clear()
        return None
    if found == NULL:
        return own
    value = <object>found
    Py_DECREF(value)  # the reference that was found is new
    scope = <Scope>value if isinstance(value, Scope) else None
    while scope is not None:
        with cython.critical_section(scope):
            context = scope.held
        if context is not None:
            return context
        scope = scope.outer
    return own

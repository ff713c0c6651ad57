"""Scopes: where a thread or task has a context of its own."""

from cpython.object cimport PyObject


cdef class Scope:
    cdef object held  # the context; None once the scope is over
    cdef readonly Scope outer

cdef object scoped_or(PyObject *variable, object own)

"""Contexts: encoded as their plans say, and cached with the dicts that the bytes were made of."""

from .base cimport ContextBase

cdef bint is_unchanged(ContextBase context) noexcept
cdef bytes context_bytes(object context)

"""The native part of ``PaltabrainSdk``."""

from libc.stdint cimport int64_t

from . cimport pbf
from .encode cimport Encoding
from .engine cimport NativeEngine


cdef class Tracker:
    cdef NativeEngine engine
    cdef object context
    cdef int64_t session_id
    cdef bint has_session
    cdef bint disabled

    cdef inline int track(self, object event, object context) except -1
    cdef int record_unchanged(self, object event, object context) noexcept
    cdef int record_in(self, pbf.pbf_context_ref ref, object event) noexcept
    cdef int go_on(self, object event, object context, int status) except -1
    cdef bint insist(self, object event, object context, int status) except -1
    cdef int record(self, object event, object context) except -1
    cdef int append(self, Encoding *encoding, pbf.pbf_context_ref ref) noexcept
    cdef bint find_reference(self, object context, pbf.pbf_context_ref *ref) noexcept
    cdef pbf.pbf_status refer(self, object context, pbf.pbf_context_ref *ref) except *
    cdef object record_slowly(self, object event, object context)

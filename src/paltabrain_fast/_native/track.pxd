"""The native part of ``PaltabrainSdk``."""

from libc.stdint cimport int64_t, uint64_t

from . cimport pbf
from .classes cimport EventPlan
from .encode cimport Encoding
from .engine cimport NativeEngine


cdef class Tracker:
    cdef NativeEngine engine
    cdef object context
    cdef int64_t session_id
    cdef bint has_session
    cdef bint disabled
    cdef uint64_t notify_at

    cdef int record(self, EventPlan plan, object event, object context) except -1
    cdef int append(self, Encoding *encoding, object context, pbf.pbf_context_ref *ref) except -1
    cdef pbf.pbf_status refer(self, object context, pbf.pbf_context_ref *ref) except *
    cdef object record_slowly(self, object event, object context)

"""The native part of ``PaltabrainSdk``."""

from libc.stdint cimport int64_t, uint64_t

from . cimport pbf
from .encode cimport Encoding
from .engine cimport NativeEngine


cdef class Tracker:
    cdef NativeEngine engine
    cdef object context  # of the SDK itself
    cdef uint64_t context_version  # changes when it is assigned; without a GIL only
    cdef object scopes  # the ContextVar of its scopes; None until there is one, and then it stays
    cdef uint64_t has_scopes
    cdef uint64_t thread  # the one that has tracked so far; 0: none has; ANY: several have
    cdef int64_t session_id
    cdef bint has_session
    cdef bint disabled
    cdef bint is_diverted  # track() calls _divert() first, or does nothing

    cdef inline object current_context(self)
    cdef inline int track(self, object event, object context) except -1
    cdef int track_among_threads(self, object event, object context) except -1
    cdef void note_thread(self, uint64_t thread) noexcept
    cdef void learn_context(self) noexcept
    cdef int track_diverted(self, object event, object context) except -1
    cdef pbf.pbf_status record_fast(self, object event, object context) noexcept
    cdef pbf.pbf_status encode_and_append(
        self, object event, pbf.pbf_context_ref ref
    ) noexcept
    cdef pbf.pbf_status append(self, Encoding *encoding, pbf.pbf_context_ref ref) noexcept
    cdef int track_slow(
        self, object event, object context, pbf.pbf_status status, bint may_be_false
    ) except -1
    cdef int skip(self, object event, object error) except -1
    cdef object record_slow(self, object event, object context, pbf.pbf_status status)
    cdef pbf.pbf_status record(self, object event, object context) except *
    cdef bint find_interned(self, object context, pbf.pbf_context_ref *ref) noexcept
    cdef pbf.pbf_status intern_context(self, object context, pbf.pbf_context_ref *ref) except *
    cdef object fall_back(self, object event, object context)

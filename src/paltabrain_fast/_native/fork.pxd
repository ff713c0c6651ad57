"""What ``cpython_bridge.h`` says of forks and of threads that are inside the SDK's own code."""

from libc.stdint cimport uint64_t

cdef extern from "cpython_bridge.h" nogil:
    int watch_forks "pbf_watch_forks"() noexcept
    bint is_single_threaded "pbf_is_single_threaded"() noexcept

    uint64_t fork_count "pbf_fork_count"() noexcept
    # The same, but for a thread that may be inside the SDK: for that, no count of forks.
    uint64_t fork_count_outside "pbf_fork_count_outside"() noexcept
    bint may_be_inside "pbf_may_be_inside"() noexcept
    void enter_or_leave "pbf_note_inside"(int change) noexcept

cdef extern from "object_locks.h":
    void pbf_free_object_locks() noexcept

"""What each thread knows of the contexts of SDKs, so that it finds them without a lock."""

from libc.stdint cimport uint64_t

from . cimport pbf


# Both only where there is no GIL. The engine stands for the SDK; the version is that of which
# context the SDK has.
cdef bint find_known(
    uint64_t engine, uint64_t version, pbf.pbf_context_ref *ref
) noexcept
cdef void learn(uint64_t engine, uint64_t version, object context) noexcept

# Let this thread know nothing of the SDK any more.
cdef void forget(uint64_t engine) noexcept

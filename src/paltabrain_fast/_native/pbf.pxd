"""Everything that Cython sees of the C core; no other file holds a ``cdef extern`` of it."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "pbf_uuid7.h" nogil:
    enum:
        PBF_UUID7_TEXT_LEN
        PBF_UUID7_ENTROPY_LEN

    ctypedef struct pbf_uuid7:
        pass

    void pbf_uuid7_init(pbf_uuid7 *state) noexcept
    void pbf_uuid7_reset(pbf_uuid7 *state) noexcept
    void pbf_uuid7_refill(pbf_uuid7 *state, const uint8_t *random) noexcept
    bint pbf_uuid7_next(pbf_uuid7 *state, uint64_t now_ms, char *text) noexcept

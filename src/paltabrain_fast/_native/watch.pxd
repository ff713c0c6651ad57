"""Versions of dicts: a word for each that changes whenever the dict does."""

from libc.stdint cimport uint64_t

from cpython.object cimport PyObject

cdef extern from *:
    """
    #ifndef PBF_DICT_VERSIONS
    #define PBF_DICT_VERSIONS

    #include <stdbool.h>

    #if PY_VERSION_HEX < 0x030C0000

    /* CPython 3.11 keeps a version in each dict. */
    static inline uint64_t pbf_dict_version(uint64_t *counters, PyObject *dict)
    {
        return ((PyDictObject *)dict)->ma_version_tag;
    }

    static inline bool pbf_can_watch(PyObject *dict)
    {
        return true;
    }

    #else

    /* From CPython 3.12 on, a watcher is told of each change before it is made, and counts it under
     * the address of the dict. Two dicts may share a counter: a change of one then passes for a
     * change of both. */
    enum { PBF_DICT_COUNTERS = 1024 };

    static inline uint64_t *pbf_dict_counter(uint64_t *counters, PyObject *dict)
    {
        uintptr_t address = (uintptr_t)dict >> 4;

        return &counters[(address ^ address >> 10) % PBF_DICT_COUNTERS];
    }

    static inline uint64_t pbf_dict_version(uint64_t *counters, PyObject *dict)
    {
        /* Acquire, pairs with the release addition in pbf_on_dict. */
        return __atomic_load_n(pbf_dict_counter(counters, dict), __ATOMIC_ACQUIRE);
    }

    /* Not the dict of an object that still keeps its values: CPython 3.13.0 does not tell the
     * watcher when it changes those. */
    static inline bool pbf_can_watch(PyObject *dict)
    {
        return ((PyDictObject *)dict)->ma_values == NULL;
    }

    #endif
    #endif
    """
    uint64_t pbf_dict_version(uint64_t *counters, PyObject *dict) noexcept
    bint pbf_can_watch(PyObject *dict) noexcept

cdef uint64_t *dict_counters  # NULL where the dicts keep their versions themselves


cdef inline uint64_t dict_version(PyObject *dict) noexcept:
    """The version of a dict that ``watch_dict`` was called for."""
    return pbf_dict_version(dict_counters, dict)


cdef int watch_dict(object dict) except -1

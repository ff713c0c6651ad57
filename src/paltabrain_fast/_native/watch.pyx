"""Watches dicts, so that each change of one changes its version; the versions are in watch.pxd."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030C0000

    static uint64_t *pbf_watch_dicts(void)
    {
        return NULL;
    }

    static int pbf_watch_dict(PyObject *dict)
    {
        return 0;
    }

    #else

    static uint64_t pbf_dict_counters[PBF_DICT_COUNTERS];
    static int pbf_dict_watcher = -1;

    static int pbf_on_dict(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
    {
        /* Release, pairs with the acquire load in pbf_dict_version. The dict is locked: a thread
         * that sees this count and then locks the dict sees the change as well. */
        __atomic_fetch_add(pbf_dict_counter(pbf_dict_counters, dict), 1, __ATOMIC_RELEASE);
        return 0;
    }

    static uint64_t *pbf_watch_dicts(void)
    {
        pbf_dict_watcher = PyDict_AddWatcher(pbf_on_dict);
        return pbf_dict_watcher < 0 ? NULL : pbf_dict_counters;
    }

    static int pbf_watch_dict(PyObject *dict)
    {
        return PyDict_Watch(pbf_dict_watcher, dict);
    }

    #endif
    """
    uint64_t *pbf_watch_dicts() except? NULL
    int pbf_watch_dict(object dict) except -1

try:
    dict_counters = pbf_watch_dicts()
except RuntimeError as error:
    raise ImportError(f"changes of dicts cannot be watched: {error}") from error


cdef int watch_dict(object dict) except -1:
    """Have the dict's version change with each change from now on."""
    return pbf_watch_dict(dict)

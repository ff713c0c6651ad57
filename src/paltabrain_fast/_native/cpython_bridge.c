/* The part of cpython_bridge.h that need not be inlined, and its state, of which there is one. */

#include "cpython_bridge.h"

#include <datetime.h>
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>

/* ---- The process -------------------------------------------------------------------------- */

_Atomic uint64_t pbf_forks;
_Thread_local uint64_t pbf_inside PBF_TLS_MODEL;
_Thread_local uint32_t pbf_threads_number PBF_TLS_MODEL;

uint32_t pbf_number_thread(void)
{
    static _Atomic uint32_t numbers;

    /* Relaxed: a number orders nothing. After 2^32 threads, one has none, and asks again. */
    pbf_threads_number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) + 1;
    return pbf_threads_number;
}

/* Runs in the child, on its only thread, before fork() returns. */
static void count_fork(void)
{
    atomic_fetch_add_explicit(&pbf_forks, 1, memory_order_relaxed);
}

int pbf_watch_forks(void)
{
    return pthread_atfork(NULL, NULL, count_fork);
}

bool pbf_is_single_threaded(void)
{
    DIR *threads = opendir("/proc/self/task");
    int entries = 0;

    if (threads == NULL)
        return false;
    while (readdir(threads) != NULL)
        entries++;
    closedir(threads);
    return entries == 3; /* with "." and ".." */
}

/* ---- Memory ------------------------------------------------------------------------------- */

#if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
#define MADV_POPULATE_WRITE 23 /* which older headers lack */
#endif

void pbf_prefault(void *memory, size_t length)
{
#ifdef MADV_POPULATE_WRITE
    enum { STEP = 262144 }; /* not all at once: meanwhile no other thread can map memory */

    for (size_t start = 0; start < length; start += STEP)
        if (madvise((char *)memory + start, length - start < STEP ? length - start : STEP,
                    MADV_POPULATE_WRITE) != 0)
            return;
#else
    (void)memory;
    (void)length;
#endif
}

/* ---- Threads of a free-threaded interpreter ----------------------------------------------- */

#ifdef Py_GIL_DISABLED

_Thread_local void *pbf_threads_known PBF_TLS_MODEL;

/* No other thread runs: none is between two steps of a change of a count. What references there
 * were is not counted any more, nor is it given back. */
static int keep(PyObject *ignored, void *objects)
{
    enum { FLAGS = 3, QUEUED = 2 }; /* its thread is to merge its two counts, and would count anew */

    (void)ignored;
    for (PyObject **object = objects; *object != NULL; object++)
        if ((__atomic_load_n(&(*object)->ob_ref_shared, __ATOMIC_RELAXED) & FLAGS) != QUEUED)
            __atomic_store_n(&(*object)->ob_ref_local, UINT32_MAX, __ATOMIC_RELAXED);
    return 0; /* once is enough */
}

void pbf_keep(PyObject **objects)
{
    PyUnstable_GC_VisitObjects(keep, objects);
}

#endif

/* ---- Versions of dicts -------------------------------------------------------------------- */

#if PY_VERSION_HEX < 0x030C0000

int pbf_watch_dicts(void)
{
    return 0;
}

#else

uint64_t pbf_dict_counters[PBF_DICT_COUNTERS];
static int dict_watcher = -1;

static int on_dict(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
{
    (void)event;
    (void)key;
    (void)value;
    /* Release, pairs with the acquire load in pbf_dict_version. The dict is locked: a thread that
     * sees this count and then locks the dict sees the change as well. */
    __atomic_fetch_add(pbf_dict_counter(dict), 1, __ATOMIC_RELEASE);
    return 0;
}

int pbf_watch_dicts(void)
{
    dict_watcher = PyDict_AddWatcher(on_dict);
    return dict_watcher < 0 ? -1 : 0;
}

int pbf_watch_dict(PyObject *dict)
{
    return PyDict_Watch(dict_watcher, dict);
}

#endif

/* ---- Datetimes ---------------------------------------------------------------------------- */

PyTypeObject *pbf_datetime_type(void)
{
    PyDateTime_IMPORT; /* sets PyDateTimeAPI, of which datetime.h gives each C file its own */
    return PyDateTimeAPI == NULL ? NULL : PyDateTimeAPI->DateTimeType;
}

PyObject *pbf_read_datetime(PyObject *datetime, pbf_wall_clock *clock)
{
    clock->year = PyDateTime_GET_YEAR(datetime);
    clock->month = PyDateTime_GET_MONTH(datetime);
    clock->day = PyDateTime_GET_DAY(datetime);
    clock->hour = PyDateTime_DATE_GET_HOUR(datetime);
    clock->minute = PyDateTime_DATE_GET_MINUTE(datetime);
    clock->second = PyDateTime_DATE_GET_SECOND(datetime);
    clock->microsecond = PyDateTime_DATE_GET_MICROSECOND(datetime);
    return PyDateTime_DATE_GET_TZINFO(datetime);
}

bool pbf_read_timedelta(PyObject *object, int64_t *microseconds)
{
    int64_t seconds;

    if (!PyDelta_CheckExact(object))
        return false;
    seconds = PyDateTime_DELTA_GET_DAYS(object) * INT64_C(86400);
    seconds += PyDateTime_DELTA_GET_SECONDS(object);
    *microseconds = seconds * 1000000 + PyDateTime_DELTA_GET_MICROSECONDS(object);
    return true;
}

/* ---- Types -------------------------------------------------------------------------------- */

int pbf_set_lazy_dict(PyTypeObject *type)
{
    static PyGetSetDef definition = {
        "__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL,
    };
    PyObject *descriptor;
    int result = -1;

    /* a table of cdef methods would be the first member */
    if (PyDict_GetItemString(type->tp_dict, "__pyx_vtable__") != NULL) {
        PyErr_SetString(PyExc_SystemError, "extras is not the first member");
        return -1;
    }
    descriptor = PyDescr_NewGetSet(type, &definition);
    if (descriptor != NULL) {
        result = PyDict_SetItemString(type->tp_dict, "__dict__", descriptor);
        Py_DECREF(descriptor);
    }
    type->tp_dictoffset = PBF_EXTRAS_OFFSET;
    PyType_Modified(type);
    return result;
}

void pbf_set_vectorcall(PyTypeObject *type, Py_ssize_t offset)
{
    type->tp_vectorcall_offset = offset;
    type->tp_call = PyVectorcall_Call;
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
    PyType_Modified(type);
}

void pbf_set_call(PyTypeObject *type, ternaryfunc call)
{
    type->tp_call = call;
    type->tp_flags |= Py_TPFLAGS_METHOD_DESCRIPTOR;
    PyType_Modified(type);
}

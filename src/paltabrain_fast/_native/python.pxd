"""What Cython's own declarations of the CPython API lack, and what ``cpython_bridge.h`` adds."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from cpython.object cimport PyObject, PyTypeObject

from . cimport pbf

cdef extern from "cpython_bridge.h":
    enum:
        MAX_FIELDS "PBF_MAX_FIELDS"
        MAX_TRACKED "PBF_MAX_TRACKED"
        LAYOUT "PBF_VALUES_LAYOUT"
        PREVIOUS "PBF_VALUES_PREVIOUS"
        VALUES "PBF_VALUES_FIRST"
        PBF_FREE_THREADED

    ctypedef object (*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *)
    ctypedef object (*ternaryfunc)(object, PyObject *, PyObject *)
    ctypedef int (*initproc)(PyObject *, PyObject *, PyObject *) except -1

    int pbf_raise_set() except -1
    int64_t pbf_unix_ms() noexcept nogil

    uint16_t pbf_hint16 "pbf_hint"(uint16_t word) noexcept
    void pbf_set_hint16 "pbf_set_hint"(uint16_t word, uint16_t value) noexcept
    uint32_t pbf_hint(uint32_t word) noexcept
    void pbf_set_hint(uint32_t word, uint32_t value) noexcept
    void pbf_add_hint(uint32_t word, uint32_t bits) noexcept

    unsigned int pbf_type_version(PyTypeObject *type) noexcept
    bint pbf_may_be_false(object) noexcept
    void pbf_share(object) noexcept

    object pbf_new_values(object layout, object unset, Py_ssize_t count)
    void pbf_set_value(object values, Py_ssize_t place, object value) noexcept
    void pbf_set_previous(object values, object previous) noexcept
    uint64_t pbf_hint64 "pbf_hint"(uint64_t word) noexcept
    void pbf_set_hint64 "pbf_set_hint"(uint64_t word, uint64_t value) noexcept
    uint64_t pbf_see(uint64_t word) noexcept
    void pbf_publish(uint64_t word, uint64_t value) noexcept
    void *pbf_known() noexcept
    void pbf_set_known(void *known) noexcept
    uint64_t pbf_thread() noexcept
    uint32_t pbf_thread_number() noexcept
    void pbf_keep(PyObject **objects) noexcept

    object pbf_dict_get(object dict, object key)
    PyObject *pbf_list_get(PyObject *list, Py_ssize_t index) noexcept

    int pbf_watch_dicts() except -1
    int pbf_watch_dict(object dict) except -1
    bint pbf_can_watch(PyObject *dict) noexcept
    uint64_t pbf_dict_version(PyObject *dict) noexcept

    PyObject *pbf_code(PyObject *function) noexcept
    PyObject *pbf_defaults(PyObject *function) noexcept
    PyObject *pbf_keyword_defaults(PyObject *function) noexcept

    void pbf_prefault(void *memory, size_t length) noexcept nogil

    PyTypeObject *pbf_datetime_type() except NULL
    PyObject *pbf_read_datetime(object datetime, pbf.pbf_wall_clock *clock) noexcept
    bint pbf_read_timedelta(object, int64_t *microseconds) noexcept

    PyObject *pbf_extras(object instance) noexcept
    PyObject *pbf_extras_of "pbf_extras"(PyObject *instance) noexcept  # takes no reference to it
    void pbf_clear_extras(object instance) noexcept
    int pbf_set_lazy_dict(PyTypeObject *type) except -1

    void pbf_set_vectorcall(PyTypeObject *type, Py_ssize_t offset) noexcept
    void pbf_set_call(PyTypeObject *type, ternaryfunc call) noexcept
    void pbf_set_init(PyTypeObject *type, initproc init) noexcept


cdef extern from "Python.h":
    PyTypeObject PyBool_Type
    PyTypeObject PyLong_Type
    PyTypeObject PyUnicode_Type
    Py_ssize_t dict_size "PyDict_GET_SIZE"(object) noexcept
    PyTypeObject *type_of "Py_TYPE"(PyObject *) noexcept  # takes no reference to it
    PyObject *PyObject_CallMethodNoArgs(PyObject *, PyObject *name) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept
    object PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *)
    object PyObject_Call(object callable, PyObject *args, PyObject *kwargs)
    object PyMethod_New(object function, object instance)
    int PyContextVar_Get(PyObject *variable, PyObject *otherwise, PyObject **value) noexcept
    PyObject *PyThreadState_GetDict() noexcept
    void PyOS_AfterFork_Child()
    bint PyLong_Check(PyObject *) noexcept
    bint PyUnicode_IS_READY(PyObject *) noexcept
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *) noexcept
    int PyUnicode_KIND(PyObject *) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *) noexcept
    void *PyUnicode_DATA(PyObject *) noexcept
    long long PyLong_AsLongLongAndOverflow(PyObject *, int *overflow) noexcept

"""What Cython's own declarations of the CPython API lack, and small bridges to it."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from cpython.object cimport PyObject, PyTypeObject

cdef extern from *:
    """
    #ifndef PBF_PYTHON_BRIDGES
    #define PBF_PYTHON_BRIDGES

    #include <time.h>

    static inline int64_t pbf_unix_ms(void)
    {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }

    /* Changes with the type and its bases, and is never given twice; 0: the type has none now.
     * Relaxed: whoever changes a class beside its use has no order to expect. */
    static inline unsigned int pbf_type_version(PyTypeObject *type)
    {
        return __atomic_load_n(&type->tp_version_tag, __ATOMIC_RELAXED);
    }

    /* The value as a new reference; None if there is none. */
    static inline PyObject *pbf_dict_get(PyObject *dict, PyObject *key)
    {
        PyObject *value;

    #if PY_VERSION_HEX >= 0x030D0000
        if (PyDict_GetItemRef(dict, key, &value) < 0)
            return NULL;
        if (value != NULL)
            return value;
    #else
        value = PyDict_GetItemWithError(dict, key);
        if (value == NULL && PyErr_Occurred())
            return NULL;
        if (value != NULL)
            return Py_NewRef(value);
    #endif
        return Py_NewRef(Py_None);
    }

    /* An element; NULL, without an exception, beyond the end. Without a GIL the reference is new,
     * with one it is borrowed. */
    static inline PyObject *pbf_list_get(PyObject *list, Py_ssize_t index)
    {
    #ifdef Py_GIL_DISABLED
        PyObject *item = PyList_GetItemRef(list, index);

        if (item == NULL)
            PyErr_Clear();
        return item;
    #else
        return index < PyList_GET_SIZE(list) ? PyList_GET_ITEM(list, index) : NULL;
    #endif
    }

    /* Whether the interpreter runs threads side by side, so that borrowed references need care. */
    #ifdef Py_GIL_DISABLED
    enum { PBF_FREE_THREADED = 1 };
    #else
    enum { PBF_FREE_THREADED = 0 };
    #endif

    /* Has threads share an object without passing its reference count between their processors; it
     * then lives as long as the process. With a GIL, neither is so. */
    static inline void pbf_share(PyObject *object)
    {
    #ifdef Py_GIL_DISABLED
        Py_SET_REFCNT(object, (Py_ssize_t)UINT32_MAX + 1);
    #endif
    }

    /* The __dict__ of an instance of our bases, whose first member it is; NULL if it has none. */
    static inline PyObject *pbf_extras(PyObject *instance)
    {
        PyObject **extras = (PyObject **)((char *)instance + sizeof(PyObject));

        return __atomic_load_n(extras, __ATOMIC_ACQUIRE);
    }

    /* Has the objects of a type called and found as functions and methods are. Cython would unpack
     * the arguments into a tuple and a dict, and make a bound method at each call. */
    static inline void pbf_set_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_call = PyVectorcall_Call;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
        PyType_Modified(type);
    }

    /* Whether the truth of an object has to be asked for; it is true otherwise. */
    static inline int pbf_may_be_false(PyObject *object)
    {
        PyTypeObject *type = Py_TYPE(object);

        return (type->tp_as_number != NULL && type->tp_as_number->nb_bool != NULL) ||
               (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) ||
               (type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length != NULL);
    }

    /* Says -1 for an exception that is set already. */
    static inline int pbf_raise_set(void)
    {
        return -1;
    }

    /* Hints that threads share without a lock: any of the values written to them is a good one. */
    #define pbf_hint(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
    #define pbf_set_hint(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)
    #define pbf_add_hint(word, bits) __atomic_fetch_or(&(word), bits, __ATOMIC_RELAXED)

    #endif
    """
    enum:
        PBF_FREE_THREADED

    ctypedef object (*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *)

    int64_t pbf_unix_ms() noexcept nogil
    int pbf_raise_set() except -1
    void pbf_set_vectorcall(PyTypeObject *type, Py_ssize_t offset) noexcept
    bint pbf_may_be_false(object) noexcept
    void pbf_share(object) noexcept
    PyObject *pbf_extras(object instance) noexcept
    unsigned int pbf_type_version(PyTypeObject *type) noexcept
    object pbf_dict_get(object dict, object key)
    PyObject *pbf_list_get(PyObject *list, Py_ssize_t index) noexcept
    uint16_t pbf_hint16 "pbf_hint"(uint16_t word) noexcept
    void pbf_set_hint16 "pbf_set_hint"(uint16_t word, uint16_t value) noexcept
    uint32_t pbf_hint(uint32_t word) noexcept
    void pbf_set_hint(uint32_t word, uint32_t value) noexcept
    void pbf_add_hint(uint32_t word, uint32_t bits) noexcept


cdef extern from "Python.h":
    PyTypeObject PyBool_Type
    PyTypeObject PyLong_Type
    PyTypeObject PyUnicode_Type
    Py_ssize_t dict_size "PyDict_GET_SIZE"(object) noexcept
    PyObject *PyObject_CallMethodNoArgs(PyObject *, PyObject *name) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept
    object PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *)
    object PyObject_Call(object callable, PyObject *args, PyObject *kwargs)
    object PyMethod_New(object function, object instance)
    bint PyLong_Check(PyObject *) noexcept
    bint PyUnicode_IS_READY(PyObject *) noexcept
    bint PyUnicode_IS_COMPACT_ASCII(PyObject *) noexcept
    int PyUnicode_KIND(PyObject *) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject *) noexcept
    void *PyUnicode_DATA(PyObject *) noexcept
    long long PyLong_AsLongLongAndOverflow(PyObject *, int *overflow) noexcept
    bint PyType_IsSubtype(PyTypeObject *, PyTypeObject *) noexcept

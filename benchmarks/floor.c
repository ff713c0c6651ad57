/* An extension for the benchmarks: a track() that only reads the clock, and callgrind. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

static PyObject *track(PyObject *self, PyObject *event)
{
    struct timespec now;

    (void)self;
    (void)event;
    clock_gettime(CLOCK_REALTIME, &now);
    Py_RETURN_NONE;
}

static PyObject *zero(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    CALLGRIND_START_INSTRUMENTATION; /* if it has not begun already */
    CALLGRIND_ZERO_STATS;
    Py_RETURN_NONE;
}

static PyObject *dump(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    CALLGRIND_DUMP_STATS_AT("counted");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"track", track, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot slots[] = {{Py_tp_methods, methods}, {0, NULL}};
static PyType_Spec spec = {"floor.Floor", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, slots};

static PyMethodDef functions[] = {
    {"zero", zero, METH_NOARGS, "Begin to count instructions."},
    {"dump", dump, METH_NOARGS, "Write down the instructions since zero()."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "floor", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_floor(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = PyType_FromSpec(&spec);

    if (module == NULL || type == NULL || PyModule_AddObject(module, "Floor", type) < 0)
        return NULL;
    return module;
}

/* The module `_core`: it stands for the shared object that holds all modules of this package.
 *
 * It is empty. `__init__.py` imports it to learn where the shared object is. */

#include <Python.h>

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "paltabrain_fast._native._core",
    .m_doc = "The shared object that holds the modules of the native engine.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}

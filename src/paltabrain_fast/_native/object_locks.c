/* A thread that waits for the lock of an object, such as a dict, may be given it by whoever lets go
 * of it. If the world is stopped for a fork before that thread goes on, it holds the lock in the
 * child, where it does not exist: the first use of the object there hangs. CPython 3.13 frees its
 * other locks in a child, but not these. */
#include <Python.h>

#include "object_locks.h"

#ifdef Py_GIL_DISABLED

static int free_lock(PyObject *object, void *unused)
{
    (void)unused;
    if (object->ob_mutex._bits != 0) /* or memory that is shared with the parent would be copied */
        object->ob_mutex._bits = 0;
    return 0;
}

/* Frees the lock of an object and of those that it refers to: some dicts and tuples are unknown to
 * the collector. */
static int free_locks(PyObject *object, void *unused)
{
    traverseproc traverse = Py_TYPE(object)->tp_traverse;

    free_lock(object, unused);
    if (traverse != NULL)
        traverse(object, free_lock, unused);
    return 1; /* go on to the next object */
}

void pbf_free_object_locks(void)
{
    /* A lock may be this thread's own, if the fork happens in a call that holds one: a comparison
     * of keys, say. Then none is touched. */
    if (PyThreadState_GetUnchecked()->critical_section == 0)
        PyUnstable_GC_VisitObjects(free_locks, NULL);
}

#else

void pbf_free_object_locks(void)
{
}

#endif

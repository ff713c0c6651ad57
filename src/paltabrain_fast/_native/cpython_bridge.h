/* All C of the extension that needs Python.h, for the Cython modules beside it.
 *
 * Here is what must be inlined; the rest, and all state, is in cpython_bridge.c. The declarations
 * for Cython are in python.pxd and fork.pxd.
 *
 * Unless its comment says otherwise, a function needs an attached thread state (the GIL, where
 * there is one) and takes no lock. A `PyObject *` that is passed in is borrowed. */
#ifndef PBF_CPYTHON_BRIDGE_H
#define PBF_CPYTHON_BRIDGE_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "pbf_encode.h"
#include "pbf_record.h"

/* ---- Limits ------------------------------------------------------------------------------- */

enum {
    PBF_MAX_FIELDS = 128, /* fields of one message that an encoding plan has */
    PBF_MAX_TRACKED = 16, /* dicts of one context whose changes are tracked: it and its groups */
};

_Static_assert(PBF_MAX_FIELDS <= UINT16_MAX, "plans number their fields in 16 bits");
_Static_assert(PBF_BATCH_MAX <= UINT32_MAX, "a tracked dict's bytes are located in 32 bits");

/* ---- Where code lies ---------------------------------------------------------------------- */

/* Place the code of Cython's functions, which their modules name at the top: PBF_HOT what every
 * track() runs, side by side with the other modules', so that it lies in few pages and lines; PBF_APART
 * what few do, not inlined into the former; PBF_COLD what none does. Without a prototype, since
 * Cython gives that later. GCC tells of a function that is not there any more. */
#if defined(__GNUC__) && !defined(__clang__)
#define PBF_PLACED(result, name, attribute) static result name() __attribute__((attribute))
#else
#define PBF_PLACED(result, name, attribute) _Static_assert(1, "")
#endif
#define PBF_FUNCTION(name) __pyx_f_15paltabrain_fast_7_native_##name
#define PBF_HOT(result, name) PBF_PLACED(result, PBF_FUNCTION(name), hot)
#define PBF_APART(result, name) PBF_PLACED(result, PBF_FUNCTION(name), noinline)
#define PBF_COLD(result, name) PBF_PLACED(result, PBF_FUNCTION(name), cold)

/* ---- The interpreter ---------------------------------------------------------------------- */

/* Whether threads run Python code at the same time, so that borrowed references need care. */
#ifdef Py_GIL_DISABLED
enum { PBF_FREE_THREADED = 1 };
#else
enum { PBF_FREE_THREADED = 0 };
#endif

/* Lets a Cython function return -1 for an exception that is set already. */
static inline int pbf_raise_set(void)
{
    return -1;
}

/* ---- The process: forks, and threads that are inside the SDK ------------------------------ */

/* How many forks lie between this process and the one that loaded the extension. Only the handler
 * that pbf_watch_forks() installs writes it. */
extern _Atomic uint64_t pbf_forks;

/* glibc reserves space for thread-locals of libraries that are loaded later, so that these can be
 * addressed directly; elsewhere each access is a call. */
#ifdef __GLIBC__
#define PBF_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define PBF_TLS_MODEL
#endif

/* How deep this thread is inside the SDK's own code, in units of 2**32. Read and written by the
 * thread itself. */
extern _Thread_local uint64_t pbf_inside PBF_TLS_MODEL;

/* The number of this thread among those that have put an event into a buffer; 0: it has not. */
extern _Thread_local uint32_t pbf_threads_number PBF_TLS_MODEL;

/* Gives this thread the next number. */
uint32_t pbf_number_thread(void);

/* Returns a small number by which threads are told apart, as well as the numbers go. */
static inline uint32_t pbf_thread_number(void)
{
    return pbf_threads_number != 0 ? pbf_threads_number : pbf_number_thread();
}

/* Has the C library call us in each forked child, however it is forked. Called once, by fork.pyx,
 * when it is imported. Returns 0, or an errno. */
int pbf_watch_forks(void);

/* Returns the count of forks. track() and everything else that must notice that it runs in a child
 * compare it with the count that they noted. Needs no GIL.
 * Relaxed: a child begins with one thread, and the count orders no other memory. */
static inline uint64_t pbf_fork_count(void)
{
    return atomic_load_explicit(&pbf_forks, memory_order_relaxed);
}

/* Returns the count of forks, or, for a thread that may be inside the SDK's own code, a number that
 * no count of forks is equal to. So track() needs one comparison for both. Needs no GIL. */
static inline uint64_t pbf_fork_count_outside(void)
{
    return pbf_fork_count() + pbf_inside;
}

/* Whether this thread may be inside the SDK's own code. Needs no GIL. */
static inline bool pbf_may_be_inside(void)
{
    return pbf_inside != 0;
}

/* Notes that this thread enters (1) or leaves (-1) the SDK's own code. Needs no GIL. */
static inline void pbf_note_inside(int change)
{
    pbf_inside += (uint64_t)(int64_t)change << 32;
}

/* Whether the process has one thread; false where that cannot be told. fork.pyx asks in a forked
 * child, whose thread has the GIL and must keep it: so this calls no Python. */
bool pbf_is_single_threaded(void);

/* ---- Clocks ------------------------------------------------------------------------------- */

/* Returns the time, in milliseconds since 1970. Needs no GIL. */
static inline int64_t pbf_unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Hints -------------------------------------------------------------------------------- */

/* Words that threads read and write without a lock, each of whose values is a valid one: what a
 * thread misses for it, it finds out anew. Relaxed: they order no other memory. Need no GIL. */
#define pbf_hint(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define pbf_set_hint(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)
#define pbf_add_hint(word, bits) __atomic_fetch_or(&(word), bits, __ATOMIC_RELAXED)

/* ---- Memory ------------------------------------------------------------------------------- */

/* Makes pages resident without changing what they hold. Where the system cannot do that, each page
 * becomes resident when it is first used, as ever. Needs no GIL. */
void pbf_prefault(void *memory, size_t length);

/* ---- Objects ------------------------------------------------------------------------------ */

/* Returns the version of a type. It changes with the type and with its bases, and no two types ever
 * have the same; 0 means that the type has none at present. The plans of classes are found by it.
 * Relaxed: who changes a class while another thread uses it cannot expect an order. */
static inline unsigned int pbf_type_version(PyTypeObject *type)
{
    return __atomic_load_n(&type->tp_version_tag, __ATOMIC_RELAXED);
}

/* Whether the truth value of an object has to be computed; if not, it is true. For the context that
 * is given to track(), which may run no Python code. */
static inline bool pbf_may_be_false(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    return (type->tp_as_number != NULL && type->tp_as_number->nb_bool != NULL) ||
           (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) ||
           (type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length != NULL);
}

/* Makes an object immortal on a free-threaded interpreter, so that threads that refer to it do not
 * pass its reference count from processor to processor. Does nothing where there is a GIL.
 * For the few objects that every track() touches. No other thread may have the object yet. */
static inline void pbf_share(PyObject *object)
{
#ifdef Py_GIL_DISABLED
    Py_SET_REFCNT(object, (Py_ssize_t)UINT32_MAX + 1);
#endif
}

/* ---- Threads of a free-threaded interpreter ----------------------------------------------- */

/* Words that publish what was written before them: an acquire load pairs with a release store. Need
 * no GIL. */
#define pbf_see(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define pbf_publish(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELEASE)

#ifdef Py_GIL_DISABLED

/* What this thread knows; known.pyx says what that is. Read and written by the thread itself. */
extern _Thread_local void *pbf_threads_known PBF_TLS_MODEL;

static inline void *pbf_known(void)
{
    return pbf_threads_known;
}

static inline void pbf_set_known(void *known)
{
    pbf_threads_known = known;
}

/* Returns a number that no other thread which is alive has, and that is neither 0 nor UINT64_MAX. */
static inline uint64_t pbf_thread(void)
{
    return _Py_ThreadId();
}

/* Makes objects immortal that other threads have already: NULL ends the row. The interpreter stops
 * all threads for that, as for a garbage collection. Not for many: they are never freed. */
void pbf_keep(PyObject **objects);

#else /* all of this is then left out by the compiler */

static inline void *pbf_known(void)
{
    return NULL;
}

static inline void pbf_set_known(void *known)
{
    (void)known;
}

static inline uint64_t pbf_thread(void)
{
    return 1;
}

static inline void pbf_keep(PyObject **objects)
{
    (void)objects;
}

#endif

/* ---- Dicts and lists ---------------------------------------------------------------------- */

/* Returns a new reference to the value of a key, or to None if there is none; NULL with an
 * exception set if the lookup failed. */
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

/* Returns an item of a list; NULL, with no exception set, if the list is not that long. The
 * reference is borrowed where there is a GIL, and new where there is none, since another thread may
 * remove the item. The encoder walks along lists with it. */
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

/* ---- Properties that are kept in a tuple --------------------------------------------------- */

/* See base.pxd: a layout, what was set before, and the values. */
enum { PBF_VALUES_LAYOUT, PBF_VALUES_PREVIOUS, PBF_VALUES_FIRST };

/* Returns a new tuple of `count` values, each of them `unset`; NULL with an exception set if there
 * is no memory. */
static inline PyObject *pbf_new_values(PyObject *layout, PyObject *unset, Py_ssize_t count)
{
    PyObject *values = PyTuple_New(PBF_VALUES_FIRST + count);

    if (values == NULL)
        return NULL;
    PyTuple_SET_ITEM(values, PBF_VALUES_LAYOUT, Py_NewRef(layout));
    PyTuple_SET_ITEM(values, PBF_VALUES_PREVIOUS, Py_NewRef(Py_None));
    for (Py_ssize_t place = 0; place < count; place++)
        PyTuple_SET_ITEM(values, PBF_VALUES_FIRST + place, Py_NewRef(unset));
    return values;
}

static inline void pbf_set_item(PyObject *values, Py_ssize_t place, PyObject *value)
{
    PyObject *before = PyTuple_GET_ITEM(values, place);

    PyTuple_SET_ITEM(values, place, Py_NewRef(value));
    Py_DECREF(before);
}

/* Replaces the value at a place. Only the caller has the tuple yet, and what is replaced is one that
 * others refer to as well. */
static inline void pbf_set_value(PyObject *values, Py_ssize_t place, PyObject *value)
{
    pbf_set_item(values, PBF_VALUES_FIRST + place, value);
}

/* Puts values behind those that were set before, likewise. */
static inline void pbf_set_previous(PyObject *values, PyObject *previous)
{
    pbf_set_item(values, PBF_VALUES_PREVIOUS, previous);
}

/* ---- Versions of dicts -------------------------------------------------------------------- */

/* A word that changes whenever the dict does, so that what was made of a dict is known to be as it
 * was. Any thread may look at it; what it then reads of the dict, it reads with the dict locked. */

#if PY_VERSION_HEX < 0x030C0000

/* CPython 3.11 keeps a version in each dict. */
static inline uint64_t pbf_dict_version(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_version_tag;
}

static inline bool pbf_can_watch(PyObject *dict)
{
    (void)dict;
    return true;
}

static inline int pbf_watch_dict(PyObject *dict)
{
    (void)dict;
    return 0;
}

#else

/* From CPython 3.12 on, a watcher is told of each change before it is made, and counts it under the
 * address of the dict. Two dicts may share a counter: a change of one then passes for a change of
 * both. */
enum { PBF_DICT_COUNTERS = 1024 };

extern uint64_t pbf_dict_counters[PBF_DICT_COUNTERS];

static inline uint64_t *pbf_dict_counter(PyObject *dict)
{
    uintptr_t address = (uintptr_t)dict >> 4;

    return &pbf_dict_counters[(address ^ address >> 10) % PBF_DICT_COUNTERS];
}

static inline uint64_t pbf_dict_version(PyObject *dict)
{
    /* Acquire, pairs with the release addition in on_dict. */
    return __atomic_load_n(pbf_dict_counter(dict), __ATOMIC_ACQUIRE);
}

/* Not the dict of an object that still keeps its values: CPython 3.13.0 does not tell the watcher
 * when it changes those. */
static inline bool pbf_can_watch(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_values == NULL;
}

/* Has the dict's version change with each change from now on; the dict must be one that
 * pbf_can_watch(). Returns -1 with an exception set if that fails. */
int pbf_watch_dict(PyObject *dict);

#endif

/* Has the interpreter tell us of changes of dicts. Called once, when classes.pyx is imported.
 * Returns -1 with an exception set if all of the interpreter's watchers are taken. */
int pbf_watch_dicts(void);

/* ---- Functions ---------------------------------------------------------------------------- */

/* What a function does depends on these; borrowed, the latter two NULL if there are none. */

static inline PyObject *pbf_code(PyObject *function)
{
    return ((PyFunctionObject *)function)->func_code;
}

static inline PyObject *pbf_defaults(PyObject *function)
{
    return ((PyFunctionObject *)function)->func_defaults;
}

static inline PyObject *pbf_keyword_defaults(PyObject *function)
{
    return ((PyFunctionObject *)function)->func_kwdefaults;
}

/* ---- Datetimes ---------------------------------------------------------------------------- */

/* Returns the class `datetime`; NULL with an exception set if it cannot be had. It is that of the C
 * API, which no test that replaces datetime.datetime can change. Called by encode.pyx when it is
 * imported, and before pbf_read_timedelta(). */
PyTypeObject *pbf_datetime_type(void);

/* Reads a datetime; returns its tzinfo, None if it is naive, as a borrowed reference. */
PyObject *pbf_read_datetime(PyObject *datetime, pbf_wall_clock *clock);

/* Reads a timedelta, as microseconds; false if the object is none. */
bool pbf_read_timedelta(PyObject *object, int64_t *microseconds);

/* ---- The instance dict of our base classes ------------------------------------------------ */

/* An instance of EventBase or ContextBase gets its __dict__ when it needs one. The pointer to it is
 * the first member after the object's head, `extras` in base.pxd. */
enum { PBF_EXTRAS_OFFSET = sizeof(PyObject) };

/* Returns the __dict__ of an instance, borrowed; NULL if it has none yet. track() asks whether the
 * instance itself overrides anything.
 * Acquire: pairs with the interpreter's release when it publishes the dict. */
static inline PyObject *pbf_extras(PyObject *instance)
{
    PyObject **extras = (PyObject **)((char *)instance + PBF_EXTRAS_OFFSET);

    return __atomic_load_n(extras, __ATOMIC_ACQUIRE);
}

/* Empties `extras`, which Cython sets to None before it calls __cinit__. Called by __cinit__, when
 * no other thread has the instance. */
static inline void pbf_clear_extras(PyObject *instance)
{
    PyObject **extras = (PyObject **)((char *)instance + PBF_EXTRAS_OFFSET);

    Py_CLEAR(*extras);
}

/* Tells the interpreter that `extras` is the __dict__ of the instances of a type; Cython's own
 * __dict__ would be made for each instance. Called once per type, when base.pyx is imported.
 * Returns -1 with an exception set if that fails. */
int pbf_set_lazy_dict(PyTypeObject *type);

/* ---- Slots of types that Cython cannot fill ----------------------------------------------- */

/* These are called when a module is imported, before another thread has the type. */

/* Has the instances of a type called by vectorcall, and bound without a bound-method object.
 * `offset` is that of the member with the vectorcall function. With Cython's own slots, each call
 * would pack its arguments into a tuple and a dict, and make a bound method. */
void pbf_set_vectorcall(PyTypeObject *type, Py_ssize_t offset);

/* Has the instances of a type called by `call` with a tuple and a dict, and bound as above. */
void pbf_set_call(PyTypeObject *type, ternaryfunc call);

/* Has `init` called for __init__, where the interpreter's own slot would look __init__ up and pack
 * the arguments anew. An assignment to __init__, of the class or of a base, restores that slot. For
 * a class of the user's, so called by install_native_methods() as well, with the GIL or while no
 * other thread has the class. */
static inline void pbf_set_init(PyTypeObject *type, initproc init)
{
    type->tp_init = init;
}

#endif

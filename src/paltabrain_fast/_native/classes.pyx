"""Which of the user's classes are proved to be generated, and how their instances are encoded."""

import logging
from collections import defaultdict
from weakref import WeakKeyDictionary, WeakSet

from google.protobuf import message_factory

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_CheckExact, PyDict_Contains, PyDict_Next
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_TYPE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from . cimport pbf
from .base cimport MAX_TRACKED, TrackedDict, groups_of
from .encode cimport (
    ENCODED,
    INTERRUPTED,
    MAX_LESSONS,
    NO_ROOM,
    SLOW,
    Dicts,
    Lesson,
    begin,
    encode_message,
)
from .python cimport pbf_add_hint, pbf_extras, pbf_raise_set, pbf_share, pbf_type_version

from .._engine.protocol import class_given_error
from ..encoding.recognition import (
    NotGeneratedError,
    is_generated_module,
    recognise_context,
    recognise_event,
)
from ..encoding.sandbox import binding_holds
from ..process.log import log_line
from ..sdk_pb2 import Event
from .base import ContextBase as ContextBaseClass
from .base import EventBase as EventBaseClass
from .plan import plan_of

cdef extern from *:
    """
    /* A word that changes whenever the dict does. CPython 3.11 keeps one in each dict; from 3.12 on
     * it tells a watcher before each change, which counts it under the dict's address. Two dicts
     * may share a counter: a change of one then passes for a change of both. */
    #if PY_VERSION_HEX < 0x030C0000

    static int pbf_watch_dicts(void)
    {
        return 0;
    }

    static inline bool pbf_can_watch(PyObject *dict)
    {
        return true;
    }

    static int pbf_watch_dict(PyObject *dict)
    {
        return 0;
    }

    static inline uint64_t pbf_dict_version(PyObject *dict)
    {
        return ((PyDictObject *)dict)->ma_version_tag;
    }

    #else

    enum { PBF_DICT_COUNTERS = 1024 };

    static uint64_t pbf_dict_counters[PBF_DICT_COUNTERS];
    static int pbf_dict_watcher = -1;

    static inline uint64_t *pbf_dict_counter(PyObject *dict)
    {
        uintptr_t address = (uintptr_t)dict >> 4;

        return &pbf_dict_counters[(address ^ address >> 10) % PBF_DICT_COUNTERS];
    }

    static int pbf_on_dict(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
    {
        /* Release, pairs with the acquire load in pbf_dict_version. The dict is locked, so that who
         * reads it later than that load sees the change as well. */
        __atomic_fetch_add(pbf_dict_counter(dict), 1, __ATOMIC_RELEASE);
        return 0;
    }

    /* Not the dict of an object that still keeps the values: CPython 3.13.0 changes those without a
     * word to the watcher. */
    static inline bool pbf_can_watch(PyObject *dict)
    {
        return ((PyDictObject *)dict)->ma_values == NULL;
    }

    static int pbf_watch_dicts(void)
    {
        pbf_dict_watcher = PyDict_AddWatcher(pbf_on_dict);
        return pbf_dict_watcher < 0 ? -1 : 0;
    }

    static int pbf_watch_dict(PyObject *dict)
    {
        return pbf_dict_watcher < 0 ? -1 : PyDict_Watch(pbf_dict_watcher, dict);
    }

    static inline uint64_t pbf_dict_version(PyObject *dict)
    {
        return __atomic_load_n(pbf_dict_counter(dict), __ATOMIC_ACQUIRE);
    }

    #endif

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
    """
    int pbf_watch_dicts() except -1
    bint pbf_can_watch(PyObject *dict) noexcept
    int pbf_watch_dict(object dict) except -1
    uint64_t pbf_dict_version(PyObject *dict) noexcept
    PyObject *pbf_code(PyObject *function) noexcept
    PyObject *pbf_defaults(PyObject *function) noexcept
    PyObject *pbf_keyword_defaults(PyObject *function) noexcept

cdef extern from "Python.h":
    PyObject *PyFunction_GET_GLOBALS(PyObject *) noexcept

cdef enum:
    PLANS = 256
    CONTEXT_SCRATCH = 4096

# Fields of Event, as tags.
cdef enum:
    HEADER_TAG = 0x12
    PAYLOAD_TAG = 0x1A

cdef PyTypeObject *DEFAULT_DICT = <PyTypeObject *>defaultdict
cdef object known_plans = WeakKeyDictionary()  # by class
cdef object disproved = WeakSet()  # classes whose encoding differed from their own
cdef object reported = WeakSet()
cdef PyObject *plans[PLANS]  # by version; borrowed

cdef tuple EVENT_NAMES = ("serialize_header", "serialize_payload", "event_type_id")
cdef tuple CONTEXT_NAMES = ("serialize_context",)

try:
    pbf_watch_dicts()
except RuntimeError as error:
    raise ImportError(f"changes of dicts cannot be watched: {error}") from error


cdef class ClassPlan:
    def __dealloc__(self):
        cdef PyObject **slot = &plans[self.version % PLANS]

        if slot[0] == <PyObject *>self:
            slot[0] = NULL

    cdef int bind(self, tuple methods, tuple names) except -1:
        """Note what the recognised methods rest on."""
        self.messages = tuple([method.message for method in methods])
        self.names = tuple({*names, *[name for method in methods for name in method.names]})
        functions = [function for method in methods for function in method.functions]
        for function in functions:
            self.add_function(<PyObject *>function)
        # or what takes their place could have their address
        self.kept = [
            (function.__code__, function.__defaults__, function.__kwdefaults__)
            for function in functions
        ]
        # without the namespaces, which would keep the class
        self.bindings = tuple([
            (self.add_namespace(binding.namespace), binding.name, binding.value)
            for method in methods
            for binding in method.bindings
        ])
        return 0

    cdef int add_function(self, PyObject *function) except -1:
        cdef int number

        for number in range(self.function_count):
            if self.functions[number] == function:
                return 0
        if self.function_count == MAX_FUNCTIONS:
            raise NotGeneratedError(f"its methods call more than {MAX_FUNCTIONS} functions")
        self.functions[self.function_count] = function
        self.codes[self.function_count] = pbf_code(function)
        self.defaults[self.function_count] = pbf_defaults(function)
        self.keyword_defaults[self.function_count] = pbf_keyword_defaults(function)
        if pbf_defaults(function) != NULL or pbf_keyword_defaults(function) != NULL:
            self.has_defaults = True
        self.function_count += 1
        return 0

    cdef int add_namespace(self, object namespace) except -1:
        """Watch a namespace; return its number."""
        cdef int number

        for number in range(self.namespace_count):
            if self.namespaces[number] == <PyObject *>namespace:
                return number
        if self.namespace_count == MAX_NAMESPACES:
            raise NotGeneratedError(f"its methods use more than {MAX_NAMESPACES} modules")
        pbf_watch_dict(namespace)
        self.namespaces[self.namespace_count] = <PyObject *>namespace
        self.namespace_versions[self.namespace_count] = pbf_dict_version(<PyObject *>namespace)
        self.namespace_count += 1
        return self.namespace_count - 1

    cdef bint has_same_defaults(self) noexcept:
        cdef int number

        for number in range(self.function_count):
            if (
                pbf_defaults(self.functions[number]) != self.defaults[number]
                or pbf_keyword_defaults(self.functions[number]) != self.keyword_defaults[number]
            ):
                return False
        return True

    cdef bint is_still_bound(self, int number) noexcept:
        """Something was assigned in a module; if it was nothing that counts, go on."""
        cdef uint64_t version = pbf_dict_version(self.namespaces[number])

        try:
            for place, name, value in self.bindings:
                if place == number and not binding_holds(
                    <object>self.namespaces[number], name, value
                ):
                    return False
        except Exception:
            return False
        self.namespace_versions[number] = version
        return True


cdef inline bint is_current(ClassPlan plan) noexcept:
    """Whether the class, of this version, still does what it did when it was recognised."""
    cdef int number

    # in this order: functions of a module are alive while its names are as they were
    for number in range(plan.namespace_count):
        if (
            pbf_dict_version(plan.namespaces[number]) != plan.namespace_versions[number]
            and not plan.is_still_bound(number)
        ):
            return False
    for number in range(plan.function_count):
        if pbf_code(plan.functions[number]) != plan.codes[number]:
            return False
    return not plan.has_defaults or plan.has_same_defaults()


cdef class EventPlan(ClassPlan):
    cdef int describe(self, cls) except -1:
        found = recognise_event(cls, EventBaseClass)
        self.header = plan_of(found.header.message, True)
        self.sorts_header = found.header.deterministic
        member = found.payload.message.DESCRIPTOR.fields_by_name[found.member]
        self.payload = plan_of(message_factory.GetMessageClass(member.message_type), False)
        self.sorts_payload = found.payload.deterministic
        self.member_tag = pbf.pbf_tag(member.number, pbf.PBF_WIRE_BYTES)
        self.bind((found.header, found.payload), EVENT_NAMES)
        return 0


cdef class ContextPlan(ClassPlan):
    cdef int describe(self, cls) except -1:
        found = recognise_context(cls, ContextBaseClass)
        self.groups = plan_of(found.message, True)
        self.bind((found,), CONTEXT_NAMES)
        return 0


cdef inline ClassPlan find_plan(object instance):
    """The plan of an instance's class, as the class is now; None if there can be none."""
    cdef uint32_t version = pbf_type_version(Py_TYPE(instance))
    cdef PyObject *found = plans[version % PLANS]

    if (
        found != NULL
        and version != 0
        and (<ClassPlan>found).version == version
        and is_current(<ClassPlan>found)
    ):
        return <ClassPlan>found
    return look_up_plan(<object>Py_TYPE(instance), version)


cdef ClassPlan look_up_plan(object cls, uint32_t version):
    try:
        return known_plan(cls, version, &plans[version % PLANS]) or make_plan(cls)
    except Exception:
        return None


cdef ClassPlan known_plan(object cls, uint32_t version, PyObject **slot):
    """The plan that was made for this version of the class, if another took its place since."""
    cdef ClassPlan plan = <ClassPlan>known_plans.get(cls)

    if plan is None or version == 0 or plan.version != version or not is_current(plan):
        return None
    slot[0] = <PyObject *>plan
    return plan


cdef ClassPlan make_plan(object cls):
    cdef ClassPlan plan, previous
    cdef bint is_event = issubclass(cls, EventBaseClass)
    cdef uint32_t version

    if not is_event and not issubclass(cls, ContextBaseClass):
        return None
    plan = EventPlan() if is_event else ContextPlan()
    getattr(cls, "asdict", None)  # looking something up gives the class a version
    version = pbf_type_version(<PyTypeObject *>cls)
    try:
        if version == 0:
            raise NotGeneratedError("it was changed too often")
        if cls in disproved:
            raise NotGeneratedError("its encoding once differed from that of its own methods")
        if is_event:
            (<EventPlan>plan).describe(cls)
        else:
            (<ContextPlan>plan).describe(cls)
    except Exception as error:
        plan.slow_reason = str(error)
        report(cls, error)
    previous = <ClassPlan>known_plans.get(cls)
    if previous is not None:
        if previous.slow_reason is None:
            plan.previous = previous
        elif previous.version == version and previous.slow_reason == plan.slow_reason:
            return previous  # without a GIL, each one that is shared stays for good
    plan.version = version
    known_plans[cls] = plan
    pbf_share(plan)
    if version != 0:
        plans[version % PLANS] = <PyObject *>plan
    return plan


cdef int report(object cls, object reason) except -1:
    """Say once that a class is slow: a warning if that is the user's doing, who can mend it."""
    if cls not in reported:
        reported.add(cls)
        module = getattr(reason, "module", None)
        is_users = module is not None and not is_generated_module(module)
        log_line(
            logging.WARNING if is_users or cls in disproved else logging.DEBUG,
            "%s.%s is serialized by its own methods, which is slower: %s",
            cls.__module__,
            cls.__qualname__,
            str(reason),  # its frames would keep the class
        )
    return 0


cdef int disprove(object cls) except -1:
    disproved.add(cls)
    reported.discard(cls)
    plan = <ClassPlan>known_plans.get(cls)
    if plan is not None:
        if plans[plan.version % PLANS] == <PyObject *>plan:
            plans[plan.version % PLANS] = NULL
        plan.version = 0  # the next instance gets a plan that says so
    return 0


cdef inline bint is_patched(object instance, tuple names) noexcept:
    """Whether the instance itself has one of these attributes."""
    return pbf_extras(instance) != NULL and has_extra(instance, names)


cdef bint has_extra(object instance, tuple names) noexcept:
    try:
        for name in names:
            if PyDict_Contains(<object>pbf_extras(instance), name):
                return True
    except Exception:
        return True
    return False


cdef EventPlan event_plan(object event):
    """The plan of an event that is to be encoded here, None if its own methods are to do it."""
    cdef ClassPlan plan = find_plan(event)

    if plan is None or plan.slow_reason is not None or type(plan) is not EventPlan:
        return None
    return None if is_patched(event, plan.names) else <EventPlan>plan


cdef Outcome encode_event(EventPlan plan, EventBase event, Encoding *encoding) noexcept:
    """Write header and payload as the fields of ``Event`` that they are."""
    cdef object header, payload
    cdef size_t before
    cdef Outcome outcome = ENCODED

    with cython.critical_section(event):
        header = event.header
        payload = event.payload
    if payload is not None:
        if not PyDict_CheckExact(payload):
            return SLOW
        encoding.deterministic = plan.sorts_payload
        outcome = encode_message(plan.payload, payload, encoding)
        if outcome != ENCODED:
            return outcome
    if (
        pbf.pbf_encode_prefix(&encoding.out, plan.member_tag, 0) != pbf.PBF_OK
        or pbf.pbf_encode_prefix(&encoding.out, PAYLOAD_TAG, 0) != pbf.PBF_OK
    ):
        return NO_ROOM
    if header is None:
        return ENCODED
    if not is_groups(header):
        return SLOW
    before = pbf.pbf_encoded_length(&encoding.out)
    encoding.deterministic = plan.sorts_header
    outcome = encode_message(plan.header, header, encoding)
    if outcome != ENCODED or pbf.pbf_encoded_length(&encoding.out) == before:
        return outcome
    if pbf.pbf_encode_prefix(&encoding.out, HEADER_TAG, before) != pbf.PBF_OK:
        return NO_ROOM
    return ENCODED


cdef inline bint is_groups(object groups) noexcept:
    return Py_TYPE(groups) == DEFAULT_DICT or PyDict_CheckExact(groups)


cdef int learn_event(EventPlan plan, EventBase event, bytes header, bytes payload) except -1:
    """Compare with what the event's own methods made of it: trust it from now on, or never."""
    cdef Lesson lessons[MAX_LESSONS]
    cdef int count = 0

    encoded = event_bytes(plan, event, lessons, &count)
    if encoded is None:
        return 0
    if all(map(is_same, plan.messages, encoded, (header, payload))):
        learn(lessons, count)
        return 0
    again = event.serialize_header(), event.serialize_payload()
    if event_bytes(plan, event, NULL, NULL) != encoded:
        return 0  # somebody changes it meanwhile
    if not all(map(is_same, plan.messages, encoded, again)):
        disprove(type(event))
    return 0


cdef bint is_same(message, bytes mine, bytes theirs) except -1:
    return mine == theirs or message.FromString(mine) == message.FromString(theirs)


cdef int learn(Lesson *lessons, int count) except -1:
    cdef int number

    for number in range(count):
        pbf_add_hint(lessons[number].trusted[0], lessons[number].types)
    return 0


cdef object event_bytes(EventPlan plan, EventBase event, Lesson *lessons, int *count):
    """Header and payload as encoded here, None if they are not."""
    cdef Encoding encoding
    cdef uint8_t *scratch = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
    cdef Outcome outcome

    if scratch == NULL:
        raise MemoryError
    try:
        begin(&encoding, scratch, pbf.PBF_BATCH_MAX)
        encoding.lessons = lessons
        outcome = encode_event(plan, event, &encoding)
        if outcome == INTERRUPTED:
            pbf_raise_set()
        if outcome != ENCODED:
            return None
        if count != NULL:
            count[0] = encoding.lesson_count
        message = Event.FromString(
            encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
        )
        return message.header, message.payload
    finally:
        free(scratch)


cdef bint is_unchanged(ContextBase context) noexcept:
    """Whether ``context.serialized`` is what the context would serialize to. It must be locked."""
    cdef int number

    if (
        context.tracked_count == 0
        or context.class_version != pbf_type_version(Py_TYPE(context))
        or <void *>context.groups != context.tracked[0].address
        or pbf_extras(context) != NULL
    ):
        return False
    # in this order: while the first is unchanged, the others are alive
    for number in range(context.tracked_count):
        if (
            pbf_dict_version(<PyObject *>context.tracked[number].address)
            != context.tracked[number].version
        ):
            return False
    return is_current(<ContextPlan>context.plan)


cdef bytes context_bytes(object context):
    """What the context serializes to now; raises what its own method raises."""
    cdef ContextPlan plan
    cdef ClassPlan found = find_plan(context)

    if found is not None and found.slow_reason is None and type(found) is ContextPlan:
        plan = <ContextPlan>found
        if not is_patched(context, plan.names):
            return encoded_context(plan, <ContextBase>context)
    return own_bytes(context)


cdef bytes own_bytes(object context):
    if isinstance(context, type):
        raise class_given_error("context", context)
    serialized = context.serialize_context()
    if type(serialized) is not bytes:
        raise TypeError(f"serialize_context() must return bytes, not {type(serialized).__name__}")
    return serialized


cdef bytes encoded_context(ContextPlan plan, ContextBase context):
    cdef Dicts dicts
    cdef Lesson lessons[MAX_LESSONS]
    cdef Encoding encoding
    cdef bytes serialized, kept
    cdef int number
    groups = groups_of(context)

    dicts.count = track_dicts(groups, dicts.now)
    dicts.kept_count = 0
    with cython.critical_section(context):
        kept = context.serialized
        if context.tracked_count and context.plan is plan:
            dicts.kept_count = context.tracked_count
            memcpy(dicts.kept, context.tracked, context.tracked_count * sizeof(TrackedDict))
            dicts.kept_end = <const uint8_t *>PyBytes_AS_STRING(kept) + PyBytes_GET_SIZE(kept)
    serialized = encode_groups(plan, groups, &encoding, lessons, &dicts)
    if serialized is None:
        return own_bytes(context)
    if encoding.unproved:
        number = encoding.lesson_count
        own = own_bytes(context)
        if is_same(plan.messages[0], serialized, own):
            learn(lessons, number)
        elif (
            groups is groups_of(context)  # or what was compared are two contexts
            and encode_groups(plan, groups, &encoding, NULL, NULL) == serialized
        ):
            disprove(type(context))
        return own
    with cython.critical_section(context):
        context.serialized = serialized
        context.tracked_count = 0
        if encoding.cacheable and groups is context.groups:
            context.plan = plan
            context.class_version = plan.version
            memcpy(context.tracked, dicts.now, dicts.count * sizeof(TrackedDict))
            context.tracked_count = dicts.count
            context.engine = 0
    return serialized


cdef bytes encode_groups(
    ContextPlan plan, object groups, Encoding *encoding, Lesson *lessons, Dicts *dicts
):
    """The context as encoded here, None if it is not."""
    cdef uint8_t scratch[CONTEXT_SCRATCH]
    cdef uint8_t *larger
    cdef Outcome outcome

    if not is_groups(groups):
        return None
    begin_groups(encoding, scratch, CONTEXT_SCRATCH, lessons, dicts)
    outcome = encode_message(plan.groups, groups, encoding)
    if outcome == ENCODED:
        return encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
    if outcome == NO_ROOM:
        larger = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
        if larger == NULL:
            raise MemoryError
        try:
            begin_groups(encoding, larger, pbf.PBF_BATCH_MAX, lessons, dicts)
            outcome = encode_message(plan.groups, groups, encoding)
            if outcome == ENCODED:
                return encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
        finally:
            free(larger)
    if outcome == INTERRUPTED:
        pbf_raise_set()
    return None


cdef void begin_groups(
    Encoding *encoding, uint8_t *scratch, size_t length, Lesson *lessons, Dicts *dicts
) noexcept:
    cdef int number

    begin(encoding, scratch, length)
    encoding.deterministic = True
    encoding.lessons = lessons
    encoding.dicts = dicts
    if dicts != NULL:
        for number in range(dicts.count):
            dicts.now[number].field = NULL


cdef int track_dicts(object groups, TrackedDict *tracked) except -1:
    """List the dicts that a context consists of, as they are; 0 if that cannot be done."""
    cdef PyObject *group
    cdef Py_ssize_t position = 0
    cdef int count = 1

    if not is_groups(groups) or not pbf_can_watch(<PyObject *>groups):
        return 0
    watch(groups, tracked)
    with cython.critical_section(groups):
        while PyDict_Next(groups, &position, NULL, &group):
            if (
                count == MAX_TRACKED
                or not PyDict_CheckExact(<object>group)
                or not pbf_can_watch(group)
            ):
                return 0
            watch(<object>group, &tracked[count])
            count += 1
    return count


cdef int watch(object properties, TrackedDict *tracked) except -1:
    tracked.address = <void *>properties
    with cython.critical_section(properties):
        pbf_watch_dict(properties)
        tracked.version = pbf_dict_version(<PyObject *>properties)
    return 0


def slow_reason(cls):
    """Tell why instances of a class are left to their own methods, None if they are not.

    Raises:
        TypeError: it is no class of events or contexts.
    """
    cdef ClassPlan plan
    cdef uint32_t version

    if not isinstance(cls, type):
        raise TypeError(f"an event or context class is wanted, not {cls!r}")
    version = pbf_type_version(<PyTypeObject *>cls)
    plan = known_plan(cls, version, &plans[version % PLANS])
    if plan is None or plan.slow_reason is not None:
        plan = make_plan(cls)  # what stood in the way may be gone
    if plan is None:
        return "it is not built on paltabrain_fast's base classes"
    return plan.slow_reason


def encoded(instance):
    """Encode an event or a context here, proved or not.

    Returns:
        Header and payload of an event, or a context; ``None`` if it is left to its own methods.
    """
    cdef ClassPlan plan = find_plan(instance)
    cdef Encoding encoding

    if plan is None or plan.slow_reason is not None:
        return None
    if type(plan) is EventPlan:
        if is_patched(instance, plan.names):
            return None
        return event_bytes(<EventPlan>plan, instance, NULL, NULL)
    if is_patched(instance, plan.names):
        return None
    return encode_groups(<ContextPlan>plan, instance._context, &encoding, NULL, NULL)

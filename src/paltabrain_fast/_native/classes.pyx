"""Plans of the user's classes: which are recognised as generated, and which encodings are trusted.

A class gets a plan when its first instance is encoded, and a new one when it has changed. The plan
holds for one version of the class, and as long as what the recognised methods rest on is as it was:
their code, their defaults, the names that they look up. A property is trusted with a type of value
once the encoding of such a value was found the same as what the class's own methods make of it. A
class whose encoding was ever found different is rejected for good.
"""

import logging
from weakref import WeakKeyDictionary

cimport cython
from cpython.dict cimport PyDict_Contains
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_TYPE
from libc.stdint cimport uint32_t, uint64_t

from . cimport pbf
from .python cimport (
    pbf_add_hint,
    pbf_code,
    pbf_defaults,
    pbf_dict_version,
    pbf_extras,
    pbf_keyword_defaults,
    pbf_share,
    pbf_type_version,
    pbf_watch_dict,
    pbf_watch_dicts,
)

from ..process.log import log_line
from .base import ContextBase, EventBase
from .plan import plan_of

cdef extern from *:
    """
    PBF_HOT(struct __pyx_obj_15paltabrain_fast_7_native_7classes_EventPlan *,
            7classes_event_plan);
    PBF_COLD(int, 7classes_recall_plan);
    PBF_COLD(int, 7classes_has_extra);
    """


cdef enum:
    PLANS_BY_VERSION = 256

cdef tuple EVENT_NAMES = ("serialize_header", "serialize_payload", "event_type_id")
cdef tuple CONTEXT_NAMES = ("serialize_context",)


try:
    pbf_watch_dicts()
except RuntimeError as error:
    raise ImportError(f"changes of dicts cannot be watched: {error}") from error


cdef class Entry:
    """What is known of a class, in whichever version."""

    cdef ClassPlan plan  # the last one made, None before the first
    cdef bint is_rejected  # its encoding once differed from what its own methods make
    cdef bint is_reported  # that it is slow
    cdef bint is_wanted  # an instance was tracked, and had no plan


cdef object recognition_module = None


cdef object recognition():
    """The module that recognises classes: imported when there is one, as this takes milliseconds.
    """
    global recognition_module
    if recognition_module is None:
        from ..encoding import recognition as imported

        recognition_module = imported
    return recognition_module


cdef object registry = WeakKeyDictionary()  # class -> Entry
# Those of the registry's plans that track() found last, by version of the class; borrowed.
cdef PyObject *plans_by_version[PLANS_BY_VERSION]


cdef inline PyObject **place_of(uint32_t version) noexcept:
    return &plans_by_version[version % PLANS_BY_VERSION]


cdef class ClassPlan:
    def __dealloc__(self):
        cdef PyObject **place = place_of(self.version)

        if place[0] == <PyObject *>self:
            place[0] = NULL

    cdef int bind(self, tuple methods, tuple names) except -1:
        """Note what the recognised methods rest on: ``is_current`` looks at that."""
        self.messages = tuple([method.message for method in methods])
        self.names = tuple({*names, *[name for method in methods for name in method.names]})
        functions = [function for method in methods for function in method.functions]
        for function in functions:
            self.add_function(<PyObject *>function)
        # otherwise what replaces one of them could have its address
        self.references = [
            (function.__code__, function.__defaults__, function.__kwdefaults__)
            for function in functions
        ]
        # without references to the namespaces, which would keep the class alive
        self.bindings = tuple([
            (self.add_namespace(binding.namespace), binding.name, binding.value)
            for method in methods
            for binding in method.bindings
        ])
        return 0

    cdef int add_function(self, PyObject *function) except -1:
        cdef int i

        for i in range(self.function_count):
            if self.functions[i] == function:
                return 0
        if self.function_count == MAX_FUNCTIONS:
            refused = recognition().NotGeneratedError
            raise refused(f"its methods call more than {MAX_FUNCTIONS} functions")
        self.functions[self.function_count] = function
        self.codes[self.function_count] = pbf_code(function)
        self.defaults[self.function_count] = pbf_defaults(function)
        self.keyword_defaults[self.function_count] = pbf_keyword_defaults(function)
        if pbf_defaults(function) != NULL or pbf_keyword_defaults(function) != NULL:
            self.has_defaults = True
        self.function_count += 1
        return 0

    cdef int add_namespace(self, object namespace) except -1:
        """Watch a namespace; return its place."""
        cdef int i

        for i in range(self.namespace_count):
            if self.namespaces[i] == <PyObject *>namespace:
                return i
        if self.namespace_count == MAX_NAMESPACES:
            refused = recognition().NotGeneratedError
            raise refused(f"its methods use more than {MAX_NAMESPACES} modules")
        pbf_watch_dict(namespace)
        self.namespaces[self.namespace_count] = <PyObject *>namespace
        self.namespace_versions[self.namespace_count] = pbf_dict_version(<PyObject *>namespace)
        self.namespace_count += 1
        return self.namespace_count - 1

    cdef bint has_same_defaults(self) noexcept:
        cdef int i

        for i in range(self.function_count):
            if (
                pbf_defaults(self.functions[i]) != self.defaults[i]
                or pbf_keyword_defaults(self.functions[i]) != self.keyword_defaults[i]
            ):
                return False
        return True

    cdef bint is_still_bound(self, int place) noexcept:
        """Whether the names in a namespace that has changed stand for what they stood for."""
        cdef uint64_t version = pbf_dict_version(self.namespaces[place])

        try:
            binding_holds = recognition().binding_holds
            for of, name, value in self.bindings:
                if of == place and not binding_holds(<object>self.namespaces[place], name, value):
                    return False
        except Exception:
            return False
        self.namespace_versions[place] = version
        return True


cdef class EventPlan(ClassPlan):
    cdef int describe(self, cls) except -1:
        found = recognition().recognise_event(cls, EventBase)
        self.header = plan_of(found.header.message, True)
        self.sorts_header = found.header.deterministic
        member = found.payload.message.DESCRIPTOR.fields_by_name[found.member]
        from google.protobuf import message_factory

        self.payload = plan_of(message_factory.GetMessageClass(member.message_type), False)
        self.sorts_payload = found.payload.deterministic
        self.member_tag = pbf.pbf_tag(member.number, pbf.PBF_WIRE_BYTES)
        self.bind((found.header, found.payload), EVENT_NAMES)
        return 0


cdef class ContextPlan(ClassPlan):
    cdef int describe(self, cls) except -1:
        found = recognition().recognise_context(cls, ContextBase)
        self.groups = plan_of(found.message, True)
        self.bind((found,), CONTEXT_NAMES)
        return 0


cdef inline ClassPlan find_plan(object instance):
    """The plan of an instance's class, as the class is now; None if ``recall_plan`` has to find it.

    It runs no Python code: ``track()`` would lose what a signal handler raises there.
    """
    cdef uint32_t version = pbf_type_version(Py_TYPE(instance))
    cdef PyObject *found = place_of(version)[0]

    if (
        found != NULL
        and version != 0
        and (<ClassPlan>found).version == version
        and is_current(<ClassPlan>found)
    ):
        return <ClassPlan>found
    return None


cdef int recall_plan(object instance) except -1:
    """Have ``find_plan`` find a plan that another's has displaced; want one if there is none."""
    cdef uint32_t version = pbf_type_version(Py_TYPE(instance))
    cls = type(instance)

    if find_plan(instance) is not None:
        return 0
    try:
        if (
            known_plan(cls, version) is None
            and (issubclass(cls, EventBase) or issubclass(cls, ContextBase))
        ):
            want_plan(entry_of(cls), version)
    except Exception:
        pass
    return 0


# Whether there may be an entry that is wanted.
cdef bint any_wanted = False


cdef int want_plan(Entry entry, uint32_t version) except -1:
    """Have ``plan_classes`` make a plan; not in the thread that tracks, as this takes too long."""
    global any_wanted
    cdef ClassPlan plan = last_plan(entry)

    # a class without versions is slow for good, and that is known
    if version != 0 or plan is None or plan.version != 0 or plan.slow_reason is None:
        entry.is_wanted = True
        any_wanted = True  # last, so that no other thread resets it before it sees the entry
    return 0


cdef bint plans_are_wanted() noexcept:
    """Whether ``plan_classes`` has something to do."""
    return any_wanted


def plan_classes():
    """Make the plans of the classes whose instances were tracked without one.

    Any thread may call it. What a fork interrupts in the child is wanted again when the next
    instance is tracked there.
    """
    global any_wanted
    cdef Entry entry

    if not any_wanted:
        return
    any_wanted = False  # first, so that what is wanted meanwhile is found next time
    for reference in registry.keyrefs():
        cls = reference()
        entry = None if cls is None else registry.get(cls)
        if entry is not None and entry.is_wanted:
            entry.is_wanted = False
            try:
                make_plan(cls)
            except Exception:  # such as a MemoryError: the next instance wants it again
                pass


cdef Entry entry_of(object cls):
    entry = registry.get(cls)
    return registry.setdefault(cls, Entry()) if entry is None else entry


cdef ClassPlan last_plan(Entry entry):
    with cython.critical_section(entry):
        return entry.plan


cdef int note_plan(Entry entry, ClassPlan plan) except -1:
    """Let the class have this plan, and ``find_plan`` find it."""
    with cython.critical_section(entry):
        entry.plan = plan
    if plan.version != 0:
        place_of(plan.version)[0] = <PyObject *>plan
    return 0


cdef ClassPlan known_plan(object cls, uint32_t version):
    """The plan for this version of the class, if it was made, and was displaced by another's."""
    entry = registry.get(cls)
    if entry is None or version == 0:
        return None
    plan = last_plan(<Entry>entry)
    if plan is None or plan.version != version or not is_current(plan):
        return None
    place_of(version)[0] = <PyObject *>plan
    return plan


cdef ClassPlan make_plan(object cls):
    cdef ClassPlan plan, previous
    cdef Entry entry
    cdef bint is_event = issubclass(cls, EventBase)

    if not is_event and not issubclass(cls, ContextBase):
        return None
    entry = entry_of(cls)
    plan = EventPlan() if is_event else ContextPlan()
    getattr(cls, "asdict", None)  # looking something up gives the class a version
    plan.version = pbf_type_version(<PyTypeObject *>cls)
    try:
        if plan.version == 0:
            raise recognition().NotGeneratedError("it was changed too often")
        if entry.is_rejected:
            refused = recognition().NotGeneratedError
            raise refused("its encoding once differed from that of its own methods")
        if is_event:
            (<EventPlan>plan).describe(cls)
        else:
            (<ContextPlan>plan).describe(cls)
    except Exception as error:
        plan.slow_reason = str(error)
        report(cls, entry, error)
    previous = last_plan(entry)
    if previous is not None:
        if previous.slow_reason is None:
            plan.previous = previous
        elif previous.version == plan.version and previous.slow_reason == plan.slow_reason:
            return previous  # without a GIL, each one that is shared stays for good
    pbf_share(plan)
    note_plan(entry, plan)
    return plan


cdef int report(object cls, Entry entry, object reason) except -1:
    """Log once that a class is slow: as a warning if the user's own code is the reason."""
    if not entry.is_reported:
        entry.is_reported = True
        module = getattr(reason, "module", None)
        is_users = module is not None and not recognition().is_generated_module(module)
        log_line(
            logging.WARNING if is_users or entry.is_rejected else logging.DEBUG,
            "%s.%s is serialized by its own methods, which is slower: %s",
            cls.__module__,
            cls.__qualname__,
            str(reason),  # not the error, whose frames would keep the class alive
        )
    return 0


cdef int reject_class(object cls) except -1:
    """Leave the instances of a class to their own methods from now on, and say so once."""
    cdef Entry entry = entry_of(cls)
    cdef ClassPlan plan = last_plan(entry)

    entry.is_rejected = True
    entry.is_reported = False
    if plan is not None:
        if place_of(plan.version)[0] == <PyObject *>plan:
            place_of(plan.version)[0] = NULL
        plan.version = 0  # so that the next instance gets a plan with the reason
    return 0


cdef inline bint is_patched(object instance, ClassPlan plan) noexcept:
    """Whether the instance itself has an attribute that the plan says it must not have."""
    return pbf_extras(instance) != NULL and has_extra(instance, plan.names)


cdef bint has_extra(object instance, tuple names) noexcept:
    try:
        for name in names:
            if PyDict_Contains(<object>pbf_extras(instance), name):
                return True
    except Exception:
        return True
    return False


cdef EventPlan event_plan(object event):
    """The plan of an event that is to be encoded here, None if its own methods are to do it.

    It finds what ``recall_plan`` has found before.
    """
    cdef ClassPlan plan = find_plan(event)

    if plan is None or plan.slow_reason is not None or type(plan) is not EventPlan:
        return None
    return None if is_patched(event, plan) else <EventPlan>plan


cdef ContextPlan context_plan(object context):
    """The plan of a context that is to be encoded here, None if its own method is to do it."""
    cdef ClassPlan plan = find_plan(context)

    if plan is None:
        recall_plan(context)
        plan = find_plan(context)
    if plan is None or plan.slow_reason is not None or type(plan) is not ContextPlan:
        return None
    return None if is_patched(context, plan) else <ContextPlan>plan


cdef bint is_same(message, bytes encoded, bytes serialized) except -1:
    """Whether two encodings are of equal messages."""
    return encoded == serialized or message.FromString(encoded) == message.FromString(serialized)


cdef int mark_verified(Observation *observations, int count) except -1:
    """Trust each observed property with values of the types that it had."""
    cdef int i

    for i in range(count):
        pbf_add_hint(observations[i].verified_types[0], observations[i].types)
    return 0


def slow_reason(cls):
    """Tell why instances of a class are left to their own methods, None if they are not.

    Raises:
        TypeError: it is no class of events or contexts.
    """
    cdef ClassPlan plan

    if not isinstance(cls, type):
        raise TypeError(f"an event or context class is wanted, not {cls!r}")
    plan = known_plan(cls, pbf_type_version(<PyTypeObject *>cls))
    if plan is None or plan.slow_reason is not None:
        plan = make_plan(cls)  # what stood in the way may be gone
    if plan is None:
        return "it is not built on paltabrain_fast's base classes"
    return plan.slow_reason

"""Contexts: encoded as their plans say, and cached with the dicts that the bytes were made of.

As long as these dicts, and the class, are as they were, the bytes are what the context would
serialize to. When a group has changed, the bytes of the other groups are used again.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_CheckExact, PyDict_Next
from cpython.object cimport PyObject
from cpython.ref cimport Py_TYPE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from . cimport pbf
from .base cimport ContextBase, TrackedDict, groups_of
from .classes cimport (
    ContextPlan,
    context_plan,
    is_current,
    is_same,
    mark_verified,
    reject_class,
)
from .encode cimport (
    MAX_OBSERVATIONS,
    Dicts,
    Encoding,
    Observation,
    begin,
    encode_message,
)
from .plan cimport is_groups
from .python cimport (
    MAX_TRACKED,
    pbf_can_watch,
    pbf_dict_version,
    pbf_extras,
    pbf_raise_set,
    pbf_type_version,
    pbf_watch_dict,
)

from .._engine.protocol import class_given_error

cdef extern from *:
    """
    PBF_HOT(int, 8contexts_is_unchanged);
    """


cdef enum:
    SCRATCH = 4096  # on the stack: enough for all but rare contexts


cdef bint is_unchanged(ContextBase context) noexcept:
    """Whether ``context.serialized`` is what the context would serialize to. It must be locked."""
    cdef int i

    if (
        context.tracked_count == 0
        or context.class_version != pbf_type_version(Py_TYPE(context))
        or <void *>context.groups != context.tracked[0].address
        or pbf_extras(context) != NULL
    ):
        return False
    # In this order: while the first is unchanged, it keeps the others alive.
    for i in range(context.tracked_count):
        if (
            pbf_dict_version(<PyObject *>context.tracked[i].address)
            != context.tracked[i].version
        ):
            return False
    return is_current(<ContextPlan>context.plan)


cdef bytes context_bytes(object context):
    """What the context serializes to now; raises what its own method raises."""
    cdef ContextPlan plan = context_plan(context)

    if plan is None:
        return own_bytes(context)
    return encode_context(plan, <ContextBase>context)


cdef bytes own_bytes(object context):
    """What the context's own method returns."""
    if isinstance(context, type):
        raise class_given_error("context", context)
    serialized = context.serialize_context()
    if type(serialized) is not bytes:
        raise TypeError(f"serialize_context() must return bytes, not {type(serialized).__name__}")
    return serialized


cdef bytes encode_context(ContextPlan plan, ContextBase context):
    """Encode the context and cache the bytes; while they are not verified, return its own."""
    cdef Dicts dicts
    cdef Observation observations[MAX_OBSERVATIONS]
    cdef Encoding encoding
    cdef bytes serialized, kept
    cdef int count
    groups = groups_of(context)

    dicts.count = track_dicts(groups, dicts.now)
    dicts.kept_count = 0
    with cython.critical_section(context):
        kept = context.serialized
        if context.tracked_count and context.plan is plan:
            dicts.kept_count = context.tracked_count
            memcpy(dicts.kept, context.tracked, context.tracked_count * sizeof(TrackedDict))
            dicts.kept_end = <const uint8_t *>PyBytes_AS_STRING(kept) + PyBytes_GET_SIZE(kept)
    serialized = encode_groups(plan, groups, &encoding, observations, &dicts)
    if serialized is None:
        return own_bytes(context)
    if encoding.unverified:
        count = encoding.observation_count
        own = own_bytes(context)
        if is_same(plan.messages[0], serialized, own):
            mark_verified(observations, count)
        elif (
            groups is groups_of(context)  # otherwise two contexts were compared
            and encode_groups(plan, groups, &encoding, NULL, NULL) == serialized
        ):
            reject_class(type(context))
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
    ContextPlan plan, object groups, Encoding *encoding, Observation *observations, Dicts *dicts
):
    """Encode the groups of a context; return None if they are left to its own method."""
    cdef uint8_t scratch[SCRATCH]
    cdef uint8_t *larger
    cdef pbf.pbf_status status

    if not is_groups(groups):
        return None
    begin_groups(encoding, scratch, SCRATCH, observations, dicts)
    status = encode_message(plan.groups, groups, encoding)
    if status == pbf.PBF_OK:
        return encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
    if status == pbf.PBF_FULL:
        larger = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
        if larger == NULL:
            raise MemoryError
        try:
            begin_groups(encoding, larger, pbf.PBF_BATCH_MAX, observations, dicts)
            status = encode_message(plan.groups, groups, encoding)
            if status == pbf.PBF_OK:
                return encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
        finally:
            free(larger)
    if status == pbf.PBF_INTERRUPTED:
        pbf_raise_set()
    return None


cdef void begin_groups(
    Encoding *encoding, uint8_t *scratch, size_t length, Observation *observations, Dicts *dicts
) noexcept:
    cdef int i

    begin(encoding, scratch, length)
    encoding.deterministic = True
    encoding.observations = observations
    encoding.dicts = dicts
    if dicts != NULL:
        for i in range(dicts.count):
            dicts.now[i].field = NULL


cdef int track_dicts(object groups, TrackedDict *tracked) except -1:
    """Watch and list the dicts of a context; return how many, or 0 if it cannot be cached."""
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


def encoded_context(context):
    """Encode a context here, whether its encoding is verified or not.

    Returns:
        The serialized context; ``None`` if it is left to its own method.
    """
    cdef ContextPlan plan = context_plan(context)
    cdef Encoding encoding

    if plan is None:
        return None
    return encode_groups(plan, context._context, &encoding, NULL, NULL)

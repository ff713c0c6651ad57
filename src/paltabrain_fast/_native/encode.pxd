"""Encoding of events and contexts from their dicts."""

from libc.stdint cimport uint8_t, uint32_t

from cpython.object cimport PyObject

from . cimport pbf
from .base cimport TrackedDict
from .plan cimport MessagePlan
from .python cimport MAX_FIELDS, MAX_TRACKED

# Types of values; a property's encoding of each is trusted once it was verified.
cdef enum:
    A_BOOL = 1
    AN_INT = 2
    A_STR = 4
    A_DECIMAL = 8
    A_NAIVE_TIME = 16
    AN_AWARE_TIME = 32
    AN_ENUM = 64
    NOTHING = 128  # an empty list or dict

cdef enum:
    MAX_OBSERVATIONS = 256


# That a property had values of these types, which were not verified yet.
cdef struct Observation:
    uint32_t *verified_types
    uint32_t types


cdef struct Property:
    PyObject *value
    int number  # of its field in the plan


# The properties of a message that are not None, while it is written.
cdef struct Properties:
    Properties *outer  # of the message that this one is a part of
    int count
    bint owned  # or else the values are borrowed from the dict or tuple
    Property items[MAX_FIELDS]


# The dicts of a context as they are now, and as they were when the bytes before `kept_end` were
# encoded.
cdef struct Dicts:
    int count
    int kept_count
    TrackedDict now[MAX_TRACKED]
    TrackedDict kept[MAX_TRACKED]
    const uint8_t *kept_end


cdef struct Encoding:
    pbf.pbf_encoder out
    bint deterministic
    bint cacheable  # only immutable values so far
    bint unverified  # a value was of a type that its property is not verified with
    Properties *innermost  # what is being written
    Observation *observations  # NULL, or room for MAX_OBSERVATIONS
    int observation_count
    Dicts *dicts  # NULL, or those of the context


cdef inline void begin(Encoding *encoding, uint8_t *scratch, size_t length) noexcept:
    encoding.out = pbf.pbf_encoder_on(scratch, length)
    encoding.deterministic = False
    encoding.cacheable = True
    encoding.unverified = False
    encoding.innermost = NULL
    encoding.observations = NULL
    encoding.observation_count = 0
    encoding.dicts = NULL


# Returns PBF_OK, PBF_FULL if the buffer is too short, PBF_INTERRUPTED, or anything else if the
# class's own serialize_*() has to do it.
cdef pbf.pbf_status encode_message(
    MessagePlan plan, object properties, Encoding *encoding
) noexcept

"""Events: encoded as their plans say, and compared with what their own methods make of them."""

from . cimport pbf
from .base cimport EventBase
from .classes cimport EventPlan
from .encode cimport Encoding

cdef pbf.pbf_status encode_event(EventPlan plan, EventBase event, Encoding *encoding) noexcept
cdef int verify_event(EventPlan plan, EventBase event, bytes header, bytes payload) except -1

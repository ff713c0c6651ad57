"""Test helpers: what your service tracks, kept in memory, decoded and compared.

With pytest, ask for the fixture ``paltabrain_events``, which is a ``PaltabrainEvents``. Without it,
use ``capture_events()``. ``same_event()`` is for arguments of mocks.
"""

from ..decoding import TrackedEvent
from .capture import capture_events
from .events import PaltabrainEvents
from .matcher import SameEvent, same_event

__all__ = ["PaltabrainEvents", "SameEvent", "TrackedEvent", "capture_events", "same_event"]

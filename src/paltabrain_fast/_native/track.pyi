from typing import Any

from .._protocol import SerializableContext, SerializableEvent
from .engine import NativeEngine

class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    _context: Any
    _session_wire_id: int | None
    @property
    def _engine(self) -> NativeEngine: ...
    def _set_up(self, engine: NativeEngine, disabled: bool) -> None: ...
    def track(self, event: SerializableEvent, context: SerializableContext | None = None) -> None:
        """Buffer an event, as it is now, to be delivered in the background.

        Never raises an ``Exception``, never blocks, never does I/O. An event that cannot be
        serialized is logged and skipped; one that does not fit into the buffer is dropped and
        counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: context to send with this event in place of ``sdk.context``.
        """

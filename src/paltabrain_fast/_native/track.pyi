from typing import Any

from .._protocol import RecordStatus
from .engine import NativeEngine

class Tracker:
    """Base of ``PaltabrainSdk``, which tells it what to track with."""

    _context: Any
    _session_wire_id: int | None
    _notify_at: int
    @property
    def _engine(self) -> NativeEngine: ...
    def _set_up(self, engine: NativeEngine, disabled: bool) -> None: ...
    def track(self, event: Any, context: Any = None) -> None:
        """Buffer an event, as it is now, to be delivered in the background.

        Never raises an ``Exception``, never blocks, never does I/O. An event that cannot be
        serialized is logged and skipped; one that does not fit into the buffer is dropped and
        counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: context to send with this event in place of ``sdk.context``.
        """

    def _recorded(self) -> None: ...
    def _recorded_slowly(self, event: Any) -> None: ...
    def _refused(self, status: RecordStatus) -> None: ...
    def _failed(self, event: Any, error: Exception) -> None: ...

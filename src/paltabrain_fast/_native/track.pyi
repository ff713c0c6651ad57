from collections.abc import Callable
from typing import Any, Self, final

from .engine import NativeEngine

class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    _context: Any
    _session_wire_id: int | None
    @property
    def _engine(self) -> NativeEngine: ...
    def _set_up(self, engine: NativeEngine, disabled: bool, has_hooks: bool = False) -> None: ...
    def _track(self, event: Any, context: Any) -> None: ...

@final
class DirectMethod:
    """Stands in for the function ``track`` of ``PaltabrainSdk``."""

    def __new__(cls, function: Callable[..., Any]) -> Self: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

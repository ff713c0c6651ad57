from collections import defaultdict
from typing import Any

class EventBase:
    """Holds an event's header and payload; ``BaseEvent`` has the rest."""

    _header: defaultdict[str, dict[str, Any]]
    _payload: dict[str, Any]
    def __init__(self) -> None: ...

class ContextBase:
    """Holds a context's groups; ``BaseContext`` has the rest."""

    _context: defaultdict[str, dict[str, Any]]
    def __init__(self) -> None: ...

class Sentinel:
    """Native base of ``BaseSentinel``."""

    @staticmethod
    def filter(properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties that were given, ``None`` included."""

class Generated:
    """Stands in for a function that was recognised as generated, and does the same."""

    @property
    def __wrapped__(self) -> Any: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...

class GeneratedInit(Generated):
    def __init__(
        self, function: Any, keys: dict[str, str], used: dict[str, object], owner: type
    ) -> None: ...

class GeneratedSetter(Generated):
    def __init__(
        self,
        function: Any,
        keys: dict[str, str],
        used: dict[str, object],
        group: str,
        in_context: bool,
    ) -> None: ...

def adopt(cls: type) -> None:
    """Put native equivalents in place of a new class's generated ``__init__`` and setters."""

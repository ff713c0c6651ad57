from collections import defaultdict
from typing import Any

class EventBase:
    """Holds an event's header and payload; ``BaseEvent`` has the rest."""

    _header: defaultdict[str, dict[str, Any]]
    _payload: dict[str, Any]

class ContextBase:
    """Holds a context's groups; ``BaseContext`` has the rest."""

    _context: defaultdict[str, dict[str, Any]]

class Sentinel:
    """Native base of ``BaseSentinel``."""

    @staticmethod
    def filter(properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties that were given, ``None`` included."""

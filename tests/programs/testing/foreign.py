"""Base classes of events and contexts that are not ours, as those of another SDK."""

from collections import defaultdict
from typing import Any


class BaseContext:
    def __init__(self) -> None:
        self._context: defaultdict[str, dict[str, Any]] = defaultdict(dict)


class BaseEvent:
    def __init__(self) -> None:
        self._header: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._payload: dict[str, Any] = {}

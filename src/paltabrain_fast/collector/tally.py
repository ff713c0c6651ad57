"""Counts what arrives: events by type, what was refused, who sends, and how many a second."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

SECONDS: Final = 60
"""Seconds of which the rates are told."""

INSTANCES: Final = 100
"""Ids of SDKs that are told: the newest."""

RECENT: Final = 1_000
"""Newest batches whose types are known."""


@dataclass(slots=True)
class TypeCount:
    """Numbers of one type of event."""

    events: int = 0
    invalid: int = 0


@dataclass(slots=True)
class Tally:
    """The counts of a collector; used in the event loop's thread.

    What is stored is counted from the file at the start; ``repeats`` and the rates are counted from
    the start of the process.

    Attributes:
        events: events stored.
        invalid: events and requests that were refused.
        batches: batches stored.
        repeats: batches that were stored already.
        unauthorized: those of the refused requests that had not the right API key.
        dropped_by_sdks: events that SDKs have dropped before they could send them.
        last_id: id of what arrived last.
        resets: how often everything was deleted.
        by_type: numbers by type of event.
        instances: ids of the SDKs that sent something, in the order of their first batch.
    """

    events: int = 0
    invalid: int = 0
    batches: int = 0
    repeats: int = 0
    unauthorized: int = 0
    dropped_by_sdks: int = 0
    last_id: int = 0
    resets: int = 0
    by_type: dict[str, TypeCount] = field(default_factory=dict)
    instances: dict[str, None] = field(default_factory=dict)
    _seconds: deque[tuple[int, dict[str, int]]] = field(
        default_factory=lambda: deque(maxlen=SECONDS)
    )
    _recent: deque[tuple[int, frozenset[str]]] = field(init=False)

    def __post_init__(self) -> None:
        self._recent = deque([(self.last_id, frozenset())], RECENT)

    def stored(self, instance: str, types: dict[str, int]) -> None:
        """Count a batch with so many events of each type."""
        self.batches += 1
        self.instances.setdefault(instance)
        now = int(time.monotonic())
        if not self._seconds or self._seconds[-1][0] != now:
            self._seconds.append((now, {}))
        self._recent.append((self.last_id, frozenset(types)))
        second = self._seconds[-1][1]
        for name, count in types.items():
            self.events += count
            self.of_type(name).events += count
            second[name] = second.get(name, 0) + count

    def refused(self, type: str | None, status: int) -> None:
        """Count an event or request that was refused."""
        self.invalid += 1
        self.unauthorized += status == 401
        if type is not None:
            self.of_type(type).invalid += 1

    def of_type(self, name: str) -> TypeCount:
        """Return the numbers of a type."""
        return self.by_type.setdefault(name, TypeCount())

    def reset(self) -> None:
        """Begin again at zero; ids go on."""
        self.events = self.invalid = self.batches = self.repeats = self.unauthorized = 0
        self.dropped_by_sdks = 0
        self.resets += 1
        for count in self.by_type.values():
            count.events = count.invalid = 0
        self.instances = {}
        self._seconds.clear()

    def types_seen(self, after: int | None = None) -> frozenset[str]:
        """Return the types that have events, all or those after an id; some may have none."""
        if after is None or after < self._recent[0][0]:
            return frozenset(name for name, count in self.by_type.items() if count.events)
        newer = takewhile(lambda batch: batch[0] > after, reversed(self._recent))
        return frozenset[str]().union(*(types for _, types in newer))

    def document(self) -> dict[str, Any]:
        """Return the counts as the HTTP API tells them."""
        return {
            "events": self.events,
            "invalid": self.invalid,
            "batches": self.batches,
            "repeats": self.repeats,
            "unauthorized": self.unauthorized,
            "dropped_by_sdks": self.dropped_by_sdks,
            "by_type": {
                name: {"events": count.events, "invalid": count.invalid}
                for name, count in self.by_type.items()
            },
            "instances": list(self.instances)[-INSTANCES:],
            "rates": {"seconds": SECONDS, "by_type": self._rates()},
            "last_id": self.last_id,
            "resets": self.resets,
        }

    def _rates(self) -> dict[str, list[int]]:
        now = int(time.monotonic())
        rates: dict[str, list[int]] = {}
        for second, types in self._seconds:
            age = now - second
            if age >= SECONDS:
                continue
            for name, count in types.items():
                rates.setdefault(name, [0] * SECONDS)[SECONDS - 1 - age] += count
        return rates

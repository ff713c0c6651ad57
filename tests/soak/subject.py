"""One SDK with options at random, and the threads that track events with it."""

from __future__ import annotations

import faulthandler
import random
import threading
from dataclasses import fields
from importlib import import_module
from typing import Any, Final

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.delivery.ledger import Stats

from ..support import probe
from ..support.audit import WitnessTransport
from ..support.events import TextContext, TextEvent, UnserializableEvent

DEADLINE: Final = 60.0
_BATCH_BYTES: Final = 524_288

config: Any = import_module("examples.config")

# so that the SDK makes and closes transports of its own, as it does for its users
probe.wrap_transports(WitnessTransport)


class _PaddedEvent(TextEvent):
    """Takes room in the buffer without a name that is as long."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self._size = size

    def serialize_header(self) -> bytes:
        return b"x" * self._size


def random_options(chance: random.Random) -> dict[str, Any]:
    return {
        "flush_buffer_size": chance.choice([1, 10, 100, 500]),
        "flush_interval_ms": chance.randint(5, 2000),
        "flush_max_retries": chance.randint(1, 4),
        "buffer_bytes": chance.choice([1 << 16, 1 << 18, 1 << 20]),
        "overflow": chance.choice(["drop_new", "drop_old", "block"]),
        "block_timeout_ms": chance.choice([0, 20, 200]),
        "max_in_flight": chance.randint(1, 20),
        "request_timeout": chance.uniform(0.2, 1.0),
        "shutdown_timeout": chance.uniform(0, 5),
        "exit_timeout": chance.uniform(0, 5),
    }


class Subject:
    """Tracks under a name; event number ``n`` of a thread is ``name:thread:n``.

    Attributes:
        sdk: ``None`` once its reference is dropped.
        tracked: how many events each thread has tracked.
        bursts: released by its threads, each time that they have tracked some.
    """

    def __init__(
        self, name: str, hostname: str, transport: str | None, chance: random.Random
    ) -> None:
        self.name = name
        options = random_options(chance)
        self.sdk: PaltabrainSdk[Any] | None = PaltabrainSdk(
            hostname,
            "key",
            config.Context(),
            transport="curl" if transport == "curl" else None,
            on_error=lambda _error, _info: None,
            start_session=chance.random() < 0.5,
            **options,
        )
        self._delivery = probe.Delivery(self.sdk)
        self.tracked: list[int] = []
        self._most_bytes = options["buffer_bytes"] + 2 * options["max_in_flight"] * _BATCH_BYTES
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self.bursts = threading.Semaphore(0)

    def renamed(self, name: str) -> None:
        """Begin anew in a forked child, under a name of its own."""
        assert self.sdk is not None
        self.name = name
        self._delivery = probe.Delivery(self.sdk)
        self.tracked = []
        self._threads = []
        self._stop = threading.Event()
        self.bursts = threading.Semaphore(0)

    def start(self, threads: int, chance: random.Random) -> None:
        for _ in range(threads):
            thread = len(self.tracked)
            self.tracked.append(0)
            work = threading.Thread(target=self._work, args=(thread, chance.randrange(2**32)))
            self._threads.append(work)
            work.start()

    @property
    def is_tracking(self) -> bool:
        """Whether it has threads that track."""
        return bool(self._threads)

    def await_bursts(self, count: int) -> None:
        """Wait until its threads, if any, have tracked so many bursts of events more."""
        while self.bursts.acquire(blocking=False):
            pass  # those of before
        for _ in range(count if self.is_tracking else 0):
            self.bursts.acquire(timeout=0.5)  # less, where events wait for room

    def stop(self) -> None:
        """End the threads that track."""
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), f"a thread of {self.name} hangs in track()"
        self._threads.clear()

    def drop(self) -> None:
        """Forget the SDK, so that it is collected."""
        self.stop()
        self.sdk = None

    def stats(self) -> Stats:
        """Return what the SDK would say, which may be forgotten."""
        return self._delivery.stats()

    def check(self) -> Stats:
        """Check the books at any moment, and that memory is bounded as promised."""
        stats = self.stats()
        total = stats.delivered + stats.dropped_after_acceptance + stats.pending_events
        assert stats.accepted == total, f"{self.name} does not balance: {stats}"
        assert stats.pending_bytes <= self._most_bytes, f"{self.name} has too much: {stats}"
        return stats

    def end(self) -> None:
        """Wait for its threads, once it was shut down or dropped."""
        for thread in self._delivery.threads():
            thread.join(DEADLINE)
            if thread.is_alive():
                faulthandler.dump_traceback()
                raise AssertionError(f"{thread.name} of {self.name} does not end")

    def books(self) -> dict[str, Any]:
        """Return all that is to be compared with the server's log, for another process."""
        stats = self.stats()
        values = {field.name: getattr(stats, field.name) for field in fields(stats)}
        transport = self._delivery.transport()
        assert isinstance(transport, WitnessTransport)
        return {
            "name": self.name,
            "stats": values | {"dropped": dict(stats.dropped), "batches": dict(stats.batches)},
            "answers": transport.answers,
            "tracked": self.tracked,
        }

    def _work(self, thread: int, seed: int) -> None:
        chance, sdk = random.Random(seed), self.sdk
        assert sdk is not None
        context: Any = None
        while not self._stop.is_set():
            for _ in range(chance.randint(1, 150)):
                if chance.random() < 0.02:
                    context = _context(chance)
                number = self.tracked[thread]
                self.tracked[thread] += 1
                sdk.track(_event(f"{self.name}:{thread}:{number}", chance), context)
            self.bursts.release()
            self._stop.wait(chance.uniform(0, 0.05))


def _context(chance: random.Random) -> Any:
    kind = chance.randrange(3)
    if kind == 0:
        return None
    text = str(chance.randrange(5))
    return TextContext(text) if kind == 1 else config.Context().set_os(os_name=text)


def _event(text: str, chance: random.Random) -> Any:
    kind = chance.random()
    if kind < 0.6:
        return config.EventPageOpen(page_id=text).set_screen(screen_name="x" * chance.randrange(90))
    if kind < 0.98:
        return _PaddedEvent(text, int(chance.paretovariate(0.6)) % 8000)
    if kind < 0.9999:
        return UnserializableEvent(text)
    return _PaddedEvent(text, 600_000)

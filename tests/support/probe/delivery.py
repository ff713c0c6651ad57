"""What happens to events on their way, and to the SDK in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import paltabrain_fast.sdk
from paltabrain_fast import PaltabrainSdk, Stats, Transport
from paltabrain_fast.delivery import tracking
from paltabrain_fast.delivery.framer import Framer
from paltabrain_fast.delivery.outage import Outage
from paltabrain_fast.delivery.workers import Workers
from paltabrain_fast.process import clock, lifetime

__all__ = [
    "Delivery",
    "after_framing",
    "after_next_hand_over",
    "after_take",
    "archive_entries_unchecked",
    "await_delivery",
    "await_nothing_in_flight",
    "await_stats",
    "before_making_room",
    "before_telling_ends",
    "beginning_of_exit",
    "cutting_a_batch",
    "drop_for",
    "exit_of",
    "foreign_classes_unreported",
    "framing_fails_once",
    "interrupted_after",
    "is_kept_for_exit",
    "outage_begins",
    "outage_ends",
    "overtaking_flush",
    "parked_batches",
    "remembered_batches",
    "waiting_for_our_books",
    "watching_events",
    "wrap_transports",
]


def await_delivery(sdk: PaltabrainSdk[Any], count: int, deadline: float = 30.0) -> None:
    """Wait until so many events are delivered, and do nothing for it, as ``flush()`` would."""
    ledger, engine = sdk._pipeline.ledger, sdk._engine
    assert ledger.wait(
        lambda: ledger.stats(engine.counts()).delivered == count, clock.monotonic() + deadline
    ), sdk.stats()


@contextmanager
def watching_events(sdk: PaltabrainSdk[Any], note: Callable[[], object]) -> Iterator[None]:
    """Call this whenever ``track()`` wakes the control thread."""
    wake = sdk._pipeline.event_recorded

    def note_and_wake() -> None:
        note()
        wake()

    with patch.object(sdk._pipeline, "event_recorded", note_and_wake):
        yield


@contextmanager
def after_framing(act: Callable[[], object]) -> Iterator[None]:
    """Call this whenever a buffer was framed, before the control thread goes to sleep."""
    frame = Framer.frame

    def frame_and_act(framer: Framer, mark: int) -> int:
        too_large = frame(framer, mark)
        act()
        return too_large

    with patch.object(Framer, "frame", frame_and_act):
        yield


def await_nothing_in_flight(sdk: PaltabrainSdk[Any], deadline: float = 30.0) -> None:
    """Wait until each batch is settled, if threads have begun to send."""
    ledger, senders = sdk._pipeline.ledger, sdk._pipeline._workers
    senders.provide_threads()
    assert ledger.wait(lambda: not ledger.in_flight, clock.monotonic() + deadline)


@contextmanager
def framing_fails_once(fault: Exception) -> Iterator[None]:
    """The next time that a buffer is framed, this is raised."""
    frame, faults = Framer.frame, [fault]

    def fail_or_frame(framer: Framer, mark: int) -> int:
        if faults:
            raise faults.pop()
        return frame(framer, mark)

    with patch.object(Framer, "frame", fail_or_frame):
        yield


def exit_of(sdk: PaltabrainSdk[Any], started: float) -> None:
    """Do what is done at the end of the process, which has begun at this reading of the clock."""
    sdk._pipeline.exit(started)


def is_kept_for_exit(sdk: PaltabrainSdk[Any]) -> bool:
    """Tell whether the end of the process would flush this SDK."""
    return lifetime.is_registered(sdk._pipeline)


class _WatchedEngine:
    """An engine whose methods can be replaced."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.take, self.evict = engine.take, engine.evict

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __len__(self) -> int:
        return len(self._engine)


@contextmanager
def interrupted_after(sdk: PaltabrainSdk[Any], step: str) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` once, when a step of framing has done its work.

    Args:
        sdk: whose.
        step: ``take`` a batch from the buffer, ``evict`` events from it, ``launch`` a batch in the
            ledger, or ``submit`` it to be sent.
    """
    pipeline = sdk._pipeline
    owner: Any = {"launch": pipeline.ledger, "submit": pipeline._workers}.get(step)
    if owner is None:
        owner = pipeline._framer._engine = _WatchedEngine(sdk._engine)
    call = getattr(owner, step)

    def interrupt(*arguments: Any) -> None:
        call(*arguments)
        setattr(owner, step, call)
        raise KeyboardInterrupt

    with patch.object(owner, step, interrupt):
        yield


@contextmanager
def cutting_a_batch(sdk: PaltabrainSdk[Any]) -> Iterator[None]:
    """The buffer is in the hands of its consumer, which is another thread."""
    cutting, done = threading.Event(), threading.Event()

    def cut() -> None:
        with sdk._pipeline._framer._consuming:
            cutting.set()
            assert done.wait(60)

    thread = threading.Thread(target=cut)
    thread.start()
    assert cutting.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def overtaking_flush(sdk: PaltabrainSdk[Any], track: Callable[[], object]) -> Iterator[None]:
    """Have another thread track and ask for a flush in the midst of the request of this one.

    That is when it has read how many events there are, and has not noted it yet. If the other
    thread may not ask then, it does so at the end.
    """
    control, books = sdk._pipeline._control, sdk._pipeline.ledger.books
    requests = [lambda: (track(), control.request_flush())]

    def request() -> None:
        if requests and books.acquire(blocking=False):
            books.release()
            requests.pop()()

    class Overtaken(_WatchedEngine):
        def mark(self) -> int:
            count: int = self._engine.mark()
            if threading.current_thread() is this_thread:
                other = threading.Thread(target=request)
                other.start()
                other.join()
            return count

    this_thread = threading.current_thread()
    with patch.object(control, "_engine", Overtaken(sdk._engine)):
        yield
    request()


@contextmanager
def after_take(sdk: PaltabrainSdk[Any], act: Callable[[], object]) -> Iterator[None]:
    """Call this each time that a batch was taken from the buffer, and is in no books yet."""
    engine = _WatchedEngine(sdk._engine)
    take = engine.take

    def take_and_act(*arguments: Any) -> Any:
        frame = take(*arguments)
        act()
        return frame

    engine.take = take_and_act
    with patch.object(sdk._pipeline._framer, "_engine", engine):
        yield


@contextmanager
def waiting_for_our_books(sdk: PaltabrainSdk[Any]) -> Iterator[None]:
    """The consumer waits for the books, which this thread holds, as one that is interrupted."""
    ledger, framing, are_held = sdk._pipeline.ledger, threading.Event(), threading.Event()
    drop_taken = ledger.drop_taken

    def wait_and_drop(*arguments: Any) -> int:
        framing.set()
        assert are_held.wait(30)
        return drop_taken(*arguments)

    with patch.object(ledger, "drop_taken", wait_and_drop):
        sdk._pipeline._control.request_flush()
        assert framing.wait(30)
        with ledger.books:
            are_held.set()
            yield


def after_next_hand_over(act: Callable[[], object]) -> None:
    """Call this once, in the thread that frames, when a batch was taken and handed to be sent."""
    submit = Workers.submit

    def submit_then_act(*arguments: Any) -> None:
        setattr(Workers, submit.__name__, submit)
        submit(*arguments)
        act()

    setattr(Workers, submit.__name__, submit_then_act)


def await_stats(
    sdk: PaltabrainSdk[Any], condition: Callable[[Stats], bool], deadline: float = 30.0
) -> None:
    """Wait until the counts are such."""
    ledger, engine = sdk._pipeline.ledger, sdk._engine
    assert ledger.wait(
        lambda: condition(ledger.stats(engine.counts())), clock.monotonic() + deadline
    ), sdk.stats()


@contextmanager
def before_making_room(sdk: PaltabrainSdk[Any], action: Callable[[], object]) -> Iterator[None]:
    """Call this each time that ``track()`` asks a full buffer for room."""
    make_room = sdk._pipeline.make_room

    def ask() -> Iterator[None]:
        action()
        return make_room()

    with patch.object(sdk._pipeline, "make_room", ask):
        yield


@contextmanager
def before_telling_ends(sdk: PaltabrainSdk[Any], action: Callable[[], object]) -> Iterator[None]:
    """Call this when a thread has told ``on_error`` all there was, but may still be left more."""
    lock = threading.Lock()

    class Telling:
        acquire = lock.acquire

        def release(self) -> None:
            action()
            lock.release()

    with patch.object(sdk._reporter.callbacks, "_running", Telling()):
        yield


def drop_for(sdk: PaltabrainSdk[Any], reason: Any) -> None:
    """Have an event refused for this reason."""
    ledger = sdk._pipeline.ledger
    ledger._dropped.setdefault(reason, 0)
    ledger.refuse(reason)


def outage_begins(sdk: PaltabrainSdk[Any], error: Exception) -> None:
    """Have the SDK tell that an outage has begun, with this error."""
    sdk._reporter.outage_begun(error)


def outage_ends(sdk: PaltabrainSdk[Any], seconds: float, lost: int) -> None:
    """Have the SDK tell of the end of an outage."""
    sdk._reporter.outage_over(seconds, lost)


class Delivery:
    """What delivers the events of an SDK in this process, also when the SDK is forgotten."""

    def __init__(self, sdk: PaltabrainSdk[Any]) -> None:
        self._pipeline = sdk._pipeline
        self._transport = sdk._transport

    def stats(self) -> Stats:
        """Return what ``sdk.stats()`` does."""
        return self._pipeline.stats()

    def transport(self) -> Transport:
        """Return what makes its attempts."""
        return self._transport

    def threads(self) -> list[threading.Thread]:
        """Return its threads that have not ended."""
        thread = self._pipeline._control._thread
        return [*([] if thread is None else [thread]), *self._pipeline._workers._threads]


@contextmanager
def archive_entries_unchecked() -> Iterator[None]:
    """Unpack a config archive whatever its directory says of it."""
    with patch("paltabrain_fast.cli.config_archive._check_entries", lambda _entries: None):
        yield


@contextmanager
def foreign_classes_unreported() -> Iterator[None]:
    """Forget that the hint about events on other base classes was given in this process."""
    with patch.object(tracking, "_foreign_classes_reported", False):
        yield


def parked_batches(sdk: PaltabrainSdk[Any]) -> int:
    """Tell how many batches wait until others have reached the server."""
    return sdk._pipeline._outage.parked


def remembered_batches(outage: Outage) -> tuple[set[str], set[str]]:
    """Return the ids of the batches that an outage has released, and of those it has held."""
    return set(outage._released), set(outage._held_since)


def wrap_transports(wrap: Callable[[Transport], Transport]) -> None:
    """Have each SDK use, from now on, what this makes of the transport that the SDK has made."""
    module: Any = paltabrain_fast.sdk
    make_transport = module.make_transport
    module.make_transport = lambda name=None: wrap(make_transport(name))


def beginning_of_exit(at_work: Iterable[lifetime.AtWork]) -> None:
    """Do what is done first when the main thread has ended."""
    with (
        patch.object(lifetime, "_at_work", set(at_work)),
        patch.object(lifetime, "_may_start", lifetime._may_start),
    ):
        lifetime._begin_exit()

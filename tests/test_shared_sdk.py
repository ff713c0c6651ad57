"""Threads that track with one SDK: each sees the context that there is, and keeps none for long.

Without the GIL, a thread knows the context of an SDK and reads it without a lock. There these tests
show their worth; they hold everywhere.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from .schema.packages import EXAMPLE, imported
from .support.recorder import Recorder
from .support.threads import running

ROUNDS = 2000
KEPT_SDKS = 16  # of those that threads share, for ever, where there is no GIL
KNOWN_CONTEXTS = 4  # by each thread


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def os_names(recorder: Recorder, config: Any) -> list[str]:
    """Return that property of the context of each event."""
    return [config.ContextMessage.FromString(sent[0]).os.os_name for sent in recorder.sent()]


def set_property(recorder: Recorder, _config: Any) -> None:
    recorder._context.set_os(os_name="new")


def change_group(recorder: Recorder, _config: Any) -> None:
    recorder._context._context["os"]["os_name"] = "new"


def replace_group(recorder: Recorder, _config: Any) -> None:
    recorder._context._context["os"] = {"os_name": "new"}


def replace_groups(recorder: Recorder, config: Any) -> object:
    """Return the old ones: while they live, nothing of them changes."""
    old = recorder._context._context
    recorder._context._context = config.Context().set_os(os_name="new")._context
    return old


def initialize_again(recorder: Recorder, _config: Any) -> None:
    recorder._context.__init__()
    recorder._context.set_os(os_name="new")


def replace_context(recorder: Recorder, config: Any) -> None:
    recorder._context = config.Context().set_os(os_name="new")


def patch_instance(recorder: Recorder, config: Any) -> None:
    serialized = config.Context().set_os(os_name="new").serialize_context()
    recorder._context.serialize_context = lambda: serialized


def change_class(recorder: Recorder, config: Any) -> None:
    serialized: bytes = config.Context().set_os(os_name="new").serialize_context()

    class Other(config.Context):  # type: ignore[misc]
        def serialize_context(self) -> bytes:
            return serialized

    recorder._context.__class__ = Other


def patch_class(_recorder: Recorder, config: Any) -> None:
    serialized = config.Context().set_os(os_name="new").serialize_context()
    config.Context.serialize_context = lambda _self: serialized


@pytest.mark.parametrize(
    "change",
    [
        set_property,
        change_group,
        replace_group,
        replace_groups,
        initialize_again,
        replace_context,
        patch_instance,
        change_class,
        patch_class,
    ],
)
def test_thread_that_knows_the_context_sees_its_change(
    config: Any, change: Callable[[Recorder, Any], object]
) -> None:
    recorder = Recorder(config.Context().set_os(os_name="old"))
    event = config.EventPageOpen(page_id="x")
    for _ in range(4):
        recorder.track(event)
    assert os_names(recorder, config) == ["old"] * 4
    old = change(recorder, config)
    for _ in range(4):
        recorder.track(event)
    assert os_names(recorder, config) == ["new"] * 4
    del old
    assert not recorder.errors


def test_change_is_seen_by_another_thread_at_once(config: Any) -> None:
    """Each event carries the context as it was within its ``track()``."""
    recorder = Recorder(config.Context().set_os(os_name="0"), 1 << 24)
    seen: dict[str, tuple[int, int]] = {}
    made = begun = 0

    def change() -> None:
        nonlocal made, begun
        for number in range(1, ROUNDS):
            begun = number
            if number % 2:
                recorder._context = config.Context().set_os(os_name=str(number))
            else:
                recorder._context.set_os(os_name=str(number))
            made = number

    def track(thread: int) -> None:
        for number in range(ROUNDS):
            page_id, least = f"{thread}:{number}", made
            recorder.track(config.EventPageOpen(page_id=page_id))
            seen[page_id] = (least, begun)

    with running(change, partial(track, 0), partial(track, 1)):
        pass
    assert not recorder.errors
    assert not recorder.refused
    sent = recorder.sent()
    assert len(sent) == len(seen) == 2 * ROUNDS
    for context, _, payload in sent:
        page_id = config.EventPayloadMessage.FromString(payload).event_4.page_id
        least, most = seen[page_id]
        assert least <= int(config.ContextMessage.FromString(context).os.os_name) <= most


def test_context_is_freed_when_threads_track_with_its_successor(config: Any) -> None:
    recorder = Recorder(config.Context().set_os(os_name="old"))
    context, turn = weakref.ref(recorder._context), threading.Barrier(3)

    def track() -> None:
        event = config.EventPageOpen(page_id="x")
        for _ in range(2):
            for _ in range(4):
                recorder.track(event)
            turn.wait()
            turn.wait()

    with running(track, track):
        turn.wait()
        recorder._context = config.Context().set_os(os_name="new")
        turn.wait()
        turn.wait()
        gc.collect()
        is_freed = context() is None  # while the threads live
        turn.wait()
    assert is_freed
    assert os_names(recorder, config) == ["old"] * 8 + ["new"] * 8


def test_context_is_freed_when_the_threads_that_know_it_have_ended(config: Any) -> None:
    recorder = Recorder(config.Context().set_os(os_name="old"))
    context = weakref.ref(recorder._context)

    def track() -> None:
        for _ in range(4):
            recorder.track(config.EventPageOpen(page_id="x"))

    with running(track, track):
        pass
    recorder._context = config.Context()
    gc.collect()
    assert context() is None


def test_thread_keeps_the_contexts_of_few_sdks_that_are_gone(config: Any) -> None:
    contexts: list[weakref.ref[Any]] = []

    def track() -> None:
        for _ in range(20):
            recorder = Recorder(config.Context().set_os(os_name="old"))
            contexts.append(weakref.ref(recorder._context))
            for _ in range(4):
                recorder.track(config.EventPageOpen(page_id="x"))
            gone = [recorder]
            del recorder
            with running(gone.clear):  # so that another thread frees it
                pass
        gc.collect()
        assert sum(context() is not None for context in contexts) <= KNOWN_CONTEXTS

    with running(track):
        pass
    gc.collect()
    assert not any(context() for context in contexts)


def test_most_sdks_that_threads_have_shared_are_freed(config: Any) -> None:
    recorders = [Recorder(config.Context()) for _ in range(3 * KEPT_SDKS)]
    references = [weakref.ref(recorder) for recorder in recorders]
    turn = threading.Barrier(2)  # both are alive all the time

    def track() -> None:
        for recorder in recorders:
            turn.wait()
            for _ in range(4):
                recorder.track(config.EventPageOpen(page_id="x"))
        turn.wait()

    with running(track, track):
        pass
    assert {len(recorder.sent()) for recorder in recorders} == {8}
    recorders.clear()
    gc.collect()
    kept = sum(reference() is not None for reference in references)
    assert kept <= (0 if getattr(sys, "_is_gil_enabled", lambda: True)() else KEPT_SDKS)

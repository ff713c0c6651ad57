"""Threads change events and contexts while others track them: all that is sent is whole."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from paltabrain_fast import explain

from .schema.packages import EXAMPLE, imported
from .support.recorder import Recorder
from .support.threads import running

ROUNDS = 3000


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def values(module: Any) -> dict[str, list[Any]]:
    now = datetime(2020, 1, 1, tzinfo=UTC)
    return {
        "label": ["a", "é" * 30, "日本" * 100, None],
        "count": [0, 1 << 62, -1, None],
        "flag": [True, False, None],
        "price": [Decimal("1.5"), Decimal("NaN"), None],
        "theme": [*module.EnumTheme, None],
        "happened_ts": [now, now.replace(tzinfo=None), None],
        "labels": [["a"] * 5, ["é"], [], None],
        "counts": [[1, 2, 3], [], None],
        "moments": [[now] * 3, None],
        "label_by_name": [{"a": "b", "c": "d"}, {}, None],
    }


def change(event: Any, context: Any, module: Any) -> None:
    choices = {name: itertools.cycle(found) for name, found in values(module).items()}
    for number in range(ROUNDS):
        for name, found in choices.items():
            event._payload[name] = next(found)
        event._payload.pop("label", None)
        for container in ("labels", "counts", "moments"):
            if (items := event._payload.get(container)) is not None:
                items.append(items[0]) if items and len(items) < 9 else items.clear()
        event.set_screen(screen_name=str(number), theme=None).set_parent(
            parent_elements=["p"] * (number % 5)
        )
        context.set_os(os_name="x" * (number % 40)).set_user(
            user_id=str(number), is_trial=bool(number % 2)
        )
        if number % 50 == 0:
            event._payload = {}
            event._header.clear()
            context._context.clear()


def test_all_that_is_sent_is_valid_and_no_class_is_given_up(config: Any) -> None:
    event, context = config.EventEverything(label="a"), config.Context().set_os(os_name="a")
    recorders = [Recorder(config.Context(), 1 << 20) for _ in range(2)]
    sent: list[Any] = []

    def track(recorder: Recorder) -> None:
        for number in range(ROUNDS):
            recorder.track(event, context)
            if number % 100 == 0:
                sent.extend(recorder.sent())

    works = [partial(change, event, context, config)] * 2
    with running(*works, *(partial(track, recorder) for recorder in recorders)):
        pass
    for recorder in recorders:
        sent.extend(recorder.sent())
        assert {type(error) for error in recorder.errors} <= {
            RuntimeError,
            TypeError,
            AttributeError,
        }
    assert sent
    for found in sent:
        config.ContextMessage.FromString(found[0])
        config.EventHeaderMessage.FromString(found[1])
        assert (
            config.EventPayloadMessage.FromString(found[2]).WhichOneof("event_type") == "event_100"
        )
    assert explain(config.EventEverything).accelerated
    assert explain(config.Context).accelerated


def test_threads_track_events_of_their_own_on_a_cold_class(config: Any) -> None:
    """Where several threads recognise and prove the same class at once."""
    context = config.Context().set_os(os_name="shared")
    recorder = Recorder(context, 1 << 22)

    def track(thread: int) -> None:
        for number in range(ROUNDS):
            recorder.track(config.EventPageOpen(page_id=f"{thread}:{number}").set_screen(theme=1))

    with running(*(partial(track, thread) for thread in range(4))):
        pass
    assert not recorder.errors
    found = [
        config.EventPayloadMessage.FromString(sent[2]).event_4.page_id for sent in recorder.sent()
    ]
    assert len(found) + len(recorder.refused) == 4 * ROUNDS
    assert len(set(found)) == len(found)


def test_tracking_text_integers_and_flags_allocates_nothing(config: Any) -> None:
    texts = ["plain", "é" * 20, "日本語", "🎉"]
    event = config.EventEverything(label=texts[1], count=1 << 40, flag=True)
    event.set_screen(screen_name=texts[2])
    context = config.Context().set_os(os_name=texts[3], os_version=texts[0])
    recorder = Recorder(context, 1 << 26)
    for _ in range(100):
        recorder.track(event)
    recorder.sent()
    # what was proved on these texts left its mark on them, so go on with others
    texts = [text + text for text in texts]
    sizes = [sys.getsizeof(text) for text in texts]
    event._payload["label"] = texts[1]
    event.set_screen(screen_name=texts[2])
    context.set_os(os_name=texts[3], os_version=texts[0])
    recorder.track(event)
    tracemalloc.start()
    try:
        tracemalloc.clear_traces()
        before, blocks = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
        tracemalloc.reset_peak()
        for _ in range(100_000):
            recorder.track(event)
        grown = sys.getallocatedblocks() - blocks
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 50
    assert peak - before < 5000
    assert [sys.getsizeof(text) for text in texts] == sizes
    assert not recorder.errors
    assert not recorder.refused

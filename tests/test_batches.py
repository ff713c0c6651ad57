"""Which events share a batch, and when a batch is made."""

from __future__ import annotations

from paltabrain_fast import InMemoryTransport

from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk, texts


def test_ten_contexts_in_turn_have_ten_batches(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=10_000, max_in_flight=1)
    contexts = [TextContext(str(number)) for number in range(10)]
    for number in range(3000):
        sdk.track(TextEvent(str(number)), contexts[number % 10])
    assert sdk.flush(timeout=30)
    assert texts(transport) == [
        [str(number) for number in range(context, 3000, 10)] for context in range(10)
    ]


def test_flush_waits_for_what_was_tracked_before_it_of_every_context(make_sdk: MakeSdk) -> None:
    """Also while batches have events that are newer than some that wait."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, max_in_flight=1)
    for lap in range(300):
        for context in "abcde":
            sdk.track(TextEvent(f"{lap}{context}"), TextContext(context))
        assert sdk.flush(timeout=30)
        assert sum(map(len, texts(transport))) == 5 * (lap + 1)


def test_each_context_has_a_batch_in_the_order_of_their_first_events(
    api: ApiServer, make_sdk: MakeSdk
) -> None:
    sdk = make_sdk(api.hostname, max_in_flight=1)
    other = TextContext("other")
    for text, context in [("1", None), ("2", None), ("3", other), ("4", None), ("5", None)]:
        sdk.track(TextEvent(text), context)
    sdk.context.text = "changed"
    sdk.track(TextEvent("6"))
    assert sdk.flush(timeout=30)
    assert [b.context for b in api.batches] == [b"context", b"other", b"changed"]
    assert texts(api) == [["1", "2", "4", "5"], ["3"], ["6"]]
    assert len({batch.common.batch_id for batch in api.batches}) == 3


def test_flush_starts_when_the_buffer_has_the_given_size(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, flush_buffer_size=3)
    sdk.track(TextEvent("1"))
    sdk.track(TextEvent("2"))
    assert len(sdk.event_buffer) == 2
    sdk.track(TextEvent("3"))
    api.wait_for(1)
    assert texts(api) == [["1", "2", "3"]]


def test_flush_starts_when_the_interval_is_over(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, flush_interval_ms=1)
    sdk.track(TextEvent())
    api.wait_for(1)

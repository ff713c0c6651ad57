"""What may be given as ``before_send``, and what becomes of it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from ..support.events import TextContext, TextEvent
from ..support.sdk import MakeSdk, Sdk, texts
from ..support.threads import DEADLINE


def test_hook_that_refers_to_its_sdk_does_not_keep_it_alive() -> None:
    def make() -> weakref.ref[Any]:
        def count(event: Any, _context: Any) -> Any:
            sdk.stats()
            return event

        sdk: Sdk = PaltabrainSdk(
            "localhost",
            "key",
            TextContext(),
            transport=InMemoryTransport(),
            flush_interval_ms=3_600_000,
            before_send=count,
        )
        sdk.track(TextEvent())
        return weakref.ref(sdk)

    forgotten = make()
    gc.collect()
    assert forgotten() is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "before_send must be callable, not 5"),
        (lambda: None, "before_send must take an event and its context"),
        (lambda _event: None, "before_send must take an event and its context"),
        (TextEvent(), "before_send must be callable"),
    ],
)
def test_what_cannot_be_called_so_is_refused(wrong: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        PaltabrainSdk("localhost", "key", TextContext(), before_send=wrong)


def test_function_that_has_to_be_awaited_is_refused() -> None:
    async def later(event: Any, _context: Any) -> Any:
        return event

    with pytest.raises(TypeError, match="before_send must be a plain function"):
        PaltabrainSdk("localhost", "key", TextContext(), before_send=later)


def test_method_and_built_in_function_are_taken(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    class Scrubber:
        def scrub(self, event: Any, _context: Any) -> Any:
            return event

        __call__ = scrub

    hook: Any
    for hook in Scrubber().scrub, Scrubber():
        sdk = make_sdk(transport=transport, before_send=hook)
        sdk.track(TextEvent("a"))
        assert sdk.flush(timeout=DEADLINE)
    assert texts(transport) == [["a"], ["a"]]
    make_sdk(transport=transport, before_send=max)

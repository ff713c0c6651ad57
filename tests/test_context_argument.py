"""The context that is given to ``track()``: one that is false means the SDK's own."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from .schema.packages import EXAMPLE, imported
from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk, Sdk


class Weighed(TextContext):
    """A context that says itself whether it is true."""

    truth: Any = False

    def __bool__(self) -> bool:
        if isinstance(self.truth, type):
            raise self.truth("neither true nor false")
        return bool(self.truth)


class Sized(TextContext):
    """A context that is false when it is empty."""

    def __len__(self) -> int:
        return len(self.text)


def contexts(sdk: Sdk, transport: InMemoryTransport) -> list[str]:
    assert sdk.flush(timeout=30)
    return [batch.context.decode() for batch in transport.batches]


@pytest.mark.parametrize(
    "false", [None, {}, 0, 0.0, "", b"", (), False, Weighed("not me"), Sized("")], ids=repr
)
def test_whatever_is_false_stands_for_the_own_one(make_sdk: MakeSdk, false: Any) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"))
    for _ in range(3):
        sdk.track(TextEvent(), false)
        sdk.track(TextEvent(), context=false)
    assert contexts(sdk, transport) == ["own"]
    assert sdk.last_serialization_error is None


def test_sdk_may_have_none_of_its_own(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=None, max_in_flight=1)
    assert sdk.context is None
    sdk.track(TextEvent(), TextContext("given"))
    sdk.track(TextEvent("lost"))
    assert "no context: give track() one" in str(sdk.last_serialization_error)
    sdk.context = TextContext("assigned")
    sdk.track(TextEvent())
    none: Any = None
    sdk.context = none
    sdk.track(TextEvent("lost"))
    assert contexts(sdk, transport) == ["given", "assigned"]
    assert sdk.stats().dropped == {"serialization_error": 2}


@pytest.mark.parametrize("shown", [TextContext("shown"), None])
def test_context_of_a_subclass_s_own_is_asked_at_each_event(shown: TextContext | None) -> None:
    """As one has it whose context is that of the request."""
    current: list[Any] = []

    class PerRequest(PaltabrainSdk[Any]):
        @property
        def context(self) -> Any:
            return current[-1]

        @context.setter
        def context(self, context: Any) -> None:
            current.append(context)

    transport = InMemoryTransport()
    with PerRequest(
        "host", "key", TextContext("first"), transport=transport, max_in_flight=1
    ) as sdk:
        sdk.track(TextEvent())
        sdk.context = TextContext("second")
        sdk.track(TextEvent())
        sdk.track(TextEvent(), TextContext("given"))
        current.append(shown)
        sdk.track(TextEvent())
        assert contexts(sdk, transport) == (
            ["first", "second", "given"] + ([] if shown is None else ["shown"])
        )
        assert sdk.stats().dropped == ({"serialization_error": 1} if shown is None else {})


def test_subclass_may_leave_its_context_to_the_base() -> None:
    """As one has it that notes who asks; ``super().context`` is what was assigned there."""

    class Own(Sdk):
        asked = 0

        @property
        def context(self) -> Any:
            self.asked += 1
            return super().context

        @context.setter
        def context(self, context: Any) -> None:
            PaltabrainSdk.context.fset(self, context)  # type: ignore[attr-defined]

    transport = InMemoryTransport()
    with Own("host", "key", None, transport=transport, max_in_flight=1) as sdk:
        assert sdk.context is None
        for text in "first", "second":
            sdk.context = TextContext(text)
            assert sdk.context.text == text
            sdk.asked = 0
            sdk.track(TextEvent())
            assert sdk.asked
        assert contexts(sdk, transport) == ["first", "second"]


@pytest.mark.parametrize("hook", [None, lambda event, _context: event], ids=["plain", "hook"])
def test_context_of_a_subclass_may_be_false(hook: Any) -> None:
    class Own(Sdk):
        @property
        def context(self) -> Any:
            return Weighed("own")

        @context.setter
        def context(self, context: Any) -> None:
            PaltabrainSdk.context.fset(self, context)  # type: ignore[attr-defined]

    transport = InMemoryTransport()
    other = TextContext("other")
    with Own("host", "key", other, transport=transport, before_send=hook) as sdk:
        sdk.track(TextEvent())
        sdk.track(TextEvent(), False)  # type: ignore[arg-type]
        assert contexts(sdk, transport) == ["own"]


def test_what_asks_for_the_context_does_not_keep_the_sdk() -> None:
    class Own(PaltabrainSdk[Any]):
        context: Any = TextContext("of the class")

    transport = InMemoryTransport()
    sdk = Own("host", "key", TextContext("given"), transport=transport)
    sdk.track(TextEvent())
    assert contexts(sdk, transport) == ["given"]
    reference = weakref.ref(sdk)
    del sdk
    gc.collect()
    assert reference() is None


def test_what_is_true_is_taken(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"), max_in_flight=1)
    true = Weighed("weighed")
    true.truth = True
    for context in true, Sized("sized"), TextContext("plain"), TextContext(""):
        sdk.track(TextEvent(), context)
    assert contexts(sdk, transport) == ["weighed", "sized", "plain", ""]


def test_context_of_the_sdk_may_be_false(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=Weighed("own"))
    sdk.track(TextEvent())
    sdk.track(TextEvent(), Weighed("other"))
    assert contexts(sdk, transport) == ["own"]


def test_context_whose_truth_changes_is_asked_each_time(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"), max_in_flight=1)
    other = Weighed("other")
    for truth in False, True, False:
        other.truth = truth
        sdk.track(TextEvent(), other)
        assert sdk.flush(timeout=30)
    assert contexts(sdk, transport) == ["own", "other", "own"]


def test_context_that_cannot_tell_is_a_serialization_error(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    other = Weighed("other")
    other.truth = ValueError
    sdk.track(TextEvent(), other)
    assert isinstance(sdk.last_serialization_error, ValueError)
    assert sdk.stats().dropped == {"serialization_error": 1}
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert record.getMessage() == "Event [TextEvent] was skipped due to serialization error"
    other.truth = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        sdk.track(TextEvent(), other)


def test_generated_context_may_have_a_truth_of_its_own(make_sdk: MakeSdk) -> None:
    """Although its bytes are kept, and no code of its own runs otherwise."""
    with imported(EXAMPLE.parent / "config") as config:

        class Own(config.Context):  # type: ignore[misc,name-defined]
            truth = True

            def __bool__(self) -> bool:
                return self.truth

        transport = InMemoryTransport()
        context, own = config.Context().set_os(os_name="a"), Own().set_os(os_name="b")
        sdk = make_sdk(transport=transport, context=context, max_in_flight=1)
        for truth in True, False, True, False:
            Own.truth = truth
            for _ in range(3):
                sdk.track(config.EventPageOpen(), own)
            assert sdk.flush(timeout=30)
        assert [batch.context for batch in transport.batches] == [
            own.serialize_context(),
            context.serialize_context(),
        ] * 2


def test_disabled_sdk_asks_nobody(make_sdk: MakeSdk) -> None:
    other = Weighed("other")
    other.truth = KeyboardInterrupt
    make_sdk(disabled=True).track(TextEvent(), other)

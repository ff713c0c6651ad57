"""``track`` looks like a Python function to ``inspect``, to wrappers and to mocks."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import pydoc
import re
import typing
import weakref
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY, MagicMock, create_autospec, patch

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk, Sdk, texts

HERE = "paltabrain_fast.sdk.PaltabrainSdk"


def test_it_shows_what_a_function_shows(make_sdk: MakeSdk) -> None:
    sdk: Any = make_sdk(transport=InMemoryTransport())
    function, method = PaltabrainSdk.track, sdk.track
    assert list(inspect.signature(function).parameters) == ["self", "event", "context"]
    assert inspect.signature(function).parameters["context"].default is None
    assert {p.kind for p in inspect.signature(function).parameters.values()} == {
        inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    assert list(inspect.signature(method).parameters) == ["event", "context"]
    assert set(typing.get_type_hints(function)) == {"event", "context", "return"}
    assert inspect.isfunction(function)
    assert inspect.isroutine(function)
    assert inspect.ismethod(method)
    assert (method.__self__, method.__func__) == (sdk, function)
    for shown in function, method:
        assert (shown.__name__, shown.__qualname__) == ("track", "PaltabrainSdk.track")
        assert shown.__module__ == "paltabrain_fast.sdk"
        assert inspect.getdoc(shown) == inspect.getdoc(function)
    assert (inspect.getdoc(function) or "").startswith("Buffer an event")
    assert repr(function).startswith("<function PaltabrainSdk.track at ")
    assert "def track" in inspect.getsource(function)
    kinds = {found.name: found.kind for found in inspect.classify_class_attrs(PaltabrainSdk)}
    assert kinds["track"] == "method"
    page = pydoc.plain(pydoc.render_doc(PaltabrainSdk))
    assert re.search(r"track\([\s|]*self,[\s|]*event", page)
    assert "Buffer an event, as it is now" in page


def test_it_is_called_as_a_function_is(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk: Any = make_sdk(transport=transport)
    own = TextContext("own")
    track = sdk.track
    calls: list[Callable[[], None]] = [
        lambda: sdk.track(TextEvent("0")),
        lambda: sdk.track(event=TextEvent("1")),
        lambda: sdk.track(TextEvent("2"), own),
        lambda: sdk.track(TextEvent("3"), context=own),
        lambda: sdk.track(context=own, event=TextEvent("4")),
        lambda: PaltabrainSdk.track(sdk, TextEvent("5"), context=None),
        lambda: PaltabrainSdk.track(self=sdk, event=TextEvent("6")),
        lambda: track(TextEvent("7"), own),
        lambda: functools.partial(sdk.track, context=own)(TextEvent("8")),
        lambda: sdk.track(**{"".join(["ev", "ent"]): TextEvent("9")}),
        lambda: sdk.track(*[TextEvent("10"), own]),
    ]
    for call in calls:
        call()
    assert sdk.flush(timeout=30)
    came = {
        event.payload.decode(): batch.context.decode()
        for batch in transport.batches
        for event in batch.events
    }
    with_own = {"2", "3", "4", "7", "8", "10"}
    assert came == {
        str(number): "own" if str(number) in with_own else "context" for number in range(11)
    }


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((), {}, r"track\(\) missing 1 required positional argument: 'event'"),
        ((), {"context": None}, r"track\(\) missing 1 required positional argument: 'event'"),
        ((1, 2, 3), {}, r"track\(\) takes from 2 to 3 positional arguments but 4 were given"),
        ((1,), {"event": 2}, r"track\(\) got multiple values for argument 'event'"),
        ((1, 2), {"context": 2}, r"track\(\) got multiple values for argument 'context'"),
        ((1,), {"contexts": 2}, r"track\(\) got an unexpected keyword argument 'contexts'"),
    ],
)
def test_wrong_arguments_are_refused_as_a_function_refuses_them(
    make_sdk: MakeSdk, arguments: tuple[Any, ...], keywords: dict[str, Any], message: str
) -> None:
    sdk: Any = make_sdk(transport=InMemoryTransport())
    with pytest.raises(TypeError, match=message):
        sdk.track(*arguments, **keywords)
    assert sdk.stats().dropped == {}


def test_without_an_sdk_it_is_refused() -> None:
    with pytest.raises(TypeError, match="missing 2 required positional arguments"):
        PaltabrainSdk.track()  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        PaltabrainSdk.track(object(), TextEvent())  # type: ignore[arg-type]


def test_overridden_and_wrapped() -> None:
    seen = []

    class Counting(Sdk):
        def track(self, event: Any, context: Any = None) -> None:
            seen.append(event)
            super().track(event, context)

    transport = InMemoryTransport()
    with Counting("localhost", "key", TextContext(), transport=transport) as sdk:
        sdk.track(TextEvent("sub"))

        @functools.wraps(PaltabrainSdk.track)
        def wrapper(self: Sdk, event: Any, context: Any = None) -> None:
            seen.append(event)
            original(self, event, context)

        original = PaltabrainSdk.track
        with patch.object(PaltabrainSdk, "track", wrapper):
            sdk.track(TextEvent("wrapped"))
            assert PaltabrainSdk.track.__name__ == "track"
        assert PaltabrainSdk.track is original
        sdk.track(TextEvent("sub again"))
    assert len(seen) == 4
    assert [text for batch in texts(transport) for text in batch] == [
        "sub",
        "wrapped",
        "sub again",
    ]


def test_autospec_of_the_class_takes_the_arguments_of_the_method() -> None:
    mocked: Any = create_autospec(PaltabrainSdk)
    sdk: Any = mocked("localhost", "key", None)
    sdk.track("event")
    sdk.track("event", context="context")
    mocked.track(sdk, "event")
    assert sdk.track.call_count == 2
    for arguments, keywords in ((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}):
        with pytest.raises(TypeError):
            sdk.track(*arguments, **keywords)
    instance = create_autospec(PaltabrainSdk, instance=True)
    instance.track("event")
    instance.track.assert_called_once_with("event")
    bound = create_autospec(Sdk("localhost", "key", TextContext(), disabled=True).track)
    bound("event")
    with pytest.raises(TypeError):
        bound()


def test_autospec_of_the_method_is_given_self(make_sdk: MakeSdk) -> None:
    sdk: Any = make_sdk(transport=InMemoryTransport())
    for name in HERE, "paltabrain_fast.PaltabrainSdk":
        with patch(f"{name}.track", autospec=True) as track:
            sdk.track("event", context="context")
            track.assert_called_once_with(sdk, "event", context="context")
            with pytest.raises(TypeError):
                sdk.track()
    with patch.object(sdk, "track", autospec=True) as track:
        sdk.track("event")
        track.assert_called_once_with("event")
    with patch.object(PaltabrainSdk, "track") as plain:
        sdk.track("event")
        plain.assert_called_once_with("event")
    wrapping = MagicMock(wraps=sdk)
    wrapping.track(TextEvent())
    wrapping.track.assert_called_once_with(ANY)
    assert sdk.stats().accepted == 1


def test_it_is_copied_and_pickled_by_name(make_sdk: MakeSdk) -> None:
    function = PaltabrainSdk.track
    assert copy.copy(function) is copy.deepcopy(function) is function
    assert pickle.loads(pickle.dumps(function)) is function
    with pytest.raises(TypeError, match="PaltabrainSdk can be neither copied nor pickled"):
        pickle.dumps(make_sdk(transport=InMemoryTransport()).track)


def test_bound_one_can_be_referred_to_weakly() -> None:
    sdk = Sdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    method = weakref.WeakMethod(sdk.track)
    bound = method()
    assert bound is not None
    bound(TextEvent())
    assert sdk.stats().accepted == 1
    sdk.shutdown()
    del bound, sdk
    gc.collect()
    assert method() is None

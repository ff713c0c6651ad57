"""Equivalent forms of generated methods are accelerated; others are called as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import explain

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder
from . import constructors, groups, payload_accelerated, payload_fallback
from .rewriting import Forms, rewritten

SERVER = EXAMPLE.parent / "config"
SERIALIZERS = ("serialize_payload", "serialize_header", "serialize_context")
CLASSES = {"__init__": "EventPageOpen", "serialize_context": "Context"}

ACCELERATED = payload_accelerated.ACCELERATED | groups.ACCELERATED | constructors.ACCELERATED
FALLBACK = payload_fallback.FALLBACK | groups.FALLBACK | constructors.FALLBACK


def written(directory: Path, method: str, text: str) -> Path:
    """Write the example's module with another text for one of its methods."""
    target = directory / "config"
    shutil.copytree(SERVER, target, ignore=shutil.ignore_patterns("__pycache__"))
    module = target / "__init__.py"
    module.write_text(rewritten(module.read_text(), CLASSES.get(method, "Event"), method, text))
    return target


def cases(forms: Forms) -> list[Any]:
    return [
        pytest.param(method, text, id=f"{method}: {name}")
        for method, texts in forms.items()
        for name, text in texts.items()
    ]


@pytest.fixture
def config(tmp_path: Path, method: str, text: str) -> Iterator[Any]:
    with imported(written(tmp_path, method, text)) as module:
        yield module


def events(config: Any) -> list[Any]:
    parts = [
        (config.EventPageOpen, {"page_id": "p", "title": "title"}),
        (config.EventPageOpen, {"page_id": "p"}),
        (config.EventPageOpen, {}),
        (config.EventSessionStart, {}),
    ]
    found = []
    for cls, properties in parts:
        for group_count in range(3):
            event = cls()
            event._payload.update(properties)
            if group_count:
                event._header["screen"].update(screen_name="s")
            if group_count == 2:
                event._header["parent"].update(parent_elements=["a", "b"])
            found.append(event)
    for name in ("screen", "parent"):
        event = config.EventPageOpen()
        event._header[name]
        found.append(event)
    return found


def contexts(config: Any) -> list[Any]:
    return [
        config.Context(),
        config.Context().set_os(os_name="a", os_version="b"),
        config.Context()
        .set_os(os_name="a")
        .set_identify(experiments={"b": "2", "a": "1"})
        .set_user(),
    ]


def own_bytes(event: Any, context: Any) -> Any:
    try:
        return context.serialize_context(), event.serialize_header(), event.serialize_payload()
    except Exception as error:
        return type(error), str(error)


def check(recorder: Recorder, event: Any, context: Any) -> None:
    """Check that the methods' own bytes, or their own error, arrive: at first and later."""
    expected = own_bytes(event, context)
    for _ in range(3):
        recorder.track(event, context)
        sent, errors = recorder.sent(), recorder.errors[:]
        recorder.errors.clear()
        if errors:
            assert (type(errors[0]), str(errors[0])) == expected
        else:
            assert sent == [expected]


@pytest.mark.parametrize(("method", "text"), cases({m: ACCELERATED[m] for m in SERIALIZERS}))
def test_an_equivalent_serializer_is_accelerated(config: Any, method: str) -> None:
    cls = config.Context if method == "serialize_context" else config.EventPageOpen
    assert explain(cls).reason is None
    recorder = Recorder(config.Context())
    for event in events(config):
        for context in contexts(config):
            check(recorder, event, context)
    assert explain(cls).reason is None


@pytest.mark.parametrize(("method", "text"), cases({m: FALLBACK[m] for m in SERIALIZERS}))
def test_another_serializer_is_called_as_it_is(config: Any, method: str) -> None:
    cls = config.Context if method == "serialize_context" else config.EventPageOpen
    assert not explain(cls).accelerated
    recorder = Recorder(config.Context())
    for event in events(config):
        for context in contexts(config):
            check(recorder, event, context)


CALLS: dict[str, list[dict[str, Any]]] = {
    "__init__": [{}, {"page_id": "p"}, {"title": "t"}, {"page_id": "p", "title": "t"}],
    "set_screen": [{}, {"screen_name": "s"}, {"theme": None}, {"theme": 1, "screen_name": "s"}],
}


def called(config: Any, method: str, function: Any, keywords: dict[str, Any]) -> Any:
    event = config.EventPageOpen.__new__(config.EventPageOpen)
    if method != "__init__":
        config.BaseEvent.__init__(event)
        event._payload = {"page_id": "p"}
    names = {"page_id": "a", "title": "b"} if "a" in function.__code__.co_varnames else {}
    try:
        result = function(event, **{names.get(name, name): keywords[name] for name in keywords})
    except TypeError as error:
        return str(error)
    found = event.asdict()
    groups = [(group, list(values.items())) for group, values in found["header"].items()]
    return result is event, groups, list(found["payload"].items()), vars(event)


def function_of(config: Any, method: str) -> Any:
    owner = config.EventPageOpen if method == "__init__" else config.Event
    return vars(owner)[method]


@pytest.mark.parametrize(
    ("method", "text"), cases({method: ACCELERATED[method] for method in CALLS})
)
def test_an_equivalent_constructor_or_setter_is_accelerated(config: Any, method: str) -> None:
    function = function_of(config, method)
    for keywords in CALLS[method]:
        assert called(config, method, function, keywords) == called(
            config, method, function.__wrapped__, keywords
        )


@pytest.mark.parametrize(("method", "text"), cases({method: FALLBACK[method] for method in CALLS}))
def test_another_constructor_or_setter_is_left_as_it_is(config: Any, method: str) -> None:
    assert not hasattr(function_of(config, method), "__wrapped__")

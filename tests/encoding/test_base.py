"""Events and contexts are the plain Python objects that they were, on both engines."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import pydoc
import re
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

import paltabrain_fast
from paltabrain_fast import BaseContext, BaseEvent, BaseSentinel

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder, Sent
from ..support.threads import keeps_classes


@pytest.fixture(scope="module")
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


@pytest.fixture
def event(config: Any) -> Any:
    event = config.EventPageOpen(page_id="a").set_parent(parent_elements=["x"])
    event.mine = [1]
    return event


def same(first: Any, second: Any) -> bool:
    return (type(first), first.asdict(), first.mine) == (type(second), second.asdict(), second.mine)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(config: Any, event: Any, protocol: int) -> None:
    context = config.Context().set_os(os_name="a")
    context.mine = 5
    for value in (event, context):
        found = pickle.loads(pickle.dumps(value, protocol))
        assert same(found, value)
    assert type(found._context) is defaultdict
    assert found.set_user(user_id="u").asdict()["user"] == {"user_id": "u"}


def test_state_pickled_by_hand(config: Any, event: Any) -> None:
    found = config.EventPageOpen.__new__(config.EventPageOpen)
    state = {"_header": event._header, "_payload": event._payload, "mine": event.mine}
    reduced = event.__reduce_ex__(2)
    assert reduced[2] == state
    if hasattr(found, "__setstate__"):
        found.__setstate__(state)
    else:
        found.__dict__.update(state)
    assert same(found, event)


def test_slots_of_a_subclass_are_pickled_and_copied(
    config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slotted(config.EventPageOpen):  # type: ignore[misc]
        __slots__ = ("extra",)

    monkeypatch.setattr(sys.modules[__name__], "Slotted", Slotted, raising=False)
    Slotted.__qualname__ = "Slotted"
    event = Slotted(page_id="a")
    event.extra, event.mine = [5], 6
    for found in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):
        assert same(found, event)
        assert found.extra == [5]


def test_copies(event: Any) -> None:
    shallow, deep = copy.copy(event), copy.deepcopy(event)
    assert same(shallow, event)
    assert same(deep, event)
    assert shallow._payload is event._payload
    assert deep._payload is not event._payload
    assert (
        deep._header["parent"]["parent_elements"] is not event._header["parent"]["parent_elements"]
    )


def test_abstract_classes_cannot_be_instantiated(config: Any) -> None:
    class Half(BaseEvent):
        def serialize_header(self) -> bytes:
            return b""

    for abstract in (BaseEvent, BaseContext, Half):
        with pytest.raises(TypeError, match="abstract"):
            abstract()  # type: ignore[abstract]

    class Registered:
        pass

    config.Event.register(Registered)
    assert isinstance(Registered(), BaseEvent)
    assert isinstance(config.EventPageOpen(), config.Event)
    assert not isinstance(config.EventPageOpen(), BaseContext)


def test_weak_references_and_cycles(config: Any) -> None:
    for make in (config.EventPageOpen, config.Context):
        value = make()
        value.cycle = [value]
        (value._payload if make is config.EventPageOpen else value._context)["cycle"] = value
        reference = weakref.ref(value)
        del value
        gc.collect()
        assert reference() is None


def test_classes_are_collected(config: Any) -> None:
    def make() -> weakref.ref[type]:
        class Own(config.EventPageOpen):  # type: ignore[misc]
            def __init__(self, *, page_id: str | None = None) -> None:
                super().__init__()
                self._payload = {"page_id": page_id}

        Own(page_id="a").set_screen(screen_name="b")
        paltabrain_fast.explain(Own)
        return weakref.ref(Own)

    reference = make()
    for _ in range(2):  # without a GIL, what the first has freed holds more
        gc.collect()
    assert reference() is None or keeps_classes()


def test_attributes(config: Any) -> None:
    event = config.EventPageOpen()
    event.mine = 1
    assert vars(event)["mine"] == 1
    del event.mine
    assert not hasattr(event, "mine")
    event._header, event._payload = {"screen": {"screen_name": "a"}}, {"page_id": "p"}
    assert event.asdict() == {
        "header": {"screen": {"screen_name": "a"}},
        "payload": {"page_id": "p"},
    }
    event.set_screen(screen_name="b")
    assert event._header == {"screen": {"screen_name": "b"}}


def test_base_classes_of_hand_made_events(config: Any) -> None:
    assert BaseEvent.event_type_id == config.Event.event_type_id == 0
    assert config.EventPageOpen.event_type_id > 0


def test_events_and_contexts_are_equal_to_themselves_alone(config: Any) -> None:
    for make in (config.EventPageOpen, config.Context):
        one, other = make(), make()
        assert one == one
        assert one != other
        assert len({one, other, copy.copy(one)}) == 3


def test_asdict_gives_what_is_sent(config: Any) -> None:
    """Not a copy: the event and the context change with it, before and after they were sent."""
    event = config.EventPageOpen(page_id="a").set_screen(screen_name="b")
    context = config.Context().set_os(os_name="a")
    blank = config.EventPageOpen()
    groups, found = context.asdict(), event.asdict()
    assert groups is context.asdict() is context._context
    assert found["header"] is event._header
    assert found["payload"] is event._payload
    assert type(groups) is type(found["header"]) is defaultdict
    recorder = Recorder(context)

    def sent() -> Sent:
        for _ in range(3):  # what is known already, is kept
            recorder.track(event)
        assert not recorder.errors
        (one,) = set(recorder.sent())
        assert one == (
            context.serialize_context(),
            event.serialize_header(),
            event.serialize_payload(),
        )
        return one

    seen = [sent()]
    changes: list[Callable[[], object]] = [
        partial(found["payload"].update, page_id="changed"),
        lambda: found["header"]["screen"].update(screen_name="changed"),
        lambda: found["header"]["parent"].update(parent_elements=["new"]),
        partial(groups["os"].update, os_name="changed"),
        lambda: groups["user"].update(user_id="new"),
        partial(groups.pop, "user"),
        partial(event.set_screen, screen_name="again"),
        lambda: found["header"]["screen"].update(screen_name="last"),
    ]
    for change in changes:
        change()
        seen.append(sent())
    assert len(set(seen)) == 8  # the user came and went
    assert found == event.asdict()
    blank.asdict()["payload"]["page_id"] = "late"
    blank.asdict()["header"]["screen"]["screen_name"] = "late"
    expected = config.EventPageOpen(page_id="late").set_screen(screen_name="late")
    for late in blank, expected:
        recorder.track(late)
    first, second = recorder.sent()
    assert first == second


def test_asdict_of_a_copy_is_its_own(config: Any) -> None:
    event = config.EventPageOpen(page_id="a").set_screen(screen_name="b")
    context = config.Context().set_os(os_name="a")
    clones: list[Callable[[Any], Any]] = [
        copy.deepcopy,
        lambda value: pickle.loads(pickle.dumps(value)),
    ]
    for clone in clones:
        clone(event).asdict()["header"]["screen"]["screen_name"] = "clone"
        clone(event).asdict()["payload"]["page_id"] = "clone"
        clone(context).asdict()["os"]["os_name"] = "clone"
    assert event.asdict() == {
        "header": {"screen": {"screen_name": "b"}},
        "payload": {"page_id": "a", "title": None},
    }
    assert context.asdict() == {"os": {"os_name": "a"}}


def test_setters_keep_order_and_tell_not_given_from_none(config: Any) -> None:
    event = config.EventPageOpen()
    assert event.set_screen(theme=None, screen_name="a") is event
    assert list(event._header["screen"].items()) == [("screen_name", "a"), ("theme", None)]
    event.set_screen()
    event.set_screen(screen_name=config.UNDEFINED, theme=BaseSentinel())
    assert event._header["screen"] == {"screen_name": "a", "theme": None}
    assert list(config.EventPageOpen(title="t", page_id="p")._payload) == ["page_id", "title"]
    mapping: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"screen_name": "default"})
    event._header = mapping
    assert event.set_screen(theme=1)._header["screen"] == {"screen_name": "default", "theme": 1}


def outcome(call: Any) -> Any:
    with pytest.raises(TypeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {"unknown": 1}),
        (("a",), {}),
        (("a", "b"), {"page_id": 1}),
        ((), {"page_id": 1, "é": 2}),
    ],
)
def test_errors_of_calls_are_the_functions_own(config: Any, args: Any, kwargs: Any) -> None:
    cls = config.EventPageOpen
    own = getattr(cls.__init__, "__wrapped__", cls.__init__)
    blank = cls()
    assert outcome(lambda: cls(*args, **kwargs)) == outcome(lambda: own(blank, *args, **kwargs))
    setter = getattr(cls.set_screen, "__wrapped__", cls.set_screen)
    assert outcome(lambda: blank.set_screen(*args, **kwargs)) == outcome(
        lambda: setter(blank, *args, **kwargs)
    )
    assert not blank._header


def test_methods_describe_themselves_as_functions_do(config: Any) -> None:
    cls = config.EventPageOpen
    shown = str(inspect.signature(cls)).replace("str | None", "Optional[str]")  # so on 3.14
    assert shown == "(*, page_id: Optional[str] = None, title: Optional[str] = None)"
    assert list(inspect.signature(cls().set_screen).parameters) == ["screen_name", "theme"]
    for function, name, doc in (
        (cls.__init__, "EventPageOpen.__init__", "A page was opened."),
        (cls.set_screen, "Event.set_screen", "{DEPRECATED} Use Parent."),
        (config.Context.set_os, "Context.set_os", "The operating system that"),
    ):
        assert function.__qualname__ == name
        assert function.__name__ == name.partition(".")[2]
        assert function.__module__ == config.__name__
        assert function.__doc__.strip().startswith(doc)
        assert inspect.isroutine(function)
    shown = pydoc.plain(pydoc.render_doc(cls))
    assert re.search(r"set_screen\([\s|]*self,[\s|]*\*,[\s|]*screen_name", shown)
    assert ":param page_id:" in shown


def test_doubles_of_methods_are_those_of_functions(config: Any) -> None:
    """So that ``unittest.mock`` hands ``self`` on."""
    for cls, names in {
        config.Context: ["set_os"],
        config.EventPageOpen: ["__init__", "set_parent"],
    }.items():
        found = dict(inspect.getmembers(cls, inspect.isfunction))
        assert all(found[name] is getattr(cls, name) for name in names)
    real = config.Context.set_os
    with patch.object(config.Context, "set_os", autospec=True, side_effect=real) as setter:
        context = config.Context().set_os(os_name="a")
        setter.assert_called_once_with(context, os_name="a")
        with pytest.raises(TypeError):
            context.set_os(name="a")
    assert context.asdict() == {"os": {"os_name": "a"}}
    with patch.object(config.EventPageOpen, "__init__", autospec=True, return_value=None) as init:
        event = config.EventPageOpen(page_id="a")
    init.assert_called_once_with(event, page_id="a")
    assert config.EventPageOpen(page_id="b").asdict()["payload"]["page_id"] == "b"


def test_super_init_is_enough_for_a_hand_made_event() -> None:
    class Own(BaseEvent):
        event_type_id = 1

        def serialize_header(self) -> bytes:
            return b""

        def serialize_payload(self) -> bytes:
            return repr(self._payload).encode()

    event = Own()
    assert event.asdict() == {"header": {}, "payload": {}}
    event._payload["a"] = 1
    event.__init__()  # type: ignore[misc]
    assert event.asdict() == {"header": {}, "payload": {}}

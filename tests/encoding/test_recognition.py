"""A class is encoded natively only while it is proved generated; every change of it is obeyed."""

from __future__ import annotations

import gc
import logging
import sys
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from paltabrain_fast import BaseEvent, explain

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder

SOURCE = EXAMPLE.parent / "config" / "__init__.py"


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(SOURCE.parent) as module:
        yield module


def mutated(config: Any, old: str, new: str) -> dict[str, Any]:
    """The module's names, its source changed in one place."""
    source = SOURCE.read_text()
    assert old in source
    namespace = {"__name__": f"{config.__name__}", "__package__": config.__name__}
    exec(compile(source.replace(old, new, 1), "mutant", "exec"), namespace)
    return namespace


def check(event: Any, context: Any, recorder: Recorder | None = None) -> None:
    """What is sent is what the methods say, as they are now."""
    recorder = recorder or Recorder(context)
    expected = context.serialize_context(), event.serialize_header(), event.serialize_payload()
    for _ in range(3):
        recorder.track(event, context)
        assert recorder.sent() == [expected]
    assert not recorder.errors


DEFINITION = "    def serialize_payload(self):\n"

PAYLOAD = "'page_id': page_id,\n            'title': title"
SCREEN = "'screen_name': screen_name,\n            'theme': theme"

MUTANTS = [
    ("SerializeToString(deterministic=True)", "SerializeToString(deterministic=False)"),
    ("SerializeToString(deterministic=True)", "SerializeToString(deterministic=1)"),
    ("SerializeToString(deterministic=True)", "SerializePartialToString(deterministic=True)"),
    ("if not self._header:", "if self._header:"),
    ("if not self._header:", "if not self._payload:"),
    ('return b""', 'return b"\\n\\x00"'),
    (".SetInParent()\n", "\n"),
    (", self._payload)", ", {})"),
    (", self._payload)", ", dict(self._payload, title=None))"),
    ('f"event_{self.event_type_id}").SetInParent()', '"event_5").SetInParent()'),
    (DEFINITION, "    def serialize_payload(self, extra=[]):\n"),
    (DEFINITION, "    @staticmethod\n" + DEFINITION),
    (DEFINITION, "    @__import__('functools').lru_cache\n" + DEFINITION),
    (DEFINITION, "    async def serialize_payload(self):\n"),
    ("payload_message = EventPayloadMessage()", "payload_message = print(end='')"),
    (
        "import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto",
        "import BaseContext, BaseEnum, BaseEvent, BaseSentinel\ndef set_proto(m, p): pass",
    ),
]


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_a_serializer_that_was_changed_is_not_recognised(config: Any, old: str, new: str) -> None:
    names = mutated(config, old, new)
    found = [explain(names[name]).accelerated for name in ("Context", "EventPageOpen")]
    assert found != [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PAYLOAD, "'page_id': title,\n            'title': page_id"),
        (PAYLOAD, "'page_id': page_id,\n            'title': page_id"),
        (PAYLOAD, "'page_id': page_id,\n            'title': None"),
        (PAYLOAD, "'page_id': page_id"),
        ("page_id: Optional[str] = None", "page_id: Optional[str] = 'x'"),
        (
            SCREEN,
            SCREEN.replace(": screen_name", ": theme").replace("'theme': theme", "'theme': 5"),
        ),
        ("self._header['screen'].update(", "self._header['parent'].update("),
        ("screen_name: Optional[str] = UNDEFINED", "screen_name: Optional[str] = None"),
    ],
)
def test_an_init_or_setter_that_was_changed_does_what_it_says(
    config: Any, old: str, new: str
) -> None:
    names = mutated(config, old, new)
    event = names["EventPageOpen"](title="t").set_screen(theme=1)
    expected = names["EventPageOpen"].__new__(names["EventPageOpen"])
    unwrapped(names["EventPageOpen"].__init__)(expected, title="t")
    unwrapped(names["Event"].set_screen)(expected, theme=1)
    assert event.asdict() == expected.asdict()
    assert event.asdict() != config.EventPageOpen(title="t").set_screen(theme=1).asdict()


def unwrapped(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)


def test_flags_of_the_code_count(config: Any) -> None:
    function = config.Event.serialize_payload
    assert explain(config.EventPageOpen).accelerated
    code = function.__code__
    for flags in (0x20, 0x80, 0x100):
        with warnings.catch_warnings(action="ignore"):  # of Python 3.13
            function.__code__ = code.replace(co_flags=code.co_flags | flags)
        assert not explain(config.EventPageOpen).accelerated
    function.__code__ = code
    assert explain(config.EventPageOpen).accelerated


Patch = Callable[[pytest.MonkeyPatch, Any, Any], object]


def config_payload(_event: Any) -> bytes:
    return b"\xa2\x06\x00"


PATCHES: dict[str, Patch] = {
    "class": lambda patch, module, _: patch.setattr(
        module.EventPageOpen, "serialize_payload", config_payload, raising=False
    ),
    "base": lambda patch, module, _: patch.setattr(
        module.Event, "serialize_payload", config_payload
    ),
    "header": lambda patch, module, _: patch.setattr(
        module.Event, "serialize_header", lambda _self: b"\n\x00"
    ),
    "instance": lambda patch, _, event: patch.setattr(
        event, "serialize_payload", lambda: b"\xa2\x06\x00", raising=False
    ),
    "code": lambda patch, module, _: patch.setattr(
        module.Event.serialize_payload, "__code__", config_payload.__code__
    ),
    "set_proto": lambda patch, module, _: patch.setattr(
        module, "set_proto", lambda _message, _properties: None
    ),
    "getattr": lambda patch, module, _: patch.setattr(
        module, "getattr", lambda message, _: message.event_1, raising=False
    ),
    "message": lambda patch, module, _: patch.setattr(
        module,
        "EventPayloadMessage",
        type(
            "Other",
            (),
            {
                "event_4": property(lambda found: found),
                "SetInParent": lambda _: None,
                "SerializeToString": lambda _: b"",
                "page_id": "",
                "title": "",
            },
        ),
    ),
    "event_type_id of the class": lambda patch, module, _: patch.setattr(
        module.EventPageOpen, "event_type_id", 1
    ),
    "event_type_id of the instance": lambda patch, _, event: patch.setitem(
        event.__dict__, "event_type_id", 1
    ),
    "getattribute": lambda patch, module, _: patch.setattr(
        module.EventPageOpen,
        "__getattribute__",
        lambda self, name: {} if name == "_payload" else object.__getattribute__(self, name),
        raising=False,
    ),
    "_payload": lambda patch, module, _: patch.setattr(
        module.EventPageOpen, "_payload", property(lambda _self: {"title": "t"}), raising=False
    ),
    "_header": lambda patch, module, _: patch.setattr(
        module.Event, "_header", {"screen": {"screen_name": "other"}}, raising=False
    ),
}


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_is_obeyed_at_the_next_track_and_so_is_its_end(config: Any, name: str) -> None:
    context = config.Context().set_os(os_name="a")
    event = config.EventPageOpen().set_screen(screen_name="s")
    if name not in ("getattr", "event_type_id of the class", "event_type_id of the instance"):
        event._payload["page_id"] = "p"
    recorder = Recorder(context)
    check(event, context, recorder)

    def now() -> Any:
        own_error = None
        try:
            recorder.track(event)
            sent = recorder.sent()
            error = recorder.errors.pop() if recorder.errors else None
            context.serialize_context()
            own = event.serialize_header(), event.serialize_payload()
        except Exception as raised:
            own_error = raised
        if own_error is not None:
            assert (type(error), str(error)) == (type(own_error), str(own_error))
            return str(own_error)
        assert [part[1:] for part in sent] == [own]
        return own

    before = now()
    with pytest.MonkeyPatch.context() as patch:
        PATCHES[name](patch, config, event)
        for _ in range(3):
            assert now() != before
    for _ in range(3):
        assert now() == before
    assert explain(config.EventPageOpen).accelerated


def test_context_methods_that_are_patched_are_obeyed_though_the_context_is_cached(
    config: Any,
) -> None:
    context, event = config.Context().set_os(os_name="a"), config.EventPageOpen()
    recorder = Recorder(context)
    check(event, context, recorder)
    for target in (config.Context, context):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, "serialize_context", lambda *_: b"\n\x00", raising=False)
            check(event, context, recorder)
        check(event, context, recorder)


def test_subclasses_and_mixins_are_obeyed(config: Any) -> None:
    class Mixin:
        def __init__(self, **properties: Any) -> None:
            calls.append("mixin")
            super().__init__(**properties)

    class Before(Mixin, config.EventPageOpen):  # type: ignore[misc]
        pass

    class Between(config.EventPageOpen, Mixin):  # type: ignore[misc]
        pass

    class Own(config.EventPageOpen):  # type: ignore[misc]
        def __init__(self, number: int) -> None:
            super().__init__(page_id=str(number))
            self.number = number

    class Setting(config.EventPageOpen):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            calls.append(name)
            super().__setattr__(name, value)

    calls: list[str] = []
    assert Before(page_id="a").asdict()["payload"] == {"page_id": "a", "title": None}
    assert calls == ["mixin"]
    assert Own(5).asdict()["payload"] == {"page_id": "5", "title": None}
    calls.clear()
    Setting(page_id="a")
    assert calls[-1] == "_payload"
    context = config.Context()
    for event in (Before(page_id="a"), Own(5), Setting(page_id="b")):
        check(event, context)
        assert explain(type(event)).accelerated
    assert Between.__mro__.index(Mixin) > Between.__mro__.index(config.EventPageOpen)


@pytest.mark.parametrize("base", [BaseEvent, "Event"])
def test_an_init_patched_into_a_base_is_run(
    config: Any, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = config.Event if base == "Event" else base
    config.EventPageOpen(page_id="a")
    calls: list[object] = []
    original = base.__init__

    def init(self: Any) -> None:
        calls.append(self)
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(base, "__init__", init)
        event = config.EventPageOpen(page_id="a")
        assert calls == [event]
    config.EventPageOpen(page_id="a")
    assert len(calls) == 1


def test_a_class_goes_slow_with_one_line_that_says_why(
    config: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Own(config.EventPageOpen):  # type: ignore[misc]
        def serialize_payload(self) -> bytes:
            return config_payload(self)

    caplog.set_level(logging.INFO, "paltabrain_sdk")
    recorder = Recorder(config.Context())
    for _ in range(5):
        recorder.track(Own())
        recorder.track(config.EventPageOpen())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{__name__}.{Own.__qualname__} is serialized by its own methods, which is slower:"
        " serialize_payload() does not do what a generated one does:"
        " it returns something else than the serialized message"
    )


def test_of_a_module_that_the_user_has_not_touched_there_is_nothing_to_say(
    config: Any, caplog: pytest.LogCaptureFixture
) -> None:
    names = mutated(config, "payload_message = EventPayloadMessage()", "payload_message = None")
    recorder = Recorder(config.Context())
    for _ in range(3):
        recorder.track(names["EventPageOpen"]())
    assert not explain(names["EventPageOpen"]).accelerated
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_a_class_whose_encoding_differs_is_left_to_its_methods_for_good(
    config: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message class that adds something of its own is not seen by looking at the methods."""
    genuine = config.EventPayloadMessage.SerializeToString
    other = config.EventPayloadMessage(event_4={"page_id": "other"})
    monkeypatch.setattr(
        config.EventPayloadMessage, "SerializeToString", lambda _self: genuine(other), raising=False
    )
    event = config.EventPageOpen(page_id="mine")
    recorder = Recorder(config.Context())
    for _ in range(4):
        recorder.track(event)
    assert {sent[2] for sent in recorder.sent()} == {event.serialize_payload()}
    assert explain(config.EventPageOpen).reason == (
        "its encoding once differed from that of its own methods"
    )
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 1
    assert explain(config.EventSessionEnd).accelerated


def test_an_event_that_changes_between_serializing_and_comparing_rejects_no_class(
    config: Any,
) -> None:
    def change(event: Any) -> None:
        event._payload["page_id"] = "changed meanwhile"

    event = config.EventPageOpen(page_id="a")
    recorder = Recorder(config.Context())
    recorder.after_serializing = change
    recorder.track(event)
    assert event._payload["page_id"] == "changed meanwhile"
    assert explain(config.EventPageOpen).accelerated


def test_a_context_that_is_replaced_while_it_is_verified_rejects_no_class(config: Any) -> None:
    """Its groups are others when its own method looks at them, as another thread may have it."""
    context = config.Context().set_os(os_name="a")
    others = config.Context().set_os(os_name="b")._context

    def replace(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code.co_name == "serialize_context":
            sys.setprofile(None)
            context._context = others

    recorder = Recorder(context)
    sys.setprofile(replace)
    try:
        recorder.track(config.EventPageOpen())
    finally:
        sys.setprofile(None)
    assert context._context is others
    assert [sent[0] for sent in recorder.sent()] == [context.serialize_context()]
    assert explain(config.Context).accelerated


def test_any_number_of_classes_share_the_table_of_plans(config: Any) -> None:
    """Those that meet in one place of it are neither recognised anew each time nor kept anew."""
    classes = [type(f"Sub{number}", (config.EventPageOpen,), {}) for number in range(600)]
    events = [cls(page_id="a") for cls in classes]
    recorder = Recorder(config.Context())

    def track_all() -> None:
        for event in events:
            recorder.track(event)
        assert len(recorder.sent()) == len(events)

    for _ in range(3):
        track_all()
    gc.collect()
    tracemalloc.start()
    try:
        track_all()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10):
            track_all()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()

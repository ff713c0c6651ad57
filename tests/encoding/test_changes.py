"""What recognition depends on may change later; and symbolic execution has no side effects."""

from __future__ import annotations

import builtins
import contextlib
import gc
import sys
import textwrap
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from paltabrain_fast import explain
from paltabrain_fast.encoding.symbolic import Proxy
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE, generated, imported
from ..support.recorder import Recorder
from ..support.threads import keeps_classes
from . import groups
from .rewriting import PAYLOAD, rewritten
from .test_forms import check, contexts, events, written

SERVER = EXAMPLE.parent / "config"

IN_MODULE = (
    PAYLOAD.replace("p.SetInParent()\n        set_proto(p,", "helper(p,")
    + """

def helper(message, values, mark=True):
    if mark:
        message.SetInParent()
    set_proto(message, values)


class Unused:
    def serialize_payload(self):
        pass
"""
)

IN_CLASS = """
    def fill_in(self, message, values, *, mark=True):
        if mark:
            message.SetInParent()
        set_proto(message, values)
""" + PAYLOAD.replace("p.SetInParent()\n        set_proto(p,", "self.fill_in(p,")

SETTER = """
    def _update(self, name, **properties):
        self._header[name].update(BaseSentinel.filter(properties))
        return self

    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        return self._update("screen", screen_name=screen_name, theme=theme)
"""


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(SERVER) as module:
        yield module


def with_payload(directory: Path, text: str) -> Path:
    target = written(directory, "serialize_payload", PAYLOAD)
    module = target / "__init__.py"
    source = rewritten(module.read_text(), "Event", "serialize_payload", text)
    module.write_text(source)
    return target


def check_all(config: Any, cls: Any = None) -> None:
    recorder = Recorder(config.Context())
    for event in events(config):
        if cls is not None:
            event.__class__ = cls
        check(recorder, event, config.Context())


def mute(_message: Any, _values: Any, mark: bool = True) -> None:
    """Replaces a helper, and does nothing."""


@pytest.mark.parametrize("other", [None, mute, 0, pytest.param(..., id="deleted")])
def test_a_function_of_the_module_that_is_replaced_or_deleted_is_missed(
    tmp_path: Path, other: Any
) -> None:
    with imported(with_payload(tmp_path, IN_MODULE)) as config:
        assert explain(config.EventPageOpen).accelerated
        check_all(config)
        if other is ...:
            del config.helper
        else:
            config.helper = other
        gc.collect()
        assert not explain(config.EventPageOpen).accelerated
        check_all(config)


def test_a_default_of_a_method_that_changes_is_obeyed(tmp_path: Path) -> None:
    text = groups.ACCELERATED["serialize_context"]["a default"]
    with imported(written(tmp_path, "serialize_context", text)) as config:
        context = config.Context().set_identify(experiments={"b": "2", "a": "1"})
        recorder = Recorder(context)
        check(recorder, config.EventPageOpen(), context)
        assert explain(config.Context).accelerated
        config.Context.serialize_context.__defaults__ = (False,)
        check(recorder, config.EventPageOpen(), context)
        assert not explain(config.Context).accelerated


@pytest.mark.parametrize("text", [IN_MODULE, IN_CLASS], ids=["module", "class"])
def test_a_default_that_changes_is_obeyed(tmp_path: Path, text: str) -> None:
    with imported(with_payload(tmp_path, text)) as config:
        assert explain(config.EventPageOpen).accelerated
        check_all(config)
        helper = config.helper if text is IN_MODULE else config.Event.fill_in
        if text is IN_MODULE:
            helper.__defaults__ = (False,)
        else:
            helper.__kwdefaults__ = {"mark": False}
        check_all(config)
        assert not explain(config.EventPageOpen).accelerated


def test_code_at_the_address_of_the_former_is_not_taken_for_it(config: Any) -> None:
    function = config.Event.serialize_payload
    event = config.EventPageOpen(page_id="p")
    recorder = Recorder(config.Context())
    check(recorder, event, config.Context())
    address = id(function.__code__)
    found: list[Any] = []
    function.__code__ = mute_payload.__code__
    for number in range(1000):
        names: dict[str, Any] = {}
        exec(f"def serialize_payload(self):\n    return b'{number}'", names)
        found.append(names["serialize_payload"].__code__)
        assert id(found[-1]) != address
    function.__code__ = found[-1]
    check(recorder, event, config.Context())


def mute_payload(_event: Any) -> bytes:
    return b""


def test_a_helper_of_a_setter_may_be_overridden(tmp_path: Path) -> None:
    with imported(written(tmp_path, "set_screen", SETTER)) as config:

        class Own(config.EventPageOpen):  # type: ignore[misc, name-defined]
            def _update(self, name: str, **properties: Any) -> Any:
                return super()._update(name, **{**properties, "screen_name": "own"})

        assert hasattr(config.Event.set_screen, "__wrapped__")
        assert config.EventPageOpen().set_screen(screen_name="a")._header == {
            "screen": {"screen_name": "a"}
        }
        assert Own().set_screen(screen_name="a")._header == {"screen": {"screen_name": "own"}}
        event = config.EventPageOpen()
        event._update = lambda _name, **_properties: "patched"
        assert event.set_screen(theme=1) == "patched"
        config.Event._update = lambda *_, **__: "replaced"
        assert config.EventPageOpen().set_screen(theme=1) == "replaced"


LIMITS = {
    "flags": (
        "a = b = c = d = False",
        "if d: break",
        "a, b, c, d = True, a, b, c",
    ),
    "list": ("seen = []", "if seen[4:]: break", "seen.append(group)"),
    "text": ("seen = ''", "if seen == 'xxxx': break", "seen = f'{seen}x'"),
    "slice": ("groups = [*self._header.items()][:4]", "pass", "pass"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_method_that_stops_after_some_groups_is_called_as_it_is(
    tmp_path: Path, limit: str
) -> None:
    """Also where that number is larger than the paths of a message with few members try."""
    before, test, after = LIMITS[limit]
    schema = tmp_path / "schema.yaml"
    group = "{{id: {}, properties: {{Name: {{id: 1, type: string}}}}}}"
    groups = "".join(f"  G{number}: {group.format(number)}\n" for number in range(1, 7))
    schema.write_text(f"header:\n{groups}event:\n  PageOpen: {{id: 4}}\n")
    groups = "groups" if limit == "slice" else "self._header.items()"
    text = f"""
    def serialize_header(self):
        {before}
        message = EventHeaderMessage()
        for group, values in {groups}:
            {test}
            set_proto(getattr(message, group), values)
            {after}
        return message.SerializeToString()
"""
    with generated(
        load_schema(schema), lambda source: rewritten(source, "Event", "serialize_header", text)
    ) as config:
        recorder = Recorder(config.Context())
        for count in range(7):
            event = config.EventPageOpen()
            for number in range(count):
                event._header[f"g{number + 1}"]["name"] = "x"
            check(recorder, event, config.Context())
        assert not explain(config.EventPageOpen).accelerated


def test_a_constant_of_the_module_that_a_setter_uses_may_change(tmp_path: Path) -> None:
    text = """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        if UNKNOWN_SCREEN:
            return self
        self._header["screen"].update(
            BaseSentinel.filter({"screen_name": screen_name, "theme": theme})
        )
        return self
"""
    target = written(tmp_path, "set_screen", text)
    module = target / "__init__.py"
    module.write_text(f"UNKNOWN_SCREEN = False\n{module.read_text()}")
    with imported(target) as config:
        assert config.EventPageOpen().set_screen(theme=1)._header == {"screen": {"theme": 1}}
        config.UNKNOWN_SCREEN = True
        assert config.EventPageOpen().set_screen(theme=1)._header == {}


def test_a_function_with_builtins_of_its_own_is_obeyed(config: Any) -> None:
    def other(_message: Any, _name: str) -> Any:
        return message.event_5

    message = config.EventPayloadMessage()
    names = {**vars(config), "__builtins__": {**vars(builtins), "getattr": other}}
    exec(compile(textwrap.dedent(PAYLOAD), "own", "exec"), names)
    config.Event.serialize_payload = names["serialize_payload"]
    assert not explain(config.EventPageOpen).accelerated
    check_all(config)


def test_no_method_but_constructor_and_setters_is_run_when_a_class_is_made(config: Any) -> None:
    class Own(config.EventPageOpen):  # type: ignore[misc]
        def wait(self) -> None:
            while True:
                pass

        def set_screen(self) -> None:
            while not self.ready:
                pass

        def set_parent(self) -> None:
            while True:
                pass

        ready = False

    check_all(config, Own)


def test_generated_modules_are_freed() -> None:
    def use() -> list[weakref.ref[Any]]:
        with imported(SERVER) as config:
            check_all(config)
            return [weakref.ref(found) for found in (config.Event, config.EventPageOpen)]

    found = [ref for _ in range(3) for ref in use()]
    gc.collect()
    assert [ref() for ref in found] == [None] * len(found) or keeps_classes()


@pytest.mark.parametrize("text", [IN_MODULE, IN_CLASS, "by name"], ids=["module", "class", "name"])
def test_modules_with_helpers_are_freed(tmp_path: Path, text: str) -> None:
    if text == "by name":
        text = IN_CLASS.replace("(self, m", "(m").replace(
            "    def _f", "    @staticmethod\n    def _f"
        )
        text = text.replace("self.fill_in", "Event.fill_in")

    def use() -> list[weakref.ref[Any]]:
        with imported(with_payload(tmp_path, text)) as config:
            assert explain(config.EventPageOpen).accelerated
            check_all(config)
            return [weakref.ref(found) for found in (config.Event, config.EventPageOpen)]

    found = use()
    gc.collect()
    assert [ref() for ref in found] == [None] * len(found) or keeps_classes()


def test_events_outlive_their_module(tmp_path: Path) -> None:
    with imported(with_payload(tmp_path, IN_MODULE)) as config:
        kept = [*events(config)]
        context = contexts(config)[1]
    del config
    gc.collect()
    recorder = Recorder(context)
    for event in kept:
        check(recorder, event, context)


def test_a_module_that_is_executed_again_is_recognised_again(config: Any) -> None:
    check_all(config)
    before = config.EventPageOpen(page_id="p")
    source = Path(config.__file__).read_text()
    exec(compile(source, config.__file__, "exec"), vars(config))
    assert type(before) is not config.EventPageOpen
    check(Recorder(config.Context()), before, config.Context())
    check_all(config)
    assert explain(config.EventPageOpen).accelerated


def test_a_tracer_that_prints_every_value_disturbs_nothing() -> None:
    seen: list[str] = []

    def look(frame: FrameType, _what: str, _argument: object) -> Any:
        found = [value for value in frame.f_locals.values() if type(value) is Proxy]
        seen.extend(map(repr, found))
        return look

    sys.settrace(look)
    sys.setprofile(look)
    try:
        with imported(SERVER) as config:
            accelerated = explain(config.EventPageOpen).accelerated
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    assert seen
    assert accelerated


def test_threads_recognise_a_class_at_the_same_time() -> None:
    with imported(SERVER) as config:
        failed: list[BaseException] = []
        ready = threading.Barrier(8)

        def run() -> None:
            try:
                ready.wait(30)
                check_all(config)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failed
        assert explain(config.EventPageOpen).accelerated


def test_tools_may_inspect_every_object(config: Any) -> None:
    """Some proxies always exist."""
    assert explain(config.EventPageOpen).accelerated
    for found in gc.get_objects():
        with contextlib.suppress(ReferenceError):  # a weak proxy of somebody else's
            isinstance(found, Recorder)
        if type(found) is Proxy:
            assert repr(found) == "<symbolic value>"
            assert found.__class__ is Proxy
            assert not hasattr(found, "__len__")

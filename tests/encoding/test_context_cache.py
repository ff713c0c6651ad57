"""A context is serialized again after every change of it, and only then."""

from __future__ import annotations

import copy
import pickle
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder


@pytest.fixture(scope="module")
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def check(recorder: Recorder, context: Any, event: Any) -> None:
    error, expected = None, b""
    try:
        expected = context.serialize_context()
    except Exception as raised:
        error = type(raised)
    if error is not None:
        recorder.track(event, context)
        assert [type(found) for found in recorder.errors] == [error]
        recorder.errors.clear()
        return
    for _ in range(2):
        recorder.track(event, context)
    assert [sent[0] for sent in recorder.sent()] == [expected] * 2
    assert not recorder.errors


def replace_context(context: Any) -> None:
    context._context = defaultdict(dict, {"os": {"os_name": "replaced"}})


def swap_groups(context: Any) -> None:
    groups = context._context
    groups["user"], groups["identify"] = groups["identify"], groups["user"]


def share_group(context: Any) -> None:
    context._context["user"] = context._context["identify"]


class Holder:
    """Its ``__dict__`` may be a group."""


CHANGES: dict[str, Callable[[Any], object]] = {
    "setter": lambda context: context.set_os(os_name="b"),
    "unset": lambda context: context.set_os(os_name=None),
    "item": lambda context: context._context["os"].__setitem__("os_name", "b"),
    "equal length": lambda context: context._context["os"].update(os_name="x"),
    "del": lambda context: context._context["os"].__delitem__("os_name"),
    "pop": lambda context: context._context["os"].pop("os_name"),
    "popitem": lambda context: context._context["os"].popitem(),
    "clear": lambda context: context._context["os"].clear(),
    "update": lambda context: context._context["os"].update(os_name="b"),
    "ior": lambda context: context._context["os"].__ior__({"os_name": "b"}),
    "setdefault": lambda context: context._context["os"].setdefault("os_version", "1"),
    "group assigned": lambda context: context._context.__setitem__("os", {"os_name": "b"}),
    "group deleted": lambda context: context._context.__delitem__("os"),
    "group added": lambda context: context.set_user(user_id="b"),
    "group popped": lambda context: context._context.popitem(),
    "groups cleared": lambda context: context._context.clear(),
    "groups updated": lambda context: context._context.update(os={"os_name": "b"}),
    "groups replaced": replace_context,
    "groups swapped": swap_groups,
    "group shared": share_group,
    "group is no dict": lambda context: context._context.__setitem__("os", None),
    "unknown": lambda context: context._context["os"].__setitem__("unknown", 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed(config: Any, name: str) -> None:
    context = config.Context().set_application(app_id="i").set_os(os_name="a")
    context.set_user(country_code="GB").set_identify(country_code="DE")
    recorder, event = Recorder(config.Context()), config.EventPageOpen()
    for _ in range(3):
        check(recorder, context, event)
    before = context.serialize_context()
    CHANGES[name](context)
    check(recorder, context, event)
    if name not in ("unknown", "group is no dict"):
        assert context.serialize_context() != before


def test_a_context_that_is_encoded_in_a_second_attempt(config: Any) -> None:
    context = config.Context().set_application(app_id="i" * 6000).set_os(os_name="a")
    recorder, event = Recorder(config.Context()), config.EventPageOpen()
    for name in "abcbca":
        check(recorder, context.set_os(os_name=name), event)
    check(recorder, context.set_application(app_id="short"), event)


def test_a_group_that_is_the_dict_of_an_object(config: Any) -> None:
    holder, context = Holder(), config.Context()
    holder.os_name = "a"  # type: ignore[attr-defined]
    context._context["os"] = vars(holder)
    recorder, event = Recorder(config.Context()), config.EventPageOpen()
    for text in ("a", "b", "c", "d") * 5:
        holder.os_name = text  # type: ignore[attr-defined]
        check(recorder, context, event)


def test_values_that_change_in_place(config: Any) -> None:
    experiments = {"a": "1"}
    context = config.Context().set_identify(experiments=experiments)
    recorder, event = Recorder(config.Context()), config.EventPageOpen()
    for number in range(5):
        check(recorder, context, event)
        experiments["a"] = str(number)


def test_copies_are_contexts_of_their_own(config: Any) -> None:
    context = config.Context().set_os(os_name="a")
    recorder, event = Recorder(config.Context()), config.EventPageOpen()
    check(recorder, context, event)
    for made in (copy.deepcopy(context), copy.copy(context), pickle.loads(pickle.dumps(context))):
        check(recorder, made, event)
        made.set_os(os_version="2")
        check(recorder, made, event)
        check(recorder, context, event)


def test_sdks_share_a_context_and_one_has_many(config: Any) -> None:
    shared, event = config.Context().set_os(os_name="a"), config.EventPageOpen()
    recorders = [Recorder(config.Context(), 1 << 16) for _ in range(3)]
    contexts = [config.Context().set_os(os_name=str(number)) for number in range(50)]
    for number in range(200):
        recorder = recorders[number % 3]
        check(recorder, shared, event)
        check(recorder, contexts[number % 50], event)
        if number % 7 == 0:
            shared.set_os(os_name=str(number))


names = st.sampled_from(["os_name", "os_version"])
groups = st.sampled_from(["os", "application", "user"])
texts = st.none() | st.text(max_size=3)
operations = st.lists(
    st.tuples(
        st.sampled_from(["set", "delete", "clear", "replace", "drop", "copy", "new", "share"]),
        groups,
        names,
        texts,
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(operations=operations)
def test_nothing_stale_is_ever_sent(config: Any, operations: list[Any]) -> None:
    """Random changes, against what the context says of itself after each."""
    context, event = config.Context(), config.EventPageOpen()
    recorders = Recorder(config.Context()), Recorder(config.Context())
    for number, (operation, group, name, text) in enumerate(operations):
        match operation:
            case "set":
                context._context[group][name] = text
            case "delete":
                context._context[group].pop(name, None)
            case "clear":
                context._context[group].clear()
            case "replace":
                context._context[group] = {name: text}
            case "drop":
                context._context.pop(group, None)
            case "copy":
                context = copy.deepcopy(context)
            case "new":
                context._context = {group: {name: text}} if number % 2 else defaultdict(dict)
                context._context.setdefault("os", {})
                context._context = defaultdict(dict, context._context)
            case "share":
                context._context["os"] = context._context["application"]
        for recorder in recorders[: 1 + number % 2]:
            check(recorder, context, event)

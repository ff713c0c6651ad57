"""An event's properties are kept in tuples until Python code looks: nothing else tells of it."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paltabrain_fast._engine.choice import plan_classes
from paltabrain_fast._native.contexts import encoded_context
from paltabrain_fast._native.events import encoded_event

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder

PARENTS = ["main", "first"]


@pytest.fixture(scope="module")
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


MAKERS: dict[str, tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any]]] = {
    "one group": (
        lambda config: config.EventPageOpen(page_id="a").set_parent(parent_elements=PARENTS),
        {"parent": {"parent_elements": PARENTS}},
        {"page_id": "a", "title": None},
    ),
    "two groups, the later field first": (
        lambda config: (
            config.EventPageOpen().set_screen(screen_name="s").set_parent(parent_elements=PARENTS)
        ),
        {"screen": {"screen_name": "s"}, "parent": {"parent_elements": PARENTS}},
        {"page_id": None, "title": None},
    ),
    "two groups, the earlier field first": (
        lambda config: (
            config.EventPageOpen().set_parent(parent_elements=PARENTS).set_screen(screen_name="s")
        ),
        {"parent": {"parent_elements": PARENTS}, "screen": {"screen_name": "s"}},
        {"page_id": None, "title": None},
    ),
    "a group twice": (
        lambda config: (
            config.EventPageOpen(page_id="a")
            .set_screen(screen_name="s")
            .set_parent(parent_elements=[])
            .set_screen(screen_name="t")
        ),
        {"screen": {"screen_name": "t"}, "parent": {"parent_elements": []}},
        {"page_id": "a", "title": None},
    ),
    "None": (
        lambda config: config.EventPageOpen(page_id=None).set_screen(screen_name=None),
        {"screen": {"screen_name": None}},
        {"page_id": None, "title": None},
    ),
    "nothing given": (
        lambda config: config.EventPageOpen().set_screen(),
        {"screen": {}},
        {"page_id": None, "title": None},
    ),
    "undefined": (
        lambda config: config.EventPageOpen().set_screen(screen_name=config.UNDEFINED),
        {"screen": {}},
        {"page_id": None, "title": None},
    ),
    "no properties": (lambda config: config.EventSessionStart(), {}, {}),
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_sent_before_and_after_somebody_looks(config: Any, name: str) -> None:
    make, header, payload = MAKERS[name]
    seen = make(config)
    assert (list(seen._header.items()), list(seen._payload.items())) == (
        list(header.items()),
        list(payload.items()),
    )
    assert type(seen._header) is defaultdict
    expected = seen.serialize_header(), seen.serialize_payload()
    encoded_event(seen)  # wants a plan
    plan_classes()
    for event in make(config), seen:
        assert encoded_event(event) == expected


@pytest.mark.parametrize(
    "look", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_copies_have_the_same_properties(config: Any, look: Callable[[Any], Any]) -> None:
    event = config.EventPageOpen(page_id="a").set_parent(parent_elements=PARENTS)
    assert look(event).asdict() == {
        "header": {"parent": {"parent_elements": PARENTS}},
        "payload": {"page_id": "a", "title": None},
    }


def test_what_python_code_has_seen_is_what_a_setter_changes(config: Any) -> None:
    event = config.EventPageOpen(page_id="a").set_screen(screen_name="s")
    header, payload = event._header, event._payload
    event.set_screen(screen_name="t").set_parent(parent_elements=PARENTS)
    payload["page_id"] = "b"
    assert event._header is header
    assert header == {"screen": {"screen_name": "t"}, "parent": {"parent_elements": PARENTS}}
    recorder = Recorder(config.Context())
    for _ in range(3):
        recorder.track(event)
        ((_, sent_header, sent_payload),) = recorder.sent()
        assert (sent_header, sent_payload) == (event.serialize_header(), event.serialize_payload())


def test_a_value_is_the_callers_own(config: Any) -> None:
    parents = ["a"]
    event = config.EventPageOpen().set_parent(parent_elements=parents)
    parents.append("b")
    assert event._header["parent"]["parent_elements"] is parents


def test_properties_that_nobody_saw_are_collected(config: Any) -> None:
    event = config.EventPageOpen(page_id=[])
    event.set_parent(parent_elements=[event])
    reference = weakref.ref(event)
    del event
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("given", [("user_id", "is_trial"), ("is_trial", "user_id")])
def test_a_context_has_properties_in_the_order_of_the_signature(
    config: Any, given: tuple[str, ...]
) -> None:
    values = {"user_id": "u", "is_trial": True}
    context = config.Context().set_user(**{name: values[name] for name in given})
    names = list(inspect.signature(config.Context.set_user).parameters)
    assert list(context._context["user"]) == sorted(values, key=names.index)


def test_a_context_may_be_set_by_names_that_are_equal_only(config: Any) -> None:
    context = config.Context().set_user(**{"".join(["user", "_id"]): "u"})
    context.set_user(is_trial=config.UNDEFINED, country_code=None)
    assert context._context == {"user": {"user_id": "u", "country_code": None}}
    with pytest.raises(TypeError):
        context.set_user(is_trial=True, unknown=1)
    assert "is_trial" not in context._context["user"]


def test_plans_outlive_the_first_copy() -> None:
    with imported(EXAMPLE.parent / "config") as config:
        event, context = config.EventSessionStart(), config.Context()
        encoded_event(event), encoded_context(context)  # want plans
        plan_classes()
        copy.copy(event), copy.deepcopy(context)
        assert encoded_event(event) is not None
        assert encoded_context(context) is not None

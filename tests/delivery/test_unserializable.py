"""What is advised for an event that cannot be serialized: the type that the schema has."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from types import GenericAlias, NoneType
from typing import Any

import pytest

from paltabrain_fast.delivery.unserializable import diagnose_event

config: Any = import_module("examples.config")

TRACEBACK = "; sdk.last_serialization_error has the traceback"


def remedy(event: Any) -> str:
    """Return what is advised for an event that cannot be serialized."""
    with pytest.raises((TypeError, AttributeError)) as caught:
        (event.serialize_header(), event.serialize_payload())
    found = diagnose_event(event, caught.value, "secret").remedy
    assert found.endswith(TRACEBACK)
    return found.removesuffix(TRACEBACK)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("price", "a Decimal"),
        ("theme", "an EnumTheme"),
        ("happened_ts", "a datetime"),
        ("amounts", "a list of Decimal"),
        ("theme_by_name", "a dict of EnumTheme"),
    ],
)
def test_type_that_protobuf_does_not_have(name: str, type_: str) -> None:
    event = config.EventEverything(**{name: object()})
    assert remedy(event) == f"correct the value there, which is {type_} in the schema"


@pytest.mark.parametrize("name", ["flag", "count", "label", "labels", "count_by_name"])
def test_type_that_protobuf_has(name: str) -> None:
    """The error has named it."""
    assert remedy(config.EventEverything(**{name: object()})) == "correct the value there"


def test_header_that_has_a_property_of_the_same_name() -> None:
    class EventOwn(config.EventPageOpen):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()

    EventOwn.__init__.__annotations__["parent_elements"] = Decimal
    assert remedy(EventOwn().set_parent(parent_elements=5)) == "correct the value there"


@pytest.mark.parametrize("hint", [None, "Decimal", GenericAlias(list, (NoneType,)), dict, 5])
def test_class_of_the_users_own(hint: object) -> None:
    """Whatever the hints of its constructor are."""

    class EventOwn(config.EventPageOpen):  # type: ignore[misc]
        def __init__(self, page_id: Any) -> None:
            super().__init__(page_id=page_id)

    EventOwn.__init__.__annotations__["page_id"] = hint
    assert remedy(EventOwn(7)) == "correct the value there"
    del EventOwn.__init__.__annotations__["page_id"]
    assert remedy(EventOwn(7)) == "correct the value there"


def test_error_that_is_of_no_property() -> None:
    class EventOwn(config.EventPageOpen):  # type: ignore[misc]
        def serialize_payload(self) -> bytes:
            raise TypeError("of the user's own")

    assert remedy(EventOwn()) == "correct the value there"

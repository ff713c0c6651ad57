"""Names that every object of JavaScript has are names in a schema like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from paltabrain_fast.collector.server import running
from paltabrain_fast.schema.descriptor import message_classes
from paltabrain_fast.schema.model import Group, Kind, Property, Schema

from ..batches import Client, batch
from .conftest import OpenPage
from .live_page import LivePage

NAMES = ("constructor", "toString", "valueOf", "hasOwnProperty")
_NUMBERED = tuple(enumerate(NAMES, start=1))
_PROPERTIES = tuple(Property(name, number, Kind.STRING) for number, name in _NUMBERED)
_GROUPS = tuple(Group(name, number, properties=_PROPERTIES) for number, name in _NUMBERED)
_SCHEMA = Schema(context=_GROUPS, events=_GROUPS)


@pytest.fixture
def page(tmp_path: Path, open_page: OpenPage) -> Iterator[LivePage]:
    """A page with an event that has one of its properties."""
    payload: Any = message_classes(_SCHEMA).payload()
    payload.event_2.constructor = "F1"
    with running(_SCHEMA, tmp_path / "events.duckdb") as collector:
        page = open_page(collector.http_url)
        with closing(Client(collector.http_url)) as client:
            assert client.post(batch(payload.SerializeToString())).status_code == 200
        page.shows("F1")
        yield page


def test_types_are_counted(page: LivePage) -> None:
    types = page.page.locator("#types")
    expect(types.get_by_role("button", name="toString")).to_contain_text("1")
    expect(types.get_by_role("button", name="constructor")).to_contain_text("0")


def test_what_is_not_set_is_listed(page: LivePage) -> None:
    page.open_first()
    unset = page.detail.get_by_text("Not set:")
    expect(unset).to_have_text(
        [
            "Not set: toString, valueOf, hasOwnProperty",
            "Not set: constructor, to_string, value_of, has_own_property",
        ]
    )

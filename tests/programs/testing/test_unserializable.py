"""Tests of what cannot be serialized: each says by its name how it ends."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

import pytest
import shop
from config import EventSessionStart

from paltabrain_fast.testing import PaltabrainEvents

WRONG: Any = 5


@pytest.fixture
def opened(paltabrain_events: PaltabrainEvents) -> None:
    paltabrain_events.clear()
    shop.open_page(WRONG)


@pytest.fixture
def opens_late(paltabrain_events: PaltabrainEvents) -> Iterator[None]:
    yield
    paltabrain_events.clear()
    shop.open_page(WRONG)


@pytest.fixture
def failing(paltabrain_events: PaltabrainEvents) -> None:
    paltabrain_events.clear()
    shop.open_page(WRONG)
    raise RuntimeError("its own")


def test_fails(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page(WRONG)
    paltabrain_events.assert_not_tracked(EventSessionStart)


@pytest.mark.usefixtures("opened")
def test_fails_by_a_fixture() -> None:
    pass


@pytest.mark.paltabrain_allow_send
def test_fails_with_the_marker(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("paltabrain_events")
    shop.open_page(WRONG)


@pytest.mark.usefixtures("paltabrain_events")
def test_fails_by_itself() -> None:
    shop.open_page(WRONG)
    raise RuntimeError("its own")


@pytest.mark.usefixtures("paltabrain_events")
class TestPages(unittest.TestCase):
    paltabrain_events: PaltabrainEvents

    def test_fails_in_unittest(self) -> None:
        shop.open_page(WRONG)

    def test_fails_by_itself_in_unittest(self) -> None:
        shop.open_page(WRONG)
        raise RuntimeError("its own")

    def test_fails_though_it_skips_in_unittest(self) -> None:
        shop.open_page(WRONG)
        self.skipTest("its own")


@pytest.mark.usefixtures("failing")
def test_has_an_error_in_setup() -> None:
    pass


@pytest.mark.usefixtures("opens_late")
def test_has_an_error_in_teardown() -> None:
    pass


@pytest.mark.usefixtures("paltabrain_events")
def test_fails_though_it_skips() -> None:
    shop.open_page(WRONG)
    pytest.skip("its own")


@pytest.fixture
def skipping(paltabrain_events: PaltabrainEvents) -> None:
    paltabrain_events.clear()
    shop.open_page(WRONG)
    pytest.skip("its own")


@pytest.mark.usefixtures("skipping")
def test_has_an_error_though_a_fixture_skips() -> None:
    pass


@pytest.mark.xfail
@pytest.mark.usefixtures("paltabrain_events")
def test_fails_though_it_may() -> None:
    shop.open_page(WRONG)


@pytest.mark.xfail(strict=True)
@pytest.mark.usefixtures("paltabrain_events")
def test_fails_as_it_passes_and_should_not() -> None:
    shop.open_page(WRONG)


@pytest.mark.xfail(strict=True)
@pytest.mark.usefixtures("paltabrain_events")
def test_is_expected_to_fail() -> None:
    shop.open_page(WRONG)
    raise RuntimeError("its own")


@pytest.mark.usefixtures("opened")
def test_passes_by_clear(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page(WRONG)
    paltabrain_events.clear()


@pytest.mark.usefixtures("paltabrain_events")
def test_passes_after_all_of_these() -> None:
    shop.open_page("a")

"""Plugin of pytest: the fixture ``paltabrain_events``, and no test that sends, or loses, unnoticed.

It is no part of the package ``paltabrain_fast``, which pytest would import with it at its start:
before coverage is measured, before a conftest has set the environment, and in every test run. What
it needs of the SDK it imports when a test asks for the fixture, or when the SDK itself sends.
"""

from __future__ import annotations

import os
import sys
import threading
import unittest
from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from paltabrain_fast.testing import PaltabrainEvents
    from paltabrain_fast.testing.guard import Guard

_ALLOW: Final = "paltabrain_allow_send"
_FIXTURE: Final = "paltabrain_events"
_OLDEST: Final = (8, 0)
"""Version of pytest that the hooks below need; the fixture does without them."""

_STAND_INS: Final = {"PALTABRAIN_SDK_HOSTNAME": "localhost", "PALTABRAIN_SDK_API_KEY": "test"}
"""Values of environment variables that an SDK needs which is made without hostname and key."""

_events: Final = pytest.StashKey["PaltabrainEvents"]()
"""Of the test that uses the fixture."""

_watches: Final[list[_Watch]] = []
"""Of the test runs in this process, the innermost last."""


def guard() -> Guard | None:
    """Return what the SDK has to ask before it sends; ``None`` where it may. Any thread may ask."""
    return _watches[-1].guard() if _watches else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option of the configuration."""
    text = "whether the SDK of PaltaBrain may send events over the network in all tests"
    parser.addini(_ALLOW, text, type="bool", default=False)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Have the application imported without hostname and key, by a conftest already."""
    _stand_in(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and begin to watch."""
    text = "the SDK of PaltaBrain may send events over the network in this test"
    config.addinivalue_line("markers", f"{_ALLOW}: {text}")
    _stand_in(config)  # here, if it was a conftest that named this plugin
    if pytest.version_tuple >= _OLDEST:
        config.pluginmanager.register(_Losses(), "paltabrain_fast_losses")
    if _guards(config):
        config.pluginmanager.register(_Watch(), "paltabrain_fast_watch")


@pytest.fixture
def paltabrain_events(request: pytest.FixtureRequest) -> Iterator[PaltabrainEvents]:
    """What the SDKs of the process track in this test: kept in memory, decoded, never sent.

    In a ``unittest.TestCase``, it is the attribute ``paltabrain_events`` as well. The test fails at
    its end if it has tracked what cannot be serialized, unless it calls ``clear()`` afterwards.
    """
    __tracebackhide__ = True
    from paltabrain_fast.testing import capture_events

    with capture_events() as events:
        if isinstance(request.instance, unittest.TestCase):
            request.instance.paltabrain_events = events  # type: ignore[attr-defined]
        request.node.stash[_events] = events
        yield events


def _guards(config: pytest.Config) -> bool:
    """Whether tests send nothing for real, unless one is marked."""
    return pytest.version_tuple >= _OLDEST and not config.getini(_ALLOW)


def _stand_in(config: pytest.Config) -> None:
    """Set the variables that are not set, until this test run ends."""
    if not _guards(config):
        return
    for name, value in _STAND_INS.items():
        if not (before := os.environ.get(name)):
            os.environ[name] = value
            config.add_cleanup(partial(_restore, name, before))


def _restore(name: str, before: str | None) -> None:
    """Give a variable its former value, unless somebody else has changed it meanwhile."""
    if os.environ.get(name) != _STAND_INS[name]:
        return
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before


class _Losses:
    """Fails a test with the fixture that has tracked what cannot be serialized."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Leave it to the test to forget what its fixtures have tracked."""
        try:
            return (yield)
        except BaseException:
            self._take_complaint(item)
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Look when the test has passed; after it, the fixture looks itself."""
        try:
            result = yield
        finally:  # what has failed anyway needs no second failure
            complaint = self._take_complaint(item)
        if complaint is not None:
            pytest.fail(complaint, pytrace=False)
        return result

    def _take_complaint(self, item: pytest.Item) -> str | None:
        events = item.stash.get(_events, None)
        return None if events is None else events._take_complaint()


class _Watch:
    """Fails the phase of a test in which the SDK would have sent for real."""

    def __init__(self) -> None:
        self._guard: Guard | None = None
        self._allows = False
        self._making = threading.Lock()

    def guard(self) -> Guard | None:
        """Return the guard, if the SDK was imported; by what sends, or by a hook."""
        if self._guard is None and "paltabrain_fast.delivery.sender" in sys.modules:
            from paltabrain_fast.testing.guard import Guard

            with self._making:  # by one of the threads that send
                if self._guard is None:
                    self._guard = Guard(allows=self._allows)
        return self._guard

    def pytest_sessionstart(self) -> None:
        """Begin: from now on, nothing is sent."""
        _watches.append(self)

    def pytest_unconfigure(self) -> None:
        """End, when what is left was answered: the exit has nothing to wait for."""
        if self in _watches:
            if (guard := self.guard()) is not None:
                guard.settle()
            _watches.remove(self)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the fixtures of a test being made."""
        before = self._end_phase(item)
        result = yield from self._watched(item)
        if before is not None:
            pytest.fail(f"Before this test, perhaps at an import: {before}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the test."""
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the fixtures of a test being ended."""
        return (yield from self._watched(item))

    def _watched(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Let a phase run, then fail it if there was something to send."""
        self._allow(item.get_closest_marker(_ALLOW) is not None)
        try:
            result = yield
        finally:
            complaint = self._end_phase(item)
        if complaint is not None:
            pytest.fail(complaint, pytrace=False)
        return result

    def _end_phase(self, item: pytest.Item) -> str | None:
        """Say what was sent so far in vain; what is on its way is that of no other phase."""
        if (guard := self.guard()) is None:
            return None
        guard.settle()
        self._allow(False)
        complaint = guard.complaint()
        # with the fixture, what comes before or after it is nobody's
        return None if _FIXTURE in getattr(item, "fixturenames", ()) else complaint

    def _allow(self, allows: bool) -> None:
        self._allows = allows
        if (guard := self.guard()) is not None:
            guard.allows = allows

"""Plugin of pytest: the fixture ``paltabrain_events``, and no test that sends, or loses, unnoticed.

It is no part of the package ``paltabrain_fast``, which pytest would import with it at its start:
before coverage is measured, before a conftest has set the environment, and in every test run. What
it needs of the SDK it imports when a test asks for the fixture, or when the SDK itself sends.
"""

from __future__ import annotations

import atexit
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

_RUN: Final = "paltabrain_fast_run"
"""Name of the plugin that watches a test run."""

_events: Final = pytest.StashKey["PaltabrainEvents"]()
"""Of the test that uses the fixture."""

_complaints: Final = pytest.StashKey[list[str]]()
"""Of the phase of a test, until its report is made."""

_runs: Final[list[_Run]] = []
"""Test runs in this process, the innermost last. The one that ends last stays, until the exit."""


def guard() -> Guard | None:
    """Return what the SDK has to ask before it sends; ``None`` where it may. Any thread may ask."""
    return _runs[-1].guard() if _runs else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option of the configuration."""
    text = "whether the SDK of PaltaBrain may send events over the network in all tests"
    parser.addini(_ALLOW, text, type="bool", default=False)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before a conftest imports the application, perhaps without hostname and key."""
    _begin(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    text = "the SDK of PaltaBrain may send events over the network in this test"
    config.addinivalue_line("markers", f"{_ALLOW}: {text}")
    _begin(config)  # here, if it was a conftest that named this plugin


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


def _begin(config: pytest.Config) -> None:
    """Watch this test run from now on, unless that is so already."""
    if pytest.version_tuple < _OLDEST or config.pluginmanager.has_plugin(_RUN):
        return
    may_send = config.getini(_ALLOW)
    run = _Run(config, may_send=may_send)
    run.begin()
    config.add_cleanup(run.end)  # when all hooks have been called
    config.pluginmanager.register(run, _RUN)
    config.pluginmanager.register(_Losses(), "paltabrain_fast_losses")
    config.pluginmanager.register(_Complaints(), "paltabrain_fast_complaints")
    if not may_send:
        _stand_in(config)


def _stand_in(config: pytest.Config) -> None:
    """Set the variables that are not set, until this test run ends."""
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


def _complain(item: pytest.Item, complaint: str | None) -> None:
    """Have the phase of a test fail that runs just now, unless it fails anyway."""
    if complaint is not None:
        item.stash.setdefault(_complaints, []).append(complaint)


class _Complaints:
    """Fails a phase of a test for what was found in it, whatever the test expects of itself."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest's own, which knows skip and xfail
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Have a report say so that would say that all is well, or that the test was skipped."""
        report = yield
        if (complaints := item.stash.get(_complaints, None)) is not None:
            del item.stash[_complaints]
            has_failed_as_expected = report.skipped and hasattr(report, "wasxfail")
            if not report.failed and not has_failed_as_expected:
                self._fail(item, call, report, "\n".join(complaints))
        return report

    def _fail(
        self,
        item: pytest.Item,
        call: pytest.CallInfo[None],
        report: pytest.TestReport,
        complaint: str,
    ) -> None:
        """Change a report into that of a failure."""
        failing = pytest.CallInfo.from_call(partial(pytest.fail, complaint, False), call.when)
        call.excinfo = failing.excinfo  # which a debugger asks for
        failed = pytest.TestReport.from_item_and_call(item, call)
        report.outcome, report.longrepr = failed.outcome, failed.longrepr
        if hasattr(report, "wasxfail"):
            del report.wasxfail


class _Losses:
    """Complains of a test with the fixture that has tracked what cannot be serialized."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Leave it to the test to forget what its fixtures have tracked, if it gets to run."""
        try:
            return (yield)
        except BaseException:
            self._look(item)
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Look after the test; after the fixtures are ended, that of ours looks itself."""
        try:
            return (yield)
        finally:
            self._look(item)

    def _look(self, item: pytest.Item) -> None:
        if (events := item.stash.get(_events, None)) is not None:
            _complain(item, events._take_complaint())


class _Run:
    """A test run, whose SDKs send nothing for real: complains of each phase of a test that would.

    What comes before the first test, it tells with that one; what comes after the last, at the end
    of the run, or at the exit of the process. Until then, nothing is sent.

    Args:
        config: of the run.
        may_send: whether all of it is allowed.
    """

    def __init__(self, config: pytest.Config, *, may_send: bool) -> None:
        self.has_ended = False
        self._config: pytest.Config | None = config
        self._may_send = may_send
        self._session: pytest.Session | None = None
        self._has_tested = False
        self._is_ignored = False
        self._unreported: list[str] = []
        self._guard: Guard | None = None
        self._allows = False
        self._making = threading.Lock()

    def guard(self) -> Guard | None:
        """Return the guard, if the SDK was imported; by what sends, or by a hook."""
        if self._may_send:
            return None
        if self._guard is None and "paltabrain_fast.delivery.sender" in sys.modules:
            from paltabrain_fast.testing.guard import Guard

            with self._making:  # by one of the threads that send
                if self._guard is None:
                    self._guard = Guard(allows=self._allows)
        return self._guard

    def begin(self) -> None:
        """From now on, nothing is sent."""
        outer = [run for run in _runs if not run.has_ended]
        if not outer:
            atexit.register(self._exit, os.getpid())  # before the SDK's, so that it is called later
        _runs[:] = [*outer, self]

    def end(self) -> None:
        """Tell what nobody was told of; within another run, that goes on from here."""
        assert self._config is not None
        self._is_ignored = _ignores(self._config)
        try:
            if self._tell() and self._session is not None and self._has_tested:
                self._session.exitstatus = self._session.exitstatus or pytest.ExitCode.TESTS_FAILED
        finally:
            self.has_ended = True
            self._config = self._session = None
            if len(_runs) > 1:
                _runs.remove(self)

    def _exit(self, process: int) -> None:
        """Tell at the exit; a forked child has copies only."""
        if os.getpid() == process:
            self._tell()

    def _tell(self) -> bool:
        """Say on the standard error what would have been sent; return whether there was any."""
        complaints, self._unreported = self._unreported, []
        complaint = self._end_phase(None, is_between=True)
        if complaint is not None and not self._is_ignored:
            when = "After the last test" if self._has_tested else "Outside of all tests"
            complaints.append(f"{when}: {complaint}")
        for each in complaints:
            print(f"paltabrain_fast: {each}", file=sys.stderr)
        return bool(complaints)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Know whose exit status it is."""
        self._session = session

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Keep for the end what no report has told, as a phase has ended the run."""
        try:
            return (yield)
        finally:
            untold = item.stash.get(_complaints, [])
            self._unreported += [f"In {item.nodeid}: {each}" for each in untold]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the fixtures of a test being made."""
        self._has_tested = True
        if before := self._end_phase(item, is_between=True):
            _complain(item, f"Before this test, perhaps at an import: {before}")
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the test."""
        return (yield from self._watched(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the fixtures of a test being ended."""
        return (yield from self._watched(item))

    def _watched(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Let a phase run, and complain if there was something to send."""
        self._allow(item.get_closest_marker(_ALLOW) is not None)
        try:
            return (yield)
        finally:
            _complain(item, self._end_phase(item))

    def _end_phase(self, item: pytest.Item | None, *, is_between: bool = False) -> str | None:
        """Say what was sent so far in vain; what is on its way is that of no other phase.

        Args:
            item: the test that is told, if there is one.
            is_between: whether this was no phase of a test.
        """
        if (guard := self.guard()) is None:
            return None
        guard.settle()
        self._allow(False)
        complaint = guard.complaint(of_a_test=not is_between)
        # with the fixture, what comes before or after it is nobody's
        return None if _FIXTURE in getattr(item, "fixturenames", ()) else complaint

    def _allow(self, allows: bool) -> None:
        self._allows = allows
        if (guard := self.guard()) is not None:
            guard.allows = allows


def _ignores(config: pytest.Config) -> bool:
    """Whether nobody is to be told of what no test has tracked."""
    if _FIXTURE in config.getini("usefixtures"):
        return True
    # pytest-xdist: what hands out the tests imports the same as the processes that run them
    hands_out = getattr(config.option, "dist", "no") != "no"
    return hands_out and not hasattr(config, "workerinput")

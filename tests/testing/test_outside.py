"""What is tracked outside of all tests is not sent for real either, and is told."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from paltabrain_fast.constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE

from ..support.api_server import ApiServer
from .suites import SUITES, RunSuite, run_suite

pytest_plugins = "pytester"
__all__ = ["run_suite"]

BEFORE = "import", "configure"
AFTER = "sessionfinish", "unconfigure", "cleanup", "exit"
IGNORED = "-o", "usefixtures=paltabrain_events"
ALLOWED = "-o", "paltabrain_allow_send=true"


@pytest.fixture
def run(
    run_suite: RunSuite,
    pytester: pytest.Pytester,
    api: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Run a suite whose conftest tracks at a moment, beside a server that counts."""
    shutil.copy(SUITES / "outside.py", pytester.path / "conftest.py")
    monkeypatch.setenv(HOSTNAME_VARIABLE, api.hostname)
    monkeypatch.setenv(API_KEY_VARIABLE, "key")

    def run(moment: str, *options: str) -> pytest.RunResult:
        monkeypatch.setenv("MOMENT", moment)
        return run_suite("test_idle", *options)

    return run


def told(api: ApiServer, when: str) -> str:
    return f"{when}: 1 event would have been sent to {api.hostname}: EventPageOpen."


@pytest.mark.parametrize("moment", BEFORE)
def test_before_the_first_test(run: Any, api: ApiServer, moment: str) -> None:
    result = run(moment)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([told(api, "Before this test, perhaps at an import")])
    result.stdout.no_fnmatch_line("*mark the test*")
    result.stderr.no_fnmatch_line("*would have been sent*")
    assert api.connections == 0


@pytest.mark.parametrize("moment", AFTER)
def test_after_the_last_test(run: Any, api: ApiServer, moment: str) -> None:
    result = run(moment)
    result.assert_outcomes(passed=2)
    result.stderr.fnmatch_lines([f"paltabrain_fast: {told(api, 'After the last test')}"])
    assert result.ret == (0 if moment == "exit" else 1)
    assert api.connections == 0


@pytest.mark.parametrize("moment", ["import", "exit"])
def test_without_a_test(run: Any, api: ApiServer, moment: str) -> None:
    """Nothing fails: an editor that looks for tests has to find them."""
    result = run(moment, "--collect-only")
    result.stderr.fnmatch_lines([f"paltabrain_fast: {told(api, 'Outside of all tests')}"])
    assert (result.ret, api.connections) == (0, 0)


@pytest.mark.parametrize("moment", [*BEFORE, *AFTER])
def test_moment_is_one_at_which_events_are_sent_if_allowed(
    run: Any, api: ApiServer, moment: str
) -> None:
    assert run(moment, *ALLOWED).ret == 0
    assert api.received == 1


@pytest.mark.parametrize("moment", [*BEFORE, *AFTER])
def test_nobody_is_told_if_events_are_ignored_everywhere(
    run: Any, api: ApiServer, moment: str
) -> None:
    result = run(moment, *IGNORED)
    assert (result.ret, result.errlines, api.connections) == (0, [], 0)


@pytest.mark.parametrize("moment", ["import", "sessionfinish", "exit"])
def test_in_several_processes(run: Any, api: ApiServer, moment: str) -> None:
    """Those that run the tests tell; the one that hands them out tracks the same."""
    result = run(moment, "-p", "xdist", "--numprocesses", "2")
    lines = [line for line in result.outlines + result.errlines if "would have been" in line]
    assert len(lines) == 2, lines
    assert api.connections == 0


@pytest.mark.parametrize(("way", "code"), [("exit", 1), ("interrupt", 2)])
def test_test_that_ends_the_run(
    run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch, way: str, code: int
) -> None:
    monkeypatch.setenv("LEAVES_BY", way)
    result = run_suite("test_leaving")
    result.stderr.fnmatch_lines(
        ["paltabrain_fast: In test_leaving.py::test_leaves: 1 event would have been sent to *"]
    )
    result.stderr.fnmatch_lines(["*with @pytest.mark.paltabrain_allow_send"])
    assert result.ret == code


def test_run_within_a_run_ends_before_it(
    run_suite: RunSuite, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the inner run, which allows all, is not the end of the outer one."""
    monkeypatch.setenv(HOSTNAME_VARIABLE, api.hostname)
    result = run_suite("test_nested", "-p", "pytester")
    result.assert_outcomes(passed=1, failed=1)
    assert api.received == 1, "that of the inner run"

"""Tests that would send for real fail, and say so; the others, and the exit, notice nothing."""

from __future__ import annotations

import os
from importlib.metadata import entry_points

import pytest

from paltabrain_fast.constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE

from ..support.scarce import needs
from .suites import PLUGIN, RunSuite, outcomes, run_suite

pytest_plugins = "pytester"
__all__ = ["run_suite"]

VARIABLES = HOSTNAME_VARIABLE, API_KEY_VARIABLE
REFUSED = "would have been sent to telemetry.example.com"


@needs("responses")
def test_tests_that_send_fail_and_no_others(run_suite: RunSuite) -> None:
    result = run_suite("test_sending")
    found = outcomes(result)
    assert all(name.startswith("test_fails") for name in found["FAILED"]), result.stdout
    assert len(found["FAILED"]) == 8
    assert found["ERROR"] == {
        "test_has_an_error_in_setup",
        "test_has_an_error_in_teardown",
        "test_has_an_error_though_a_fixture_skips",
    }
    assert {name for name in found["PASSED"] if "passes" not in name} == {
        "test_has_an_error_in_teardown"  # itself
    }
    assert len(found["PASSED"]) == 13
    result.assert_outcomes(failed=8, errors=3, passed=13, xfailed=1)
    result.stdout.fnmatch_lines(
        [f"3 events {REFUSED}: 2 × EventPageOpen, EventSessionStart.", "*RuntimeError: its own*"]
    )
    result.stdout.fnmatch_lines(["*with @pytest.mark.paltabrain_allow_send"])


@needs("responses")
def test_option_allows_all(run_suite: RunSuite) -> None:
    """A server of the test's own gets what no marker allows."""
    options = "-o", "paltabrain_allow_send=true", "-k", "test_fails_if_it_flushes"
    result = run_suite("test_sending", *options)
    result.assert_outcomes(failed=1, deselected=23)
    result.stdout.fnmatch_lines(["*assert (1, 1) == (1, 0)*"])


def test_what_an_import_tracks_is_told_with_the_first_test(run_suite: RunSuite) -> None:
    result = run_suite("test_at_import")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"Before this test, perhaps at an import: 1 event {REFUSED}*"])


def test_fixture_for_all_tests_keeps_everything_from_being_sent(run_suite: RunSuite) -> None:
    result = run_suite("test_at_import", "-o", "usefixtures=paltabrain_events")
    result.assert_outcomes(passed=2)


def test_service_has_hostname_and_key_from_the_environment(
    run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HOSTNAME_VARIABLE, raising=False)
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    run_suite("test_environment").assert_outcomes(passed=1)
    result = run_suite("test_environment", "-o", "paltabrain_allow_send=true")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"E *TypeError: hostname must be given*{HOSTNAME_VARIABLE}"])


@pytest.mark.parametrize(
    ("before", "option", "during"),
    [
        ((None, None), False, ("localhost", "test")),
        (("", "own"), False, ("localhost", "own")),
        (("example.com", None), False, ("example.com", "test")),
        ((None, "own"), True, (None, "own")),
    ],
)
def test_variables_are_set_for_the_run_where_they_are_not(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    before: tuple[str | None, ...],
    option: bool,
    during: tuple[str | None, ...],
) -> None:
    """Seen by a conftest and by a test, after a test run within it as well."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name, value in zip(VARIABLES, before, strict=True):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    check = f"import os\nassert tuple(map(os.environ.get, {VARIABLES})) == {during}\n"
    nested = f"""
def test_nested(pytester):
    pytester.makeconftest({check!r})
    pytester.makepyfile("def test_inner(): pass")
    pytester.runpytest_inprocess("-p", {PLUGIN!r}, *{_allowing(option)}).assert_outcomes(passed=1)
    {check.replace("import os", "import os;").replace(chr(10), " ")}
"""
    pytester.makeconftest(check)
    pytester.makepyfile(nested)
    options = "-p", PLUGIN, "-p", "pytester", *_allowing(option)
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)
    assert tuple(map(os.environ.get, VARIABLES)) == before


def _allowing(allows: bool) -> list[str]:
    return ["-o", "paltabrain_allow_send=true"] if allows else []


def test_sdk_is_not_imported_for_tests_without_it(run_suite: RunSuite) -> None:
    run_suite("test_without_sdk").assert_outcomes(passed=1)


def test_installation_brings_the_plugin(pytestconfig: pytest.Config) -> None:
    (entry,) = entry_points(group="pytest11", name=PLUGIN)
    assert pytestconfig.pluginmanager.get_plugin(PLUGIN) is entry.load()


def test_fixture_and_marker_are_listed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    fixtures = pytester.runpytest_subprocess("-p", PLUGIN, "--fixtures", timeout=60)
    fixtures.stdout.fnmatch_lines(
        ["paltabrain_events -- *", "*What the SDKs of the process track*"]
    )
    markers = pytester.runpytest_subprocess("-p", PLUGIN, "--markers", timeout=60)
    markers.stdout.fnmatch_lines(["@pytest.mark.paltabrain_allow_send: *"])

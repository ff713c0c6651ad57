"""The fixture ``paltabrain_events`` in test suites of a user's."""

from __future__ import annotations

import pytest

import paltabrain_fast

from ..support.scarce import needs
from .suites import RunSuite, outcomes, run_suite

pytest_plugins = "pytester"
__all__ = ["run_suite"]

PASSED = 24


@needs("freezegun")
@pytest.mark.parametrize("engine", ["native", "python"])
def test_suite_of_a_service(
    run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_ENGINE", engine)
    run_suite("test_shop").assert_outcomes(passed=PASSED)


@needs("freezegun")
def test_suite_in_several_processes(run_suite: RunSuite) -> None:
    result = run_suite("test_shop", "-p", "xdist", "--numprocesses", "2")
    result.assert_outcomes(passed=PASSED)


@pytest.mark.skipif(paltabrain_fast.engine != "native", reason="one run will do")
def test_failures_say_why_an_event_is_missing(run_suite: RunSuite) -> None:
    result = run_suite("test_lost", "--tb=short")
    result.assert_outcomes(failed=8)
    lines = [line.rstrip() for line in result.outlines]
    for expected in EXPECTED:
        assert expected in "\n".join(lines)
    assert not [line for line in lines if "paltabrain_fast" in line and ".py:" in line], "frames"


def test_nothing_is_said_to_be_absent_where_nothing_can_be_seen(run_suite: RunSuite) -> None:
    result = run_suite("test_blind")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: Nobody can tell whether EventPageOpen would have been tracked.",
            "E *All SDKs are disabled, and so track nothing. Do without PALTABRAIN_SDK_DISABLED*",
        ]
    )


@pytest.mark.parametrize("options", [(), ("-o", "paltabrain_allow_send=true")])
def test_what_cannot_be_serialized_fails_the_test(
    run_suite: RunSuite, options: tuple[str, ...]
) -> None:
    result = run_suite("test_unserializable", "--tb=short", *options)
    result.assert_outcomes(failed=10, errors=3, xfailed=1, passed=3)
    names = outcomes(result)
    assert all(name.startswith("test_fails") for name in names["FAILED"])
    assert names["ERROR"] == {
        "test_has_an_error_in_setup",
        "test_has_an_error_in_teardown",
        "test_has_an_error_though_a_fixture_skips",
    }
    lines = [line.rstrip() for line in result.outlines]
    complaint = "1 event was dropped by the SDK: serialization_error."
    assert sum(line.endswith(complaint) for line in lines) == 9, "and none that fails anyway"
    result.stdout.fnmatch_lines(["*XPASS(strict)*"])
    result.stdout.fnmatch_lines(
        [
            "_* test_fails _*",
            complaint,
            "  event [[]EventPageOpen] tracked at *shop.py:* cannot be"
            " serialized (TypeError: *PageOpen.page_id is a string, and was given an int*)",
            "*have it call clear()*",
        ],
        consecutive=True,
    )


def test_what_is_lost_on_purpose_is_not_told_after_the_tests(run_suite: RunSuite) -> None:
    result = run_suite("test_unserializable", "-k", "test_passes_by_clear")
    result.assert_outcomes(passed=1, deselected=15)
    assert result.errlines == []


EXPECTED = [
    """\
E   AssertionError: EventPageOpen was not tracked.
E   1 event was dropped by the SDK: already_shutdown.
E   No event was tracked at all.
""",
    """\
E   AssertionError: EventPageOpen was not tracked.
E   2 events were dropped by the SDK: before_send.
E   No event was tracked at all.
""",
    """\
E   AssertionError: EventPageOpen was not tracked.
E   Some of the SDKs (""",
    """\
E   AssertionError: EventPageOpen(page_id='a') was tracked 2 times, but should have been once.
E   All events, in order:
E     1. EventPageOpen(page_id='a') with Context(application={'app_id': 'shop'})
E     2. EventPageOpen(page_id='a') with Context(application={'app_id': 'shop'})
""",
    """\
E   AssertionError: EventSessionStart was tracked once, but should not have been.
E   All events, in order:
E     1. EventSessionStart() with Context(application={'app_id': 'shop'})
""",
    """\
E     property                       expected  tracked
E     header parent.parent_elements  ['menu']  ['main']
""",
    "E   TypeError: EventPageOpen has no property 'page': did you mean 'page_id'?\n",
    "E   TypeError: the context has no group 'usr': did you mean 'user'?\n",
]

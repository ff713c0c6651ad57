"""A test that runs pytest in its own process, which sends; and one after it, which may not."""

from __future__ import annotations

import pytest
from config import Context, EventPageOpen

from paltabrain_fast import PaltabrainSdk

sdk = PaltabrainSdk[Context](context=Context())


def track() -> None:
    sdk.track(EventPageOpen())
    sdk.flush(30)


def test_run_within_this_run_may_send(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import test_nested\ndef test_inner(): test_nested.track()")
    options = "-p", "paltabrain_fast", "-o", "paltabrain_allow_send=true"
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)


def test_fails_as_this_run_may_not() -> None:
    track()

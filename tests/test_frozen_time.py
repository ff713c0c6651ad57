"""A user's tests may freeze time: the SDK still flushes, retries and ends."""

from __future__ import annotations

import pytest

from .support.programs import run_program
from .support.scarce import needs


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("when", ["before import", "import", "construction", "first event"])
@pytest.mark.parametrize(
    "freezer",
    ["freezegun", pytest.param("time-machine", marks=needs("time_machine")), "patches"],
)
def test_everything_ends_while_time_is_frozen(freezer: str, when: str, engine: str) -> None:
    ended = run_program("frozen_time/ends", freezer, when, loses=True, PALTABRAIN_SDK_ENGINE=engine)
    assert ended == "ended\n"

"""The SDK's threads take no signals: who blocks one and waits for it gets it."""

from __future__ import annotations

import pytest

from .support.api_server import ApiServer
from .support.programs import run_program
from .support.scarce import needs


@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_signal_that_the_main_thread_waits_for_is_not_taken(api: ApiServer, transport: str) -> None:
    """It would end the process otherwise, as a thread that does not block it takes it."""
    run_program("signals/waits_for_signals", api.hostname, transport, loses=True)


def test_exception_anywhere_in_a_start_leaves_no_signal_blocked() -> None:
    """Such as one of a handler, for a signal that another thread has taken."""
    run_program("signals/interrupted_start")


def test_child_that_on_error_forks_takes_signals_again() -> None:
    """As the application's own threads do, not as the one that has forked it."""
    run_program("signals/child_of_on_error", loses=True)

"""The end of the interpreter: nobody has to wait for somebody else's server."""

from __future__ import annotations

import pytest

from .support.api_server import ApiServer
from .support.programs import run_program
from .support.sdk import texts


def test_dead_server_at_exit_holds_up_no_other_sdk() -> None:
    """In whatever order they come; nor does it matter that no thread has started before."""
    assert run_program("exit/dead_servers", timeout=30, loses=True) == "4\n"


@pytest.mark.parametrize("order", [("dead", "well"), ("well", "dead")], ids=" first, ".join)
def test_request_that_hangs_at_exit_holds_up_no_other_of_its_sdk(order: tuple[str, str]) -> None:
    assert run_program("exit/dead_context", *order, timeout=30, loses=True) == "1\n"


def test_process_that_is_told_again_to_exit_delivers_all_the_same() -> None:
    """A supervisor may signal a worker that its server has signalled already."""
    assert run_program("exit/told_to_end_again", timeout=30) == "10\n"


def test_import_at_exit_takes_nothing_from_the_time_to_deliver(api: ApiServer) -> None:
    run_program("exit/slow_import", api.hostname)
    assert texts(api) == [["last"]]

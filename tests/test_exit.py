"""The end of the interpreter: all is delivered, and nobody waits for somebody else's server."""

from __future__ import annotations

import threading

import pytest

from paltabrain_fast import InMemoryTransport, Request, SendResult

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextEvent
from .support.probe import exit_of
from .support.programs import run_program, start_program
from .support.sdk import MakeSdk, texts
from .support.threads import running


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


def test_forgotten_shutdown_is_made_up_for_at_exit(api: ApiServer) -> None:
    run_program("exit/forgetful", api.hostname, "30")
    assert [text for batch in texts(api) for text in batch] == [str(n) for n in range(10)]


def test_exit_is_bounded_when_nobody_answers(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        done = start_program("exit/forgetful", api.hostname, "0.1")
    finally:
        release.set()
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_exit_gives_up_what_another_thread_is_shutting_down(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon, say, that has more time than the process; no loss is silent."""
    sending, release = threading.Event(), threading.Event()

    def hang(_request: Request) -> SendResult:
        sending.set()
        release.wait(60)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(hang))
    sdk.track(TextEvent())
    with running(sdk.shutdown):
        assert sending.wait(30)
        exit_of(sdk, started=-3600.0)
        release.set()
    assert sdk.stats().dropped == {"deadline": 1}
    assert "not delivered before the exit timeout: 1 event lost; raise exit_timeout" in caplog.text


def test_all_sdks_are_flushed_at_exit_with_what_exit_handlers_track(api: ApiServer) -> None:
    run_program("exit/several_sdks", api.hostname, "30", "5")
    assert sorted(text for batch in texts(api) for text in batch) == [*"01234", "at exit"]


def test_exit_of_all_sdks_has_one_time_limit(api: ApiServer) -> None:
    """They give up together: one after the other, they would outlast the program's deadline."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        run_program("exit/several_sdks", api.hostname, "2", "20", timeout=25, loses=True)
    finally:
        release.set()


def test_nothing_starts_when_the_interpreter_is_ending(api: ApiServer) -> None:
    """An event that comes when our exit handler has run is dropped, without a thread or a trace."""
    run_program("exit/late_events", api.hostname)
    assert ["in time"] in texts(api)

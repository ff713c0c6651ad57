"""``SystemExit`` in code of the user: no thread is lost, and each batch has an outcome."""

from __future__ import annotations

import logging
import threading

import pytest

from paltabrain_fast import InMemoryTransport, Request, SendResult

from .support.events import TextContext, TextEvent
from .support.probe import no_threads
from .support.sdk import MakeSdk
from .support.threads import threads_of_sdks


@pytest.mark.parametrize("where", ["transport", "on_error"])
def test_exit_in_a_sender_thread_costs_one_batch_at_most(make_sdk: MakeSdk, where: str) -> None:
    answers = iter([400])

    def leave(*_arguments: object) -> SendResult:
        if next(answers, None):
            raise SystemExit(1)
        return SendResult(status=200)

    if where == "transport":
        sdk = make_sdk(transport=InMemoryTransport(leave), max_in_flight=1)
    else:
        statuses = iter([400])
        refuse_once = InMemoryTransport(lambda _request: SendResult(next(statuses, 200)))
        sdk = make_sdk(transport=refuse_once, max_in_flight=1, on_error=leave)
    for text in "first", "second":
        sdk.track(TextEvent(text))
        assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 1
    assert sdk.stats().dropped_after_acceptance == 1
    assert sdk.shutdown(timeout=30)


class Leaving(logging.Handler):
    """Ends the program with each line of the SDK's own threads; or of any thread."""

    def __init__(self, *, everywhere: bool = False) -> None:
        super().__init__()
        self._everywhere = everywhere

    def emit(self, _record: logging.LogRecord) -> None:
        if self._everywhere or threading.current_thread() in threads_of_sdks():
            raise SystemExit(1)


def test_logging_handler_that_exits_costs_no_thread_and_no_wake_up(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), max_in_flight=1)
    sdk.logger = logging.Logger("leaving", logging.INFO)
    sdk.logger.addHandler(Leaving())
    before = threads_of_sdks()
    for number in range(30):
        sdk.track(TextEvent(), TextContext(str(number)))
        assert number or sdk.flush(timeout=30)
    (sender,) = {thread for thread in threads_of_sdks() - before if "sender" in thread.name}
    assert sdk.flush(timeout=30)
    assert sender.is_alive()


def test_batch_has_an_outcome_whatever_is_raised(make_sdk: MakeSdk) -> None:
    def leave(_request: Request) -> SendResult:
        raise SystemExit(1)

    sdk = make_sdk(transport=InMemoryTransport(leave))
    sdk.logger = logging.Logger("leaving", logging.INFO)
    sdk.logger.addHandler(Leaving(everywhere=True))
    with no_threads():
        sdk.track(TextEvent())
        for _ in range(6):  # it may be a signal handler that raises; but not for ever
            with pytest.raises(SystemExit):
                sdk.flush(timeout=30)
        assert sdk.flush(timeout=0)
    assert sdk.stats().dropped == {"internal_error": 1}
    with pytest.raises(SystemExit):  # as the loss is told
        sdk.shutdown()

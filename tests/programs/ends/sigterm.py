"""Ends by ``SIGTERM`` in ways that are not quite as usual; prints the log.

``sigterm HOSTNAME WAY``
"""

import logging
import os
import signal
import sys
import threading

from tests.support.ends import make_sdk
from tests.support.events import TextContext, TextEvent
from tests.support.probe import no_threads

logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(message)s")
logging.getLogger().handlers[0].addFilter(lambda record: "flush_on_sigterm" in record.getMessage())


def track_batches() -> None:
    """Track more than may be in flight at once."""
    for number in range(10, 15):
        sdk.track(TextEvent(str(number)), TextContext(str(number)))


def receive() -> None:
    """Have the signal come while the main thread waits."""
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(30)


def as_first_process_of_a_container() -> None:
    """Such a one is told nothing of a signal that it does not handle."""
    kill = os.kill

    def protected(process: int, number: int) -> None:
        if signal.getsignal(number) is not signal.SIG_DFL:
            kill(process, number)

    os.kill = protected
    receive()


def with_handler_of_later() -> None:
    def leave(_signal: int, _frame: object) -> None:
        sys.exit(7)

    signal.signal(signal.SIGTERM, leave)
    make_sdk(flush_on_sigterm=True)
    assert signal.getsignal(signal.SIGTERM) is leave
    receive()


def while_a_lock_is_held() -> None:
    """One that each line of the log takes, of each batch."""
    lock = threading.Lock()

    class Locked(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            with lock:
                pass

    sdk.logger = logging.Logger("locked", logging.INFO)
    sdk.logger.addHandler(Locked())
    track_batches()
    with lock:
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(30)


def in_forked_child() -> None:
    child = os.fork()
    if child == 0:
        sdk.track(TextEvent("of the child"))
        receive()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM, status
    sdk.track(TextEvent("of the parent"))
    receive()


def in_idle_process() -> None:
    sdk.shutdown()
    receive()


seconds = 2 if sys.argv[2] == "lock held" else 30
sdk = make_sdk(flush_on_sigterm=True, max_in_flight=1, exit_timeout=seconds)
others = [make_sdk(flush_on_sigterm=True) for _ in range(2)]
for event in range(10):
    [sdk, *others][event % 3].track(TextEvent(str(event)))
match sys.argv[2]:
    case "first process of a container":
        as_first_process_of_a_container()
    case "handler of later":
        with_handler_of_later()
    case "lock held":
        while_a_lock_is_held()
    case "forked child":
        in_forked_child()
    case "nothing left":
        in_idle_process()
    case "no threads":
        with no_threads():
            receive()
    case "waiting":
        print("ready", flush=True)
        threading.Event().wait(60)
    case _:
        assert sys.argv[2] == "end"
        track_batches()

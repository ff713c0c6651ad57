"""Has a child that makes its first SDK, while a thread of the parent holds all locks there are."""

import threading

from paltabrain_fast import PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext
from tests.support.forks import end_child, fork_past_hooks

held, let_go = threading.Event(), threading.Event()


def hold() -> None:
    with probe.held(probe.locks_of_process()):
        held.set()
        let_go.wait()


holding = threading.Thread(target=hold)
holding.start()
held.wait()
child = fork_past_hooks()
if child == 0:
    PaltabrainSdk("localhost", "key", TextContext())
end_child(child)
let_go.set()
holding.join()

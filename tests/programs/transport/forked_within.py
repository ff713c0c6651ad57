"""A signal handler forks within an attempt (arguments: class, hostname, bundle, FIFO).

The child, too, returns from the handler, into an attempt that is its parent's.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from paltabrain_fast import Request
from paltabrain_fast import transport as transports

kind, hostname, ca_file, waiting = sys.argv[1:]
transport = getattr(transports, kind)(ca_bundle=ca_file)
children: list[int] = []
reaped = threading.Event()


def send(path: str) -> int | None:
    status: int | None = transport.send(Request(f"https://{hostname}/{path}", b"", {}, 60)).status
    return status


def fork(_signal: int, _frame: object) -> None:
    pid = os.fork()
    children.append(pid)
    if pid == 0:
        faulthandler.dump_traceback_later(40, exit=True)
        assert send("child") == 200
    else:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        reaped.set()


def interrupt() -> None:
    Path(waiting).read_text()
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGUSR1)
    reaped.wait()
    assert send("release") == 200


signal.signal(signal.SIGUSR1, fork)
thread = threading.Thread(target=interrupt)
thread.start()
status = send("under_way")
if children == [0]:
    assert status is None
    assert send("child") == 200
    sys.exit()
assert status == 200
thread.join()
with ThreadPoolExecutor(2) as threads:  # on both connections: the server waits for both
    assert list(threads.map(send, ["last", "last"])) == [200, 200]

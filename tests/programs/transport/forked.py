"""Children of a process whose transport has connections, and an attempt under way.

Arguments: class of the transport, or "mocked"; hostname; bundle; how to fork: "hooks" or "no
hooks"; what the attempt of another thread waits for: "nothing", "answer", "handshake" or "name"; a
FIFO that says when it waits.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import gc
import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

parent, inherited = os.getpid(), set[tuple[int, int]]()


def open_sockets() -> set[tuple[int, int]]:
    """Return the sockets of this process: their descriptors, and the system's numbers."""
    found = set()
    for descriptor in range(3, 256):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.add((descriptor, status.st_ino))
    return found


@atexit.register  # before all others, so that it is called after them
def check_sockets() -> None:
    if os.getpid() != parent and not inherited <= open_sockets():
        os.write(2, b"the child has closed sockets of its parent")
        os._exit(1)


import requests

from paltabrain_fast import HttpsTransport, Request
from paltabrain_fast import transport as transports
from tests.support.silence import await_silence

kind, hostname, ca_file, hooks, waits_for, waiting = sys.argv[1:]
if kind == "mocked":
    post = requests.Session.post
    requests.Session.post = lambda *given, **named: post(*given, **named)  # type: ignore[method-assign]
    kinds = [HttpsTransport(ca_bundle=ca_file)]
else:
    kinds = [getattr(transports, kind)(ca_bundle=ca_file)]


def send(path: str, host: str = hostname) -> int | None:
    return kinds[0].send(Request(f"https://{host}/{path}", b"", {}, 60)).status


def run_child(child: str) -> NoReturn:
    faulthandler.dump_traceback_later(40, exit=True)
    inherited.update(open_sockets())
    assert inherited
    if child == "send":
        assert send("child") == 200
        assert send("child") == 200
    elif child == "close":
        kinds[0].close()
    elif child == "forget":
        kinds.clear()
        gc.collect()
    check_sockets()
    if kind == "mocked":  # requests has pools of its own, which it closes at the end
        os._exit(0)
    if hooks == "hooks":
        sys.exit()  # with all that the interpreter does at its end
    atexit._run_exitfuncs()
    os._exit(0)


under_way: list[int | None] = []
host = "slow.test" if waits_for == "name" else hostname
thread = threading.Thread(target=lambda: under_way.append(send("under_way", host)))
if waits_for != "nothing":
    entered, enter = os.pipe()
    release, let_go = os.pipe()
    os.environ["SLOW_NAME_ENTERED"], os.environ["SLOW_NAME_RELEASE"] = str(enter), str(release)
    thread.start()
    if waits_for == "name":
        os.read(entered, 1)
    else:
        Path(waiting).read_text()
assert send("first") == 200
for child in ("send", "close", "forget", "exit"):
    if hooks == "hooks":
        pid = os.fork()
    else:
        await_silence()
        pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        run_child(child)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, child
    assert send("between") == 200
if waits_for == "name":
    assert thread.is_alive()
    os.write(let_go, b"x")
    thread.join()
    assert under_way == [None]
elif waits_for != "nothing":
    assert thread.is_alive()
    assert send("release") == 200
    thread.join()
    assert under_way == [200]
    with ThreadPoolExecutor(2) as threads:  # on both connections: the server waits for both
        assert list(threads.map(send, ["last", "last"])) == [200, 200]

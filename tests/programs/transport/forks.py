"""Forks, and does with its transport what it is told in the child.

``forks KIND HOSTNAME CA_FILE FORK CHILD``
"""

import gc
import os
import sys
import threading
from typing import Any

from paltabrain_fast import Request
from paltabrain_fast import transport as transports
from tests.support.forks import FORKS, reap

kind, hostname, ca_file, fork, action = sys.argv[1:]
transport: Any = getattr(transports, kind)(ca_bundle=ca_file)


def send(name: str) -> int | None:
    status: int | None = transport.send(Request(f"https://{hostname}/{name}", b"", {}, 30)).status
    return status


assert send("first") == 200
if action in ("send", "close"):
    under_way = threading.Thread(target=send, args=("under_way",))
    under_way.start()
    assert send("second") == 200  # answered once the other one is there
child = FORKS[fork]()
if child == 0:
    if action == "send":
        assert send("child") == 200
        assert send("child") == 200
    elif action == "close":
        transport.close()
    elif action == "forget":
        del transport
        gc.collect()
    if fork == "os.fork":
        sys.exit()  # with all that the interpreter does at its end
    os._exit(0)
reap(child)
assert send("third") == 200
if action in ("send", "close"):
    assert send("release") == 200
    under_way.join()
    assert send("fourth") == 200

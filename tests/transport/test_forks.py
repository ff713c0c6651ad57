"""A forked child makes connections of its own, and leaves its parent's alone to the very end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ..support.answers import Answer, Received
from ..support.api_server import ApiServer
from ..support.scarce import needs

_SCRIPT = """
import ctypes, gc, os, sys, threading
from paltabrain_fast import Request, transport as transports

kind, hostname, ca_file, fork, child = sys.argv[1:]
transport = getattr(transports, kind)(ca_bundle=ca_file)

def send(name):
    return transport.send(Request(f"https://{hostname}/{name}", b"", {}, 30)).status

assert send("first") == 200
if child in ("send", "close"):
    under_way = threading.Thread(target=send, args=("under_way",))
    under_way.start()
    assert send("second") == 200  # answered once the other one is there
pid = os.fork() if fork == "fork" else ctypes.PyDLL(None).fork()
if pid == 0:
    if child == "send":
        assert send("child") == 200
        assert send("child") == 200
    elif child == "close":
        transport.close()
    elif child == "forget":
        del transport
        gc.collect()
    if fork == "fork":
        sys.exit()  # with all that the interpreter does at its end
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert send("third") == 200
if child in ("send", "close"):
    assert send("release") == 200
    under_way.join()
    assert send("fourth") == 200
"""


@pytest.mark.parametrize(
    "kind", ["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))]
)
@pytest.mark.parametrize("fork", ["fork", "fork without hooks"])
@pytest.mark.parametrize("child", ["send", "close", "forget", "exit"])
def test_fork(api: ApiServer, ca_file: Path, kind: str, fork: str, child: str) -> None:
    arrived, release = threading.Event(), threading.Event()

    def answer(_count: int, request: Received) -> Answer:
        if request.path == "/under_way":
            arrived.set()
            return Answer(release=release)
        if request.path == "/release":
            release.set()
        return Answer(release=arrived if request.path == "/second" else None)

    api.answer = answer
    subprocess.run(
        [sys.executable, "-c", _SCRIPT, kind, api.hostname, ca_file, fork, child],
        check=True,
        timeout=60,
    )
    assert api.handshakes == {"send": 3, "close": 2, "forget": 1, "exit": 1}[child]


_RESOLVING = """
import faulthandler, gc, os, sys
from paltabrain_fast import Request, transport as transports

transport = getattr(transports, sys.argv[1])(ca_bundle=sys.argv[2])
assert transport.send(Request("https://nowhere.invalid/", b"", {}, 5)).status is None
pid = os.fork()
if pid == 0:
    faulthandler.dump_traceback_later(30, exit=True)
    if sys.argv[3] == "forget":
        del transport
        gc.collect()
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@pytest.mark.parametrize(
    "kind", ["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))]
)
@pytest.mark.parametrize("child", ["forget", "exit"])
def test_child_does_not_wait_for_threads_that_resolve_names(
    ca_file: Path, kind: str, child: str
) -> None:
    """Those are the parent's, and stay for a while."""
    subprocess.run([sys.executable, "-c", _RESOLVING, kind, ca_file, child], check=True, timeout=60)

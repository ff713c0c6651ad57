"""A forked child makes connections of its own, and leaves its parent's alone to the very end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import pytest

from ..support.answers import Answer, Received
from ..support.api_server import ApiServer
from ..support.programs import run_program
from ..support.scarce import needs

KINDS: Final = ["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))]
HOOKS: Final = ["hooks", "no hooks"]


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A FIFO that can be read as soon as the attempt ``/under_way`` waits for the server."""
    path = tmp_path / "waiting"
    os.mkfifo(path)
    return path


@pytest.fixture
def release(api: ApiServer, waiting: Path) -> threading.Event:
    """What ``/under_way`` waits for: a request of ``/release``. ``/last`` waits for another one."""
    release, second_last = threading.Event(), threading.Event()

    def answer(_count: int, request: Received) -> Answer:
        if request.path == "/under_way":
            if not release.is_set():
                waiting.write_text("")  # as soon as somebody reads
            return Answer(release=release)
        if request.path == "/release":
            release.set()
        if request.path == "/last":
            if [each.path for each in api.requests].count("/last") == 2:
                second_last.set()
            return Answer(release=second_last)
        return Answer()

    api.answer = answer
    return release


@pytest.fixture(scope="session")
def slow_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library to load before libc, with which the name slow.test takes long to resolve."""
    source = Path(__file__).parent.parent / "support" / "slow_name.c"
    library = tmp_path_factory.mktemp("slow_name") / "slow_name.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"],
        check=True,
        timeout=60,
    )
    return str(library)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hooks", HOOKS)
@pytest.mark.parametrize("waits_for", ["nothing", "answer", "handshake"])
def test_fork(
    api: ApiServer,
    release: threading.Event,
    ca_file: Path,
    waiting: Path,
    kind: str,
    hooks: str,
    waits_for: str,
) -> None:
    """Children that send, close, forget the transport, or just end."""
    if waits_for == "handshake":

        def hold_handshake(count: int) -> None:
            if count == 0:
                waiting.write_text("")
                assert release.wait(60)

        api.greet = hold_handshake
    run_program(
        "transport/forked", kind, api.hostname, str(ca_file), hooks, waits_for, str(waiting)
    )
    # one each for what is under way, for the parent, and for the child that sends
    assert api.handshakes == (2 if waits_for == "nothing" else 3)


@pytest.mark.skipif(sys.platform != "linux", reason="no library can be loaded before libc")
@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hooks", HOOKS)
def test_fork_while_a_name_is_resolved(
    api: ApiServer, ca_file: Path, slow_name: str, kind: str, hooks: str
) -> None:
    run_program(
        *("transport/forked", kind, api.hostname, str(ca_file), hooks, "name", ""),
        LD_PRELOAD=slow_name,
    )
    assert api.handshakes == 2


@pytest.mark.usefixtures("release")
def test_fork_while_requests_is_mocked(api: ApiServer, ca_file: Path) -> None:
    run_program("transport/forked", "mocked", api.hostname, str(ca_file), "hooks", "nothing", "")
    assert api.handshakes == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hooks", HOOKS)
def test_child_without_a_bundle_fails_each_attempt_until_there_is_one(
    api: ApiServer, ca_file: Path, tmp_path: Path, kind: str, hooks: str
) -> None:
    bundle = shutil.copy(ca_file, tmp_path / "bundle.pem")
    run_program("transport/vanished_bundle", kind, api.hostname, str(bundle), hooks)


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("kind", KINDS)
def test_child_forked_within_an_attempt_leaves_it_to_the_parent(
    api: ApiServer, ca_file: Path, waiting: Path, kind: str
) -> None:
    run_program("transport/forked_within", kind, api.hostname, str(ca_file), str(waiting))
    paths = [request.path for request in api.requests]
    assert paths == ["/under_way", "/child", "/child", "/release", "/last", "/last"]
    assert api.handshakes == 3

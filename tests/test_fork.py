"""After a fork, in whatever way, the child works and every event is sent once."""

from __future__ import annotations

import os
import shutil
import sysconfig
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from .support.answers import Answer, Received
from .support.api_server import ApiServer
from .support.programs import run_program
from .support.scarce import needs

free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED") == 1
without_gil = pytest.mark.skipif(
    free_threaded,
    reason="without a GIL to hold, Python itself does not survive such a fork",
)


def run(api: ApiServer, name: str, *arguments: str, loses: bool = False) -> str:
    return run_program(f"fork/{name}", api.hostname, *arguments, timeout=100, loses=loses)


def received(api: ApiServer) -> Counter[str]:
    """Each event that arrived, and how often; a batch that was sent again counts once."""
    batches = {batch.common.batch_id: batch for batch in api.batches}
    return Counter(e.payload.decode() for batch in batches.values() for e in batch.events)


def each_once(*groups: tuple[str, int]) -> Counter[str]:
    return Counter(f"{name}:{number}" for name, count in groups for number in range(count))


def test_parent_and_child_each_send_their_own(api: ApiServer) -> None:
    out = run(api, "parent_and_child")
    assert received(api) == each_once(("before", 25), ("child", 25), ("after", 25))
    (child, instance), (parent, same_instance) = (line.split() for line in out.splitlines())
    assert child != parent
    assert instance == same_instance
    sessions: dict[int, list[int]] = {}
    for batch in {batch.common.batch_id: batch for batch in api.batches}.values():
        for event in batch.events:
            numbers = sessions.setdefault(event.common.session_id, [])
            numbers.append(event.common.session_event_seq_num)
    assert {key: sorted(numbers) for key, numbers in sessions.items()} == {
        UUID(parent).int >> 80: list(range(1, 51)),
        UUID(child).int >> 80: list(range(1, 26)),
    }


def test_given_session_is_kept(api: ApiServer) -> None:
    run(api, "given_session")
    (event,) = api.batches[0].events
    assert (event.common.session_id, event.common.session_event_seq_num) == (7, 1)


@pytest.mark.parametrize("overflow", ["drop_new", "block"])
def test_fork_under_load(api: ApiServer, overflow: str) -> None:
    """Threads track, locks are held, requests are in flight."""
    out = run(api, "under_load", overflow)
    counts = [int(count) for count in out.split()]
    parents = [(f"parent {thread}", count) for thread, count in enumerate(counts)]
    children = [(f"child {fork}", 50) for fork in range(20)]
    assert received(api) == each_once(*parents, *children)


@pytest.mark.parametrize("fork", ["os.fork", pytest.param("past the hooks", marks=without_gil)])
def test_child_leaves_the_connections_of_the_parent_alone(api: ApiServer, fork: str) -> None:
    """A byte that it wrote there, or a farewell of TLS, would cost the parent a retry."""
    run(api, "connections", fork)
    assert received(api) == each_once(("before", 1), ("child", 1), ("after", 1))
    assert api.connections == 2


def test_child_inherits_no_lock(api: ApiServer) -> None:
    """Another thread of the parent holds all of them at the fork."""
    run(api, "locks_held")
    assert received(api) == each_once(("parent", 1), ("child", 2))


@pytest.mark.skipif(not free_threaded, reason="objects have locks where there is no GIL")
@pytest.mark.parametrize("holder", ["other thread", "this thread"])
def test_child_inherits_no_lock_of_an_object(holder: str) -> None:
    """Python itself leaves it as it was, so that the child would wait for it for ever."""
    run_program("fork/object_locks", holder)


@without_gil
@pytest.mark.parametrize("first", ["track", "flush", "stats", "number", "nothing"])
def test_fork_that_bypasses_the_hooks_of_python(api: ApiServer, first: str) -> None:
    """The child notices it by whatever it does first."""
    sessions = run(api, "past_hooks", first).split()
    groups = [("before", 25), ("other before", 1)]
    if first != "nothing":
        groups += [("child", 25), ("other child", 1)]
    assert received(api) == each_once(*groups)
    assert len(set(sessions)) == (1 if first == "nothing" else 2)


def test_fork_of_a_fork(api: ApiServer) -> None:
    run(api, "generations")
    assert received(api) == each_once(*((str(generation), 1) for generation in range(4)))


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_fork_in_a_signal_handler_that_interrupts_a_wait(api: ApiServer, call: str) -> None:
    """The child does not go on with the wait: the server answers the parent after the child."""
    release = threading.Event()
    api.answer = lambda count, _request: Answer(release=None if count else release)

    def let_go() -> None:
        api.wait_for(2)
        release.set()

    thread = threading.Thread(target=let_go)
    thread.start()
    run(api, "in_wait", call)
    thread.join()
    assert received(api) == each_once(("parent", 1), ("child", 1))


def test_fork_in_a_signal_handler_that_interrupts_the_wait_for_a_lock(api: ApiServer) -> None:
    run(api, "at_a_lock")
    assert received(api) == each_once(("parent", 1), ("child", 1))


def test_fork_inside_a_hook_of_a_fork(api: ApiServer) -> None:
    """The parent's SDK goes on when both are over."""
    run(api, "in_hook")
    assert received(api) == each_once(("before", 1), ("helper", 1), ("child", 1), ("after", 1))


def test_fork_while_the_first_thread_is_being_started(api: ApiServer) -> None:
    """The child goes on with starting it; but it is the parent's, and ends at once."""
    run(api, "at_thread_start")
    assert received(api) == each_once(("parent", 1), ("child", 1))


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_fork_in_a_signal_handler_anywhere_in_a_call(call: str) -> None:
    """The child returns at once, with nothing left to wait for, and nothing of its parent's."""
    assert int(run_program("fork/anywhere", call, timeout=280)) > 50


def test_fork_in_a_signal_handler_that_interrupts_framing(api: ApiServer) -> None:
    """What the parent has handed over is not taken for the child's."""
    run(api, "in_framing")
    assert received(api) == each_once(("parent", 1), ("child", 1))


def test_child_that_ends_at_once_loses_only_what_it_has_not_flushed(api: ApiServer) -> None:
    run(api, "ends_at_once")
    assert received(api) == each_once(("parent", 1), ("flushed", 1))
    assert not any(batch.HasField("telemetry") for batch in api.batches)


def test_child_of_an_sdk_that_is_shut_down_says_so(api: ApiServer) -> None:
    run(api, "after_shutdown", loses=True)
    assert received(api) == each_once(("parent", 1))


def test_child_without_certificates_says_so_and_tries_again(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file of certificates is gone; neither SDK goes on as if it were the parent's."""
    gone = shutil.copy(os.environ["REQUESTS_CA_BUNDLE"], tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(gone))
    run(api, "no_certificates")
    assert received(api) == Counter({"parent:0": 2, "child:0": 1, "child:1": 1})


def test_forgotten_sdk_of_the_parent_is_not_the_childs(api: ApiServer) -> None:
    """It delivers its last event in the parent alone, once the server lets it go on."""
    release = threading.Event()

    def answer(_count: int, request: Received) -> Answer:
        (event,) = request.batch.events
        if event.payload == b"child is gone:0":
            release.set()
        return Answer(release=release if event.payload == b"held up:0" else None)

    api.answer = answer
    run(api, "forgotten_sdk")
    assert received(api) == each_once(("held up", 1), ("child is gone", 1), ("forgotten", 1))


@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_fork_does_not_wait_for_requests_that_hang(
    api: ApiServer, transport: str, tmp_path: Path
) -> None:
    """However long it would wait for OpenSSL."""
    release, hangs = threading.Event(), tmp_path / "hangs"
    os.mkfifo(hangs)

    def answer(count: int, _request: Received) -> Answer:
        if count:
            return Answer()
        hangs.write_text("")  # as soon as somebody reads
        return Answer(release=release)

    api.answer = answer
    try:
        run(api, "hanging_request", transport, str(hangs), loses=True)
    finally:
        release.set()
    assert received(api) == each_once(("hangs", 1), ("child", 1))


def test_fork_waits_for_an_attempt_that_a_shutdown_has_left_behind() -> None:
    """It may be inside OpenSSL, though its SDK has nothing to do any more."""
    assert run_program("fork/attempt_left_behind", loses=True) == "outside\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(api: ApiServer, method: str) -> None:
    """Nobody calls ``shutdown()``, neither here nor there."""
    run(api, "multiprocessing_children", method)
    assert received(api) == each_once(("parent", 1), ("global", 3), ("own", 3))

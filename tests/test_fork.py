"""After a fork, in whatever way, the child works and every event is sent once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from .support.answers import Answer, Received
from .support.api_server import ApiServer
from .support.scarce import needs
from .support.sdk import FORKS_WITH_THREADS, ROOT, run_script

PRELUDE = """
import ctypes, os, sys, threading, time
from pathlib import Path
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.silence import await_silence

def make(**options):
    options = {"flush_buffer_size": 10, "exit_timeout": 30} | options
    return PaltabrainSdk(sys.argv[1], "key", TextContext(), **options)

def reap(*children):
    for child in children:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status

sdk = make(start_session=True)
"""


def run(api: ApiServer, script: str, *arguments: str) -> str:
    return run_script(PRELUDE + script, api.hostname, *arguments, timeout=100)


def received(api: ApiServer) -> Counter[str]:
    """Each event that arrived, and how often; a batch that was sent again counts once."""
    batches = {batch.common.batch_id: batch for batch in api.batches}
    return Counter(e.payload.decode() for batch in batches.values() for e in batch.events)


def each_once(*groups: tuple[str, int]) -> Counter[str]:
    return Counter(f"{name}:{number}" for name, count in groups for number in range(count))


def test_parent_and_child_each_send_their_own(api: ApiServer) -> None:
    out = run(
        api,
        """
for number in range(25):
    sdk.track(TextEvent(f"before:{number}"))
child = os.fork()
if child == 0:
    assert sdk.stats().accepted == len(sdk.event_buffer) == 0
    assert not [t for t in threading.enumerate() if "paltabrain" in t.name]
    for number in range(25):
        sdk.track(TextEvent(f"child:{number}"))
    print(sdk.session_id, sdk.instance_id, flush=True)
    sys.exit()
for number in range(25):
    sdk.track(TextEvent(f"after:{number}"))
reap(child)
assert sdk.shutdown()
assert sdk.stats().retries == 0
print(sdk.session_id, sdk.instance_id)
""",
    )
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
    run(
        api,
        """
sdk = make(session_id=7)
sdk.session_event_seq_num = 100
child = os.fork()
if child == 0:
    assert sdk.session_id == 7
    assert sdk.session_event_seq_num == 0
    sdk.track(TextEvent("child:0"))
    sys.exit()
reap(child)
""",
    )
    (event,) = api.batches[0].events
    assert (event.common.session_id, event.common.session_event_seq_num) == (7, 1)


UNDER_LOAD = """
overflow = sys.argv[2]
sdk = make(overflow=overflow, block_timeout_ms=60_000, on_error=print)
stop, counts = threading.Event(), [0] * 4

def work(thread):
    while not stop.is_set() or counts[thread] < 100:
        sdk.track(TextEvent(f"parent {thread}:{counts[thread]}"))
        sdk.stats()
        counts[thread] += 1

threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
children = []
for fork in range(20):
    child = os.fork()
    if child == 0:
        for number in range(50):
            sdk.track(TextEvent(f"child {fork}:{number}"))
        if fork % 2:
            sys.exit()
        assert sdk.flush(timeout=60)
        os._exit(0)
    children.append(child)
reap(*children)
stop.set()
for thread in threads:
    thread.join()
assert sdk.flush(timeout=60)
stats = sdk.stats()
assert stats.delivered == stats.accepted == sum(counts), (stats, counts)
assert stats.retries == 0
print(*counts)
"""


@pytest.mark.parametrize("overflow", ["drop_new", "block"])
def test_fork_under_load(api: ApiServer, overflow: str) -> None:
    """Threads track, locks are held, requests are in flight."""
    out = run(api, UNDER_LOAD, overflow)
    counts = [int(count) for count in out.split()]
    parents = [(f"parent {thread}", count) for thread, count in enumerate(counts)]
    children = [(f"child {fork}", 50) for fork in range(20)]
    assert received(api) == each_once(*parents, *children)


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"])
def test_child_leaves_the_connections_of_the_parent_alone(api: ApiServer, fork: str) -> None:
    """A byte that it wrote there, or a farewell of TLS, would cost the parent a retry."""
    run(
        api,
        f"""
sdk = make(max_in_flight=1)
sdk.track(TextEvent("before:0"))
assert sdk.flush(timeout=30)
await_silence()
child = {fork}()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.shutdown(timeout=30)
    sys.exit()
reap(child)
sdk.track(TextEvent("after:0"))
assert sdk.flush(timeout=30)
assert sdk.stats().retries == 0
""",
    )
    assert received(api) == each_once(("before", 1), ("child", 1), ("after", 1))
    assert api.connections == 2


def test_child_inherits_no_lock(api: ApiServer) -> None:
    """Every lock that the parent may hold at the fork is held."""
    run(
        api,
        """
sdk.track(TextEvent("parent:0"))
held, done = threading.Event(), threading.Event()
control = sdk._control
locks = [control._framing, control._room, control._starting, control._closing,
         control.ledger._changed, sdk._reporter._deciding, sdk._reporter._telling]

def hold():
    for lock in locks:
        lock.acquire()
    held.set()
    done.wait(60)
    for lock in reversed(locks):
        lock.release()

thread = threading.Thread(target=hold)
thread.start()
held.wait(60)
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    sdk.stats()
    assert sdk.flush(timeout=30)
    sys.exit()
reap(child)
done.set()
thread.join()
""",
    )
    assert received(api) == each_once(("parent", 1), ("child", 1))


BYPASSING = """
fork = ctypes.PyDLL(None).fork  # keeps the GIL, and tells Python nothing
for number in range(25):
    sdk.track(TextEvent(f"before:{number}"))
other = make()
other.track(TextEvent("other before:0"))
await_silence()
child = fork()
if child == 0:
    if sys.argv[2] == "flush":
        assert sdk.flush(timeout=30)
    elif sys.argv[2] == "stats":
        assert sdk.stats().accepted == 0
    elif sys.argv[2] == "number":
        assert sdk.session_event_seq_num == 0
    if sys.argv[2] != "nothing":
        for number in range(25):
            sdk.track(TextEvent(f"child:{number}"))
        other.track(TextEvent("other child:0"))
        assert sdk.flush(timeout=30) and other.flush(timeout=30)
        assert sdk.session_event_seq_num == 25
        print(sdk.session_id, flush=True)
    sys.exit()
reap(child)
assert sdk.shutdown() and other.shutdown()
assert sdk.stats().retries == 0
print(sdk.session_id)
"""


@pytest.mark.skipif(
    sysconfig.get_config_var("Py_GIL_DISABLED") == 1,
    reason="without a GIL to hold, Python itself does not survive such a fork",
)
@pytest.mark.parametrize("first", ["track", "flush", "stats", "number", "nothing"])
def test_fork_that_bypasses_the_hooks_of_python(api: ApiServer, first: str) -> None:
    sessions = run(api, BYPASSING, first).split()
    groups = [("before", 25), ("other before", 1)]
    if first != "nothing":
        groups += [("child", 25), ("other child", 1)]
    assert received(api) == each_once(*groups)
    assert len(set(sessions)) == (1 if first == "nothing" else 2)


def test_fork_of_a_fork(api: ApiServer) -> None:
    run(
        api,
        """
sdk.track(TextEvent("0:0"))
for generation in range(1, 4):
    child = os.fork()
    if child:
        reap(child)
        sys.exit()
    sdk.track(TextEvent(f"{generation}:0"))
""",
    )
    assert received(api) == each_once(*((str(generation), 1) for generation in range(4)))


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_fork_in_a_signal_handler_that_interrupts_a_wait(api: ApiServer, call: str) -> None:
    """What the child comes back to is the parent's business, and no reason to wait."""
    release = threading.Event()
    api.answer = lambda count, _request: Answer(release=None if count else release)

    def let_go() -> None:
        api.wait_for(2)
        release.set()

    thread = threading.Thread(target=let_go)
    thread.start()
    run(
        api,
        f"""
from tests.support.interruption import ForkInWait

sdk = make(request_timeout=600)  # so that the parent's comes to no second attempt
sdk.track(TextEvent("parent:0"))
fork = ForkInWait(sdk._control.ledger._changed)
assert sdk.{call}(timeout=60)
if fork.child == 0:
    if sdk.is_shutdown:
        sdk = make()
    sdk.track(TextEvent("child:0"))
    sys.exit()
reap(fork.child)
""",
    )
    thread.join()
    assert received(api) == each_once(("parent", 1), ("child", 1))


IN_A_HOOK = """
import os

helper = None

def fork_a_helper():
    global helper
    if helper is not None:
        return
    helper = 0
    helper = os.fork()
    if helper == 0:
        sdk.track(TextEvent("helper:0"))
        assert sdk.flush(timeout=30)
        os._exit(0)

# the last to be registered is the first to be called: this one when the SDK is at rest already
os.register_at_fork(before=fork_a_helper)
"""


def test_fork_inside_a_hook_of_a_fork(api: ApiServer) -> None:
    """The parent's SDK goes on when both are over."""
    script = """
sdk.track(TextEvent("before:0"))
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    os._exit(0)
reap(helper, child)
sdk.track(TextEvent("after:0"))
assert sdk.flush(timeout=30)
"""
    run_script(IN_A_HOOK + PRELUDE + script, api.hostname, timeout=100)
    assert received(api) == each_once(("before", 1), ("helper", 1), ("child", 1), ("after", 1))


def test_fork_while_the_control_thread_is_being_started(api: ApiServer) -> None:
    """The child goes on with starting it; but it is the parent's, and ends at once."""
    run(
        api,
        """
from paltabrain_fast.process.threads import Thread

start, ended, child = Thread.start, threading.Event(), None

def fork_then_start(thread):
    global child
    Thread.start = start
    thread.run = lambda: (Thread.run(thread), ended.set())
    child = os.fork()
    try:
        thread.start()
    except RuntimeError:  # CPython 3.13 starts it for none
        ended.set()
        raise

Thread.start = fork_then_start
sdk.track(TextEvent("parent:0"))
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert ended.wait(30)
    assert sdk._control._thread is not None
    assert sdk.flush(timeout=30)
    sys.exit()
reap(child)
""",
    )
    assert received(api) == each_once(("parent", 1), ("child", 1))


def test_fork_in_a_signal_handler_that_interrupts_framing(api: ApiServer) -> None:
    """What the parent has handed over is not taken for the child's."""
    run(
        api,
        """
from paltabrain_fast.delivery.sender import Sender

submit, child = Sender.submit, None

def submit_then_fork(sender, *batch):
    global child
    Sender.submit = submit
    submit(sender, *batch)
    child = os.fork()

Sender.submit = submit_then_fork
sdk.track(TextEvent("parent:0"))
assert sdk.flush(timeout=30)
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    os._exit(0)
reap(child)
""",
    )
    assert received(api) == each_once(("parent", 1), ("child", 1))


def test_child_that_ends_at_once_loses_only_what_it_has_not_flushed(api: ApiServer) -> None:
    run(
        api,
        """
sdk.track(TextEvent("parent:0"))
child = os.fork()
if child == 0:
    sdk.track(TextEvent("flushed:0"))
    assert sdk.flush(timeout=30)
    sdk.track(TextEvent("lost:0"))
    os._exit(0)
reap(child)
assert sdk.shutdown()
assert sdk.stats().dropped == {}
""",
    )
    assert received(api) == each_once(("parent", 1), ("flushed", 1))
    assert not any(batch.HasField("telemetry") for batch in api.batches)


def test_child_of_an_sdk_that_is_shut_down_says_so(api: ApiServer) -> None:
    run(
        api,
        """
sdk.track(TextEvent("parent:0"))
assert sdk.shutdown()
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.stats().dropped == {"already_shutdown": 1}
    assert sdk.is_shutdown and sdk.shutdown(timeout=30)
    sys.exit()
reap(child)
""",
    )
    assert received(api) == each_once(("parent", 1))


def test_child_without_certificates_says_so_and_tries_again(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file of certificates is gone; neither SDK goes on as if it were the parent's."""
    gone = shutil.copy(os.environ["REQUESTS_CA_BUNDLE"], tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(gone))
    run(
        api,
        """
import logging, shutil
path = os.environ["REQUESTS_CA_BUNDLE"]
told = []
sdks = [make(flush_max_retries=1, on_error=lambda *error: told.append(error)) for _ in range(2)]
for sdk in sdks:
    sdk.track(TextEvent("parent:0"))
    assert sdk.flush(timeout=30)
logging.disable()  # or the child writes that its batches failed
os.rename(path, path + "-gone")
child = os.fork()
if child == 0:
    for sdk in sdks:
        sdk.track(TextEvent("lost:0"))
        assert sdk.flush(timeout=30)
        stats = sdk.stats()
        assert (stats.accepted, dict(stats.dropped)) == (1, {"retries_exhausted": 1}), stats
    os.rename(path + "-gone", path)
    for number, sdk in enumerate(sdks):
        sdk.track(TextEvent(f"child:{number}"))
        assert sdk.shutdown(timeout=30)
        assert sdk.stats().delivered == 1
    assert [info.reason for _, info in told] == ["retries_exhausted"] * 2, told
    sys.exit()
reap(child)
""",
    )
    assert received(api) == Counter({"parent:0": 2, "child:0": 1, "child:1": 1})


def test_forgotten_sdk_of_the_parent_is_not_the_childs(api: ApiServer) -> None:
    run(
        api,
        """
forgotten = make(flush_interval_ms=3_600_000)
forgotten.track(TextEvent("forgotten:0"))
forgotten._control._framing.acquire()  # so that it cannot finish before the fork
control = forgotten._control
del forgotten
child = os.fork()
if child == 0:
    sys.exit()
reap(child)
control._framing.release()
""",
    )
    assert received(api) == each_once(("forgotten", 1))


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
        run(
            api,
            """
from paltabrain_fast.process import fork_barrier
fork_barrier._FORK_SECONDS = 10_000
sdk = make(transport=sys.argv[2] or None, request_timeout=10_000)
sdk.track(TextEvent("hangs:0"))
sdk.flush()
Path(sys.argv[3]).read_text()  # when the request is in
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    os._exit(0)
reap(child)
assert not sdk.shutdown(timeout=0)
""",
            transport,
            str(hangs),
        )
    finally:
        release.set()
    assert received(api) == each_once(("hangs", 1), ("child", 1))


def test_fork_waits_for_an_attempt_that_a_shutdown_has_left_behind() -> None:
    """It may be inside OpenSSL, though its SDK has nothing to do any more."""
    run_script(
        """
import os, threading, time
from paltabrain_fast import PaltabrainSdk, SendResult
from paltabrain_fast.process import fork_barrier
from tests.support.events import TextContext, TextEvent

class Slow:
    inside = False
    entered, release = threading.Event(), threading.Event()

    def send(self, request):
        self.inside = True
        self.entered.set()
        self.release.wait()
        time.sleep(0.1)  # so that a fork that does not wait comes first
        self.inside = False
        return SendResult(200)

    def close(self):
        pass

fork_barrier._FORK_SECONDS = 50
transport = Slow()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent(""))
sdk.flush()
transport.entered.wait()
assert not sdk.shutdown(timeout=0)
os.register_at_fork(before=transport.release.set)  # called before those of the SDK
child = os.fork()
if child == 0:
    os._exit(transport.inside)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    )


MULTIPROCESSING = """
import multiprocessing, os, sys
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

def make():
    return PaltabrainSdk(os.environ["API"], "key", TextContext(), flush_interval_ms=3_600_000)

sdk = make()

def work(number):
    own = make()
    sdk.track(TextEvent(f"global:{number}"))
    own.track(TextEvent(f"own:{number}"))

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    sdk.track(TextEvent("parent:0"))
    processes = [context.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(
    api: ApiServer,
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody calls ``shutdown()``, neither here nor there."""
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    monkeypatch.setenv("API", api.hostname)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, *FORKS_WITH_THREADS, script, method],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert received(api) == each_once(("parent", 1), ("global", 3), ("own", 3))

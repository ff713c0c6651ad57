"""``flush_on_sigterm``: what was tracked is delivered, and the signal takes its course."""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paltabrain_fast import InMemoryTransport

from ..support.answers import Answer
from ..support.api_server import ApiServer
from ..support.ends import received
from ..support.programs import run_program, start_program
from ..support.scarce import needs
from ..support.sdk import ROOT, MakeSdk

ALL = Counter(map(str, range(10)))
MORE = Counter(map(str, range(10, 15)))


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Every test begins with the system's own, and leaves none."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("call", "engine"),
    [("track", "native"), ("track", "python"), ("flush", "native"), ("shutdown", "native")],
)
def test_signal_anywhere_in_a_call_loses_nothing(call: str, engine: str) -> None:
    places = run_program("ends/sigterm_everywhere", call, PALTABRAIN_SDK_ENGINE=engine, timeout=100)
    assert int(places) > 10


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("threads", [0, 3])
def test_signal_in_tight_loops_loses_nothing(api: ApiServer, threads: int, engine: str) -> None:
    """Not one event of the main thread; nor of others what was tracked before the signal came."""
    children = 2 if threads else 10
    output = run_program(
        "ends/tight_loops",
        *(api.hostname, str(children), str(threads)),
        timeout=100,
        loses=True,  # what the threads track after the signal
        PALTABRAIN_SDK_ENGINE=engine,
    )
    events = received(api)
    assert set(events.values()) == {1}
    counts = [json.loads(line) for line in output.splitlines()]
    assert len(counts) == children
    for child, tracked in enumerate(counts):
        for thread, count in enumerate(tracked):
            assert count
            expected = {f"{child}:{thread}:{number}" for number in range(1, count + 1)}
            assert not expected - events.keys(), (child, thread, count)


def test_children_deliver_their_own_and_end_by_the_signal(api: ApiServer) -> None:
    done = start_program("ends/sigterm", api.hostname, "forked child")
    assert done.returncode == -signal.SIGTERM, done
    assert received(api) == ALL + Counter(["of the child", "of the parent"])


@pytest.mark.parametrize("way", ["no threads", "lock held"])
def test_what_the_handler_interrupts_keeps_nothing_from_being_delivered(
    api: ApiServer, way: str
) -> None:
    done = start_program("ends/sigterm", api.hostname, way)
    assert done.returncode == -signal.SIGTERM, done
    assert received(api) == (ALL + MORE if way == "lock held" else ALL)


def test_process_with_nothing_left_ends_by_the_signal(api: ApiServer) -> None:
    done = start_program("ends/sigterm", api.hostname, "nothing left")
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def test_first_process_of_a_container_ends_all_the_same(api: ApiServer) -> None:
    """The system keeps it from the signal; its status is the one that a shell would report."""
    done = start_program("ends/sigterm", api.hostname, "first process of a container")
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")
    assert received(api) == ALL


def test_handler_that_is_installed_later_stays(api: ApiServer) -> None:
    done = start_program("ends/sigterm", api.hostname, "handler of later")
    assert done.returncode == 7, done
    (line,) = done.stdout.splitlines()
    told = "WARNING flush_on_sigterm has no effect: SIGTERM is handled by <function "
    assert line.startswith(told)
    assert line.endswith("Call shutdown() when that ends the process")
    assert received(api) == ALL


@contextmanager
def service(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the test, and end it in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.programs.ends.{name}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_second_signal_ends_at_once(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    with service("sigterm", api.hostname, "waiting") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        api.wait_for(1)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == -signal.SIGTERM  # exit_timeout is 30 s
        finally:
            release.set()


def test_signal_at_exit_lets_that_deliver(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    with service("sigterm", api.hostname, "end") as process:
        try:
            api.wait_for(1)
            process.send_signal(signal.SIGTERM)
        finally:
            release.set()
        # which of the two ends the process is decided when the signal comes
        assert process.wait(30) in (0, -signal.SIGTERM)
    assert received(api) == ALL + MORE


@needs("gevent")
def test_signal_while_greenlets_wait_loses_nothing(api: ApiServer) -> None:
    with service("greenlets", api.hostname) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    assert received(api) == ALL


# Where there is no effect, and who is told


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_nobody_is_told_where_it_has_an_effect(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor for a second SDK, in another thread: one handler serves them all."""
    made: queue.SimpleQueue[object] = queue.SimpleQueue()

    def make() -> None:
        made.put(make_sdk(transport=InMemoryTransport(), flush_on_sigterm=True))

    make()
    handler = signal.getsignal(signal.SIGTERM)
    assert callable(handler)
    thread = threading.Thread(target=make)
    thread.start()
    thread.join(30)
    assert made.qsize() == 2
    assert signal.getsignal(signal.SIGTERM) is handler
    assert not warnings(caplog)


def test_sdk_of_another_thread_says_that_it_has_no_effect(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    thread = threading.Thread(
        target=lambda: make_sdk(transport=InMemoryTransport(), flush_on_sigterm=True)
    )
    thread.start()
    thread.join(30)
    assert warnings(caplog) == [
        "flush_on_sigterm has no effect: only the main thread of the main interpreter may install"
        " the handler of a signal. Make the SDK there"
    ]


def test_ignored_signal_stays_ignored(make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    make_sdk(transport=InMemoryTransport(), flush_on_sigterm=True)
    assert warnings(caplog) == ["flush_on_sigterm has no effect: the process ignores SIGTERM"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


@pytest.mark.parametrize("options", [{}, {"flush_on_sigterm": True, "disabled": True}])
def test_no_handler_is_installed_unasked(make_sdk: MakeSdk, options: dict[str, bool]) -> None:
    make_sdk(transport=InMemoryTransport(), **options)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

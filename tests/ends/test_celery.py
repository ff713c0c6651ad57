"""Workers of Celery, each of its pools: what tasks track arrives when the worker ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Self

import pytest

from ..support.answers import Answer
from ..support.api_server import ApiServer
from ..support.ends import received
from ..support.events import TextEvent
from ..support.scarce import lacks, needs
from ..support.sdk import ROOT, MakeSdk

TASKS = 4
ALONE = ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
MODULE = "tests.programs.ends.tasks"
CELERY = ["celery", "-A", MODULE]
WORKERS = {
    "prefork": [*CELERY, "worker", "--pool", "prefork"],
    "one task a child": [*CELERY, "worker", "--pool", "prefork", "--max-tasks-per-child", "1"],
    "solo": [*CELERY, "worker", "--pool", "solo"],
    "threads": [*CELERY, "worker", "--pool", "threads"],
    "SDK first": [MODULE, "worker", "--pool", "prefork"],
}
"""The command of each, after ``python -m``."""

if not lacks("gevent"):
    WORKERS["gevent"] = [*CELERY, "worker", "--pool", "gevent"]


class Worker:
    """One that runs, with its tasks; a context manager that leaves none behind."""

    def __init__(self, name: str, directory: Path, api: ApiServer, line: str) -> None:
        path = directory / name.replace(" ", "_")
        self._done = socket.socket(socket.AF_UNIX)
        self._done.bind(str(path))
        self._done.listen()
        self._done.settimeout(60)
        self._process = subprocess.Popen(
            [sys.executable, "-m", *WORKERS[name], *ALONE],
            cwd=directory,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "API": api.hostname, "DONE": str(path)}
            | {"NAME": name, "LINE": line},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.close()
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate(timeout=30)

    def stop(self) -> None:
        """Tell it to end when its tasks are done."""
        for _ in range(TASKS):
            self._done.accept()[0].close()
        self._process.send_signal(signal.SIGTERM)

    def await_end(self) -> None:
        output, _ = self._process.communicate(timeout=60)
        assert (self._process.returncode, "Traceback" in output) == (0, False), output


@needs("celery")
def test_what_is_not_delivered_when_a_child_ends_is_told(
    api: ApiServer,
    make_sdk: MakeSdk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals = import_module("celery.signals")
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    sdk.logger = logging.Logger("not configured")
    for ending in signals.worker_process_shutdown, signals.worker_shutdown:
        monkeypatch.setattr(ending, "receivers", [])
    import_module("paltabrain_fast.contrib.celery").deliver_at_shutdown(sdk, 0.05)
    try:
        sdk.track(TextEvent())
        signals.worker_process_shutdown.send(sender=None)
    finally:
        release.set()
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING: not delivered within 0.05 s of the end: 1 event, lost if a signal" in line
    assert "give deliver_at_shutdown() a longer timeout" in line


@needs("celery")
@pytest.mark.parametrize("line", ["", "1"], ids=["as it is", "with the line"])
def test_workers_deliver_when_they_end(api: ApiServer, tmp_path: Path, line: str) -> None:
    """Nothing is to be added but where the SDK was made before Celery was imported.

    They all run at the same time, as each takes some seconds to end.
    """
    names = ["SDK first"] if line else list(WORKERS)
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(name, tmp_path, api, line)) for name in names]
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.await_end()
    events = received(api)
    for name in names:
        assert events.pop(f"{name} loaded") == 1  # by the worker, not by its children again
    if not line:
        names.remove("SDK first")
        # what is tracked at the very end of a child arrives as well
        assert events["prefork ends"] == 2
        assert events["one task a child ends"] >= TASKS
    tasks = Counter({text: count for text, count in events.items() if not text.endswith(" ends")})
    assert tasks == Counter(f"{name} {number}" for name in names for number in range(TASKS))

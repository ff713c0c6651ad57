"""The tasks of Celery: given by ``celery call``, worked on by forked children."""

from __future__ import annotations

import json
import signal
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from ..support.api_server import ApiServer
from ..support.examples import arrived, commands, purchase
from ..support.scarce import needs
from ..support.servers import running

pytestmark = needs("celery")

ALONE = ["--concurrency", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]


def test_worker_that_is_stopped(
    api: ApiServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is a folder, in which the one side reads what the other writes."""
    worker, call = commands(folder / "celery_tasks.py")
    (folder / "data_in").mkdir()
    (folder / "data_out").symlink_to("data_in")
    monkeypatch.setenv("CELERY_BROKER_URL", "filesystem://")
    orders = [("ann", "tea", "3.50"), ("bob", "coffee", "4.20")]
    with running(folder, *worker, *ALONE) as process:
        calls = [subprocess.Popen([*call[:-1], json.dumps(order)], cwd=folder) for order in orders]
        assert [call.wait(60) for call in calls] == [0, 0]
        assert process.stdout is not None
        done = (line for line in process.stdout if "succeeded" in line)
        assert len(list(islice(done, len(orders)))) == len(orders)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    assert arrived(api) == [purchase(*order) for order in orders]

"""A collector that is killed under load: what it acknowledged is in the file, and there once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import requests

from ..support.sdk import ROOT
from .batches import Client, batch, payload, rows

_ROUNDS, _CLIENTS, _EVENTS = 4, 3, 20
_LONG = payload(2, page_id="x" * 15_000)  # so that DuckDB writes checkpoints, too


class _Load:
    """Clients that post batches until they lose the connection, and then send the rest again."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.unsettled: list[Any] = []
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._wanted = 0

    def run(self, url: str, kill: Any, wanted: int) -> None:
        """Post to a collector until it has acknowledged so many batches; kill it meanwhile."""
        self._enough.clear()
        self._wanted = len(self.acknowledged) + wanted
        threads = [threading.Thread(target=self._post, args=(url,)) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        assert self._enough.wait(60)
        kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()

    def _post(self, url: str) -> None:
        with closing(Client(url)) as client:
            while True:
                with self._lock:
                    message = self.unsettled.pop() if self.unsettled else batch(*[_LONG] * _EVENTS)
                try:
                    status = client.post(message).status_code
                except requests.RequestException:
                    with self._lock:
                        self.unsettled.append(message)
                    return
                assert status == 200
                with self._lock:
                    self.acknowledged.add(message.common.batch_id)
                    if len(self.acknowledged) >= self._wanted:
                        self._enough.set()


def test_what_was_acknowledged_survives_sigkill(db: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    load = _Load()
    for _ in range(_ROUNDS):
        command = [sys.executable, "-m", "tests.programs.collector.serve", str(db)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                load.run(url, process.kill, chance.randrange(20, 80))
            finally:
                process.kill()
    # The last of them are in the write-ahead log, which DuckDB reads when it opens the file.
    duckdb.connect(str(db)).close()
    stored = rows(
        db,
        "SELECT batch_id, any_value(b.event_count) AS told, count(*) AS found,"
        " count(DISTINCT batch_event_seq_num) AS distinct_events"
        " FROM collector.batch b LEFT JOIN event.f_page_open e USING (batch_id) GROUP BY batch_id",
    )
    assert {(row["told"], row["found"], row["distinct_events"]) for row in stored} == {
        (_EVENTS, _EVENTS, _EVENTS)
    }
    found = {row["batch_id"] for row in stored}
    assert load.acknowledged <= found
    assert found <= load.acknowledged | {each.common.batch_id for each in load.unsettled}

"""What was refused does not fill the disk: the file keeps the newest, and the numbers of all."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from paltabrain_fast.collector import warehouse as module
from paltabrain_fast.collector.decode import Decoder
from paltabrain_fast.collector.errors import RefusedError
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.collector.warehouse import Entry, Upload, Warehouse, Written

from .batches import SCHEMA, batch, payload, rows

_LAYOUT = plan_layout(SCHEMA)
_UPLOAD = Upload(server_upload_ts=datetime(2024, 1, 2))
_BODY = b"x" * 10_000


def _open(db: Path) -> closing[Warehouse]:
    return closing(Warehouse(db, _LAYOUT))


def _request(status: int, body: bytes | None) -> Entry:
    return Entry(_UPLOAD, refusal=RefusedError(status, "why"), body=body)


def _store(warehouse: Warehouse, *entries: Entry) -> int:
    """Store them; return the id of the last of what was refused."""
    last = 0
    for written in warehouse.store(entries):
        assert isinstance(written, Written)
        last = written.refused[-1]["id"]
    return last


def _ids(db: Path) -> list[int]:
    return [row["id"] for row in rows(db, "SELECT id FROM collector.rejected ORDER BY id")]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REJECTED_BYTES", 100_000)


def test_the_newest_refusals_are_kept_and_all_are_counted(db: Path) -> None:
    bad = Decoder(SCHEMA, _LAYOUT).decode(batch(payload(4, price="no")).SerializeToString())
    with _open(db) as warehouse:
        _store(warehouse, Entry(_UPLOAD, bad), _request(401, None))
        stored = [_store(warehouse, _request(400, _BODY)) for _ in range(50)]
    kept = _ids(db)
    assert kept == stored[-len(kept) :]
    assert 8 <= len(kept) <= 11  # besides its body, each has an object
    for _ in range(2):  # also after another start
        with _open(db) as warehouse:
            tally = warehouse.tally()
        assert (tally.invalid, tally.unauthorized) == (52, 1)
        assert tally.by_type["Price"].invalid == 1
        assert tally.last_id == stored[-1]


def test_many_small_refusals_are_bounded_too(db: Path) -> None:
    with _open(db) as warehouse:
        for _ in range(100):
            last = _store(warehouse, *[_request(401, None)] * 10)
        assert warehouse.tally().unauthorized == 1000
    kept = _ids(db)
    assert len(kept) < 500
    assert kept[-1] == last


def test_starts_that_refuse_little_each_do_not_add_up(db: Path) -> None:
    for _ in range(15):
        with _open(db) as warehouse:
            _store(warehouse, _request(400, _BODY[:9_000]))
    assert len(_ids(db)) <= 12


def test_a_reset_forgets_the_numbers_too(db: Path) -> None:
    with _open(db) as warehouse:
        for _ in range(50):
            _store(warehouse, _request(400, _BODY))
        warehouse.reset()
        assert warehouse.tally().invalid == 0

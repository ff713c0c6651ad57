"""The content of a database file after batches, restarts and changes of the schema."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from paltabrain_fast.collector.decode import DecodedBatch, Decoder
from paltabrain_fast.collector.errors import CollectorError
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.collector.warehouse import Entry, Upload, Warehouse, Written
from paltabrain_fast.schema.model import Group, Kind, Property, Schema

from .batches import PAGE_OPEN, SCHEMA, batch, payload, rows

_UPLOAD = Upload(server_upload_ts=datetime(2024, 1, 2, 3, 4, 5, 678_000))


def _open(db: Path, schema: Schema = SCHEMA) -> closing[Warehouse]:
    return closing(Warehouse(db, plan_layout(schema)))


def _decode(message: Any, schema: Schema = SCHEMA) -> DecodedBatch:
    return Decoder(schema, plan_layout(schema)).decode(message.SerializeToString())


def _store(warehouse: Warehouse, batch: DecodedBatch) -> Written:
    (written,) = warehouse.store([Entry(_UPLOAD, batch)])
    assert isinstance(written, Written)
    return written


def _with_page_open(*properties: Property) -> Schema:
    return replace(SCHEMA, events=(Group("PageOpen", 2, properties=properties),))


def test_a_batch_is_stored_once_also_after_a_restart(db: Path) -> None:
    message = batch(PAGE_OPEN, payload(1))
    with _open(db) as warehouse:
        assert _store(warehouse, _decode(message)).types == {"PageOpen": 1, "Empty": 1}
        assert _store(warehouse, _decode(message)).last_id is None
    with _open(db) as warehouse:
        assert _store(warehouse, _decode(message)).last_id is None
        tally = warehouse.tally()
        assert (tally.batches, tally.by_type["PageOpen"].events) == (1, 1)


def test_a_batch_that_fails_half_way_leaves_nothing(db: Path) -> None:
    """Its second event has a value that no column can take."""
    endless: list[Any] = []
    endless.append(endless)
    message = batch(PAGE_OPEN, payload(1))
    decoded = _decode(message)
    first, second = decoded.events
    second = replace(second, columns=second.columns | {"h_elements": [endless]})
    broken = replace(decoded, events=[first, second])
    with _open(db) as warehouse:
        other = _decode(batch(payload(1)))
        failed, written = warehouse.store([Entry(_UPLOAD, broken), Entry(_UPLOAD, other)])
        assert isinstance(failed, ValueError)
        assert isinstance(written, Written)
        assert (warehouse.tally().batches, warehouse.tally().events) == (1, 1)
        assert _store(warehouse, decoded).types == {"PageOpen": 1, "Empty": 1}


def test_the_batch_table_keeps_what_a_batch_says_of_itself(db: Path) -> None:
    message = batch(PAGE_OPEN, batch_id="b")
    message.common.country_code = "GB"
    message.common.utc_offset = -3600
    message.telemetry.events_dropped = 3
    with _open(db) as warehouse:
        _store(warehouse, _decode(message))
    assert rows(db, "FROM collector.batch") == [
        {
            "number": 1,
            "batch_id": "b",
            "instance_id": "instance",
            "server_upload_ts": _UPLOAD.server_upload_ts,
            "event_count": 1,
            "country_code": "GB",
            "locale": None,
            "utc_offset": -3600,
            "telemetry": '{"events_dropped": "3"}',
        }
    ]


def test_a_new_property_and_a_new_event_are_added_to_an_old_file(db: Path) -> None:
    page_id = Property("page_id", 1, Kind.STRING)
    old = _with_page_open(page_id)
    new = _with_page_open(page_id, Property("title", 2, Kind.STRING, is_repeated=True))
    new = replace(new, events=(*new.events, Group("Empty", 1)))
    with _open(db, old) as warehouse:
        _store(warehouse, _decode(batch(PAGE_OPEN), old))
    with _open(db, new) as warehouse:
        _store(warehouse, _decode(batch(PAGE_OPEN, payload(1)), new))
        counts = warehouse.tally().by_type
        assert {name: count.events for name, count in counts.items()} == {"PageOpen": 2, "Empty": 1}
    assert (
        rows(db, "SELECT p_page_id, p_title FROM event.f_page_open")
        == [{"p_page_id": "home", "p_title": None}] * 2
    )


def test_a_property_that_is_gone_keeps_its_column(db: Path) -> None:
    with _open(db) as warehouse:
        _store(warehouse, _decode(batch(PAGE_OPEN)))
    schema = _with_page_open()
    with _open(db, schema) as warehouse:
        _store(warehouse, _decode(batch(b"\x12\x00"), schema))
    found = rows(db, "SELECT p_page_id FROM event.f_page_open ORDER BY 1")
    assert found == [{"p_page_id": "home"}, {"p_page_id": None}]


def test_a_changed_type_is_one_error_and_changes_nothing(db: Path) -> None:
    with _open(db):
        pass
    schema = _with_page_open(
        Property("page_id", 1, Kind.INTEGER), Property("title", 2, Kind.STRING)
    )
    with pytest.raises(CollectorError) as caught:
        Warehouse(db, plan_layout(schema))
    assert "event.f_page_open.p_page_id is VARCHAR, should be DECIMAL(20,0)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "p_title" not in rows(db, "DESCRIBE event.f_page_open")[-1]["column_name"]


def test_a_file_that_is_no_database_is_one_error_and_left_as_it_is(db: Path) -> None:
    db.write_text("diary")
    with pytest.raises(CollectorError, match="cannot open") as caught:
        Warehouse(db, plan_layout(SCHEMA))
    assert "\n" not in str(caught.value)
    assert db.read_text() == "diary"


def test_a_file_that_another_process_holds_is_one_error(db: Path) -> None:
    hold = f"import duckdb, sys; c = duckdb.connect({str(db)!r}); print('held', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{hold}; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CollectorError) as caught:
            Warehouse(db, plan_layout(SCHEMA))
        holder.communicate(timeout=30)
    assert str(caught.value) == (
        f"cannot open {db}: it is in use by another process (PID {holder.pid}); end that, or choose"
        " another --db"
    )


def test_a_failed_start_releases_the_file(db: Path) -> None:
    with duckdb.connect(str(db)) as connection:
        connection.execute("CREATE SCHEMA event; CREATE TABLE event.f_empty (batch_id INTEGER)")
    with pytest.raises(CollectorError):
        Warehouse(db, plan_layout(SCHEMA))
    duckdb.connect(str(db), read_only=True).close()

"""Which events a reader finds in a file whose clock was set back between batches."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from paltabrain_fast.collector.decode import Decoder
from paltabrain_fast.collector.filters import Filter, Page
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.collector.objects import EVENTS_IN_BATCH
from paltabrain_fast.collector.reading import Reader
from paltabrain_fast.collector.warehouse import Entry, Upload, Warehouse

from .batches import PAGE_OPEN, SCHEMA, batch

_BATCHES = 200
_LAYOUT = plan_layout(SCHEMA)
_DECODER = Decoder(SCHEMA, _LAYOUT)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("text", [None, "home"])
def test_a_page_has_all_events_whatever_the_clock_said(
    db: Path, newest_first: bool, text: str | None
) -> None:
    with closing(Warehouse(db, _LAYOUT)) as warehouse:
        for number in range(1, _BATCHES + 1):
            moment = datetime(2026, 1, 1) + timedelta(seconds=number * 61 % _BATCHES)
            decoded = _DECODER.decode(batch(PAGE_OPEN).SerializeToString())
            warehouse.store([Entry(Upload(server_upload_ts=moment), decoded)])
        reader = Reader(warehouse.cursor(), _LAYOUT)
        page = Page(limit=1000, newest_first=newest_first)
        last_id = warehouse.tally().last_id
        found = reader.events(Filter(text=text), page, frozenset(["PageOpen"]), last_id)
        count = reader.count(Filter(text=text), page, frozenset(["PageOpen"]))
    ids = [number * EVENTS_IN_BATCH + 1 for number in range(1, _BATCHES + 1)]
    assert [event["id"] for event in found] == (ids[::-1] if newest_first else ids)
    assert count == _BATCHES

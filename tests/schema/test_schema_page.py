"""docs/schema.md: its example works, its errors are the real ones, and its tables are true."""

from __future__ import annotations

import re
import shlex
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.collector.conversion import MAX_CHARACTERS, timestamp
from paltabrain_fast.collector.decode import Decoder
from paltabrain_fast.collector.errors import RefusedError
from paltabrain_fast.collector.layout import plan_layout
from paltabrain_fast.schema.document import MAX_FILE_BYTES, MAX_VALUES
from paltabrain_fast.schema.load import MAX_EVENTS, MAX_PROPERTIES, load_schema
from paltabrain_fast.schema.model import Kind, Schema
from paltabrain_fast.testing import capture_events

from ..cli.commands import run
from ..support.scarce import needs
from ..support.sdk import ROOT, MakeSdk
from .packages import generated, without_config_modules

PAGE = (ROOT / "docs" / "schema.md").read_text("utf-8")
_FILE = re.compile(r"^```(?:yaml|python)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TRANSCRIPT = re.compile(r"^```console\n\$ paltabrain-fast ([^\n]*)\n(.*?)^```$", re.M | re.DOTALL)
FILES = {name: f"# {name}\n{text}" for name, text in _FILE.findall(PAGE)}
TRANSCRIPTS = _TRANSCRIPT.findall(PAGE)
EXAMPLE = FILES["schema.yaml"]


def rows(head: str) -> list[list[str]]:
    """Return the cells of the table that begins with this cell, without its head."""
    lines = PAGE.partition(f"\n| {head} |")[2].splitlines()[2:]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in takewhile(str.strip, lines)
    ]


def loaded(directory: Path, text: str) -> Schema:
    (file := directory / "schema.yaml").write_text(text, "utf-8")
    return load_schema(file)


@pytest.fixture
def example(tmp_path: Path) -> Schema:
    return loaded(tmp_path, EXAMPLE)


@needs("duckdb")
@pytest.mark.parametrize(("line", "shown"), TRANSCRIPTS, ids=[line for line, _ in TRANSCRIPTS])
def test_transcript(line: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, "utf-8")
    done = run(*shlex.split(line))
    assert done.output == shown
    assert done.exit_code == (1 if "wrong.yaml" in line else 0)


def test_the_page_has_a_transcript_that_works_and_one_of_mistakes() -> None:
    assert [line.split()[1] for line, _ in TRANSCRIPTS] == ["schema.yaml", "wrong.yaml"]


def test_program_tracks_its_event(example: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", "localhost")
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", "key")
    with without_config_modules(), generated(example) as module:
        monkeypatch.setitem(sys.modules, "my_config", module)
        with capture_events() as events:
            exec(compile(FILES["shop.py"], "shop.py", "exec"), {})
        events.assert_tracked(
            module.EventPurchase,
            total=Decimal("12.50"),
            method=module.EnumPaymentMethod.CARD,
            articles=["tea", "scone"],
            prices={"tea": Decimal("9.00"), "scone": Decimal("3.50")},
            is_gift=None,
            from_="newsletter",
            header={"parent": {"parent_elements": ["basket", "pay"]}},
            context={"application": {"app_id": "shop"}, "user": {"user_id": "u-1"}},
        )


def test_names_are_those_of_module_and_tables(example: Schema) -> None:
    columns = {table.name: table.columns for table in plan_layout(example).tables}
    with generated(example) as module:
        for _, in_python, in_tables in rows("in the file"):
            assert eval(in_python.strip("`"), vars(module)) is not None
            name = in_tables.strip("`")
            known = {f"event.{table}" for table in columns} | columns["f_page_open"].keys()
            assert name in known | {value.name for value in example.enums[0].values}, name


def test_types_and_their_columns(example: Schema) -> None:
    (table,) = (each for each in plan_layout(example).tables if each.name == "f_purchase")
    of_type = {
        prop.kind.value: table.columns[f"p_{prop.name}"]
        for prop in table.event.properties
        if not (prop.is_repeated or prop.is_map)
    }
    assert set(of_type) == {kind.value for kind in Kind}
    found = {name.strip("`"): column.strip("`") for name, _, column, _ in rows("`type`")}
    assert found == of_type


def test_limits_are_those_of_the_code() -> None:
    text = "\n".join(" | ".join(row) for row in rows("what"))
    for limit in (MAX_PROPERTIES, MAX_EVENTS, MAX_VALUES):
        assert f" {limit:,}" in text
    assert f" {MAX_FILE_BYTES >> 20} MiB" in text
    assert f" {MAX_CHARACTERS:,} characters" in PAGE


# edits of the example, by the change that the page's table names
_TOTAL = "total: {id: 1, type: decimal, decimal: {precision: 18, scale: 2}}"
_EDITS = {
    "a new": [
        ("  Logout:", "  Login: {id: 4}\n  Logout:"),
        ("  User:", "  Os: {id: 3, properties: {os_name: {id: 1, type: string}}}\n  User:"),
        ("from: {", "to: {id: 9, type: string}\n      from: {"),
        ("CARD: {id: 1}", "CARD: {id: 1}\n      CASH: {id: 4}"),
    ],
    "`description`": [
        ("Something was bought.", "A purchase."),
        ("points: {id: 7,", "points: {is_deprecated: true, id: 7,"),
        (
            "CARD: {id: 1}\n      INVOICE: {id: 2, description: Paid within 14 days.}",
            "INVOICE: {id: 2, description: Paid within 14 days.}\n      CARD: {id: 1}",
        ),
    ],
    "`precision` and `scale`": [
        (_TOTAL, _TOTAL.replace("18", "20")),
        (_TOTAL, _TOTAL.replace("18", "20").replace("scale: 2", "scale: 4")),
    ],
    "the name": [
        ("  Purchase:", "  Order:"),
        ("  User:", "  Person:"),
        ("points:", "score:"),
        ("CARD:", "BANK_CARD:"),
    ],
    "an event, group": [
        ("points: {id: 7,", "more_points: {id: 10,"),
        ("  Purchase:\n    id: 2", "  Order:\n    id: 20"),
        ("  User:\n    id: 2", "  Person:\n    id: 20"),
        ("CARD: {id: 1}", "CASH: {id: 4}"),
    ],
    "`precision` or `scale`": [
        (_TOTAL, _TOTAL.replace("18", "3")),
        (_TOTAL, _TOTAL.replace("scale: 2", "scale: 1")),
    ],
    "an id": [
        ("points: {id: 7,", "points: {id: 10,"),
        ("points: {id: 7,", "other: {id: 7, type: integer}\n      points: {id: 10,"),
    ],
    "a `type`": [
        ("points: {id: 7, type: integer}", "points: {id: 7, type: timestamp}"),
        ("points: {id: 7, type: integer}", "points: {id: 7, type: string}"),
        ("articles: {id: 4, type: string, is_repeated", "articles: {id: 4, type: string, is_map"),
    ],
}


@pytest.fixture
def body(example: Schema, make_sdk: MakeSdk) -> bytes:
    """The batch that an application sends with the module of the page's example."""
    transport = InMemoryTransport()
    with generated(example) as module:
        context = module.Context().set_user(user_id="u-1")
        with make_sdk(transport=transport, context=context) as sdk:
            sdk.track(
                module.EventPurchase(
                    total=Decimal("12.25"),
                    method=module.EnumPaymentMethod.CARD,
                    paid_ts=datetime(2026, 1, 2, tzinfo=UTC),
                    articles=["tea"],
                    points=5,
                )
            )
    (request,) = transport.requests
    return request.body


def stored(schema: Schema, body: bytes) -> tuple[dict[str, Any], set[str]] | None:
    """Return the row that a batch of one event gives, and all columns; ``None`` if refused."""
    layout = plan_layout(schema)
    try:
        batch = Decoder(schema, layout).decode(body)
    except RefusedError:
        return None
    if batch.refused:
        return None
    (events,) = batch.events
    row = {
        name: in_column(value, events.table.columns[name])
        for name, (value,) in events.columns.items()
    }
    return batch.context | row, set(events.table.columns)


def in_column(value: Any, column: str) -> Any:
    """Return the value that a column has of what is given to the warehouse."""
    if value is None:
        return None
    if column.startswith("DECIMAL"):
        return Decimal(value)
    return timestamp(value) if column == "TIMESTAMP_MS" else value


@pytest.mark.parametrize("change", list(_EDITS))
def test_what_becomes_of_events_of_older_modules(
    change: str, example: Schema, body: bytes, tmp_path: Path
) -> None:
    before = stored(example, body)
    assert before is not None
    outcomes = set()
    for old, new in _EDITS[change]:
        assert EXAMPLE.count(old) == 1, old
        after = loaded(tmp_path, EXAMPLE.replace(old, new))
        outcomes.add(outcome(before[0], stored(after, body)))
    (told,) = (cell for first, cell in rows("the change") if first.startswith(change))
    assert outcomes == set(re.findall("arrive|refused|misread", told))


def outcome(before: dict[str, Any], after: tuple[dict[str, Any], set[str]] | None) -> str:
    """Say in the page's word what became of an event."""
    if after is None:
        return "refused"
    row, columns = after
    moved = before.keys() - columns
    new = [value for name, value in row.items() if name not in before]
    in_place = all(row.get(name) == before[name] for name in before.keys() - moved - _NAMED)
    return "arrive" if in_place and new == [before[name] for name in moved] else "misread"


_NAMED = {"event_type", "p_method"}
"""Columns with a name that the schema gives: it may be another one for the same value."""


def test_each_change_of_the_page_is_tried() -> None:
    firsts = [first for first, _ in rows("the change")]
    assert len(firsts) == len(_EDITS)
    assert all(first.startswith(change) for first, change in zip(firsts, _EDITS, strict=True))

"""A service on the SDK and a generated module, over TLS, into the tables of the collector."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.schema.generate import render
from paltabrain_fast.schema.load import load_schema

from .support.programs import run_program

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(program: str, collector: Collector, package: Path = EXAMPLES) -> None:
    """Run a program that imports ``config`` from the directory ``package``."""
    run_program(
        program,
        collector.hostname,
        PYTHONPATH=str(package),
        PYTHONWARNINGS="error",
        REQUESTS_CA_BUNDLE=str(collector.ca_file),
    )


def rows(tmp_path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(tmp_path / "events.duckdb"), read_only=True) as db:
        return db.execute(query).fetchall()


def test_example_config_is_what_the_schema_gives() -> None:
    for name, text in render(load_schema(EXAMPLES / "schema.yaml")).items():
        assert (EXAMPLES / "config" / name).read_text() == text


def test_documented_use(tmp_path: Path) -> None:
    schema = load_schema(EXAMPLES / "schema.yaml")
    with running(schema, tmp_path / "events.duckdb", api_key="the key") as collector:
        run("end_to_end/documented", collector)
    assert rows(
        tmp_path,
        "SELECT event_type, c_app_id, c_app_platform, c_app_version, c_os_name, c_os_version"
        " FROM event.f_session_start",
    ) == [
        ("SessionStart", "<app_id>", "<app_platform>", "<app_version>", "<os_name>", "<os_version>")
    ]
    assert rows(tmp_path, "SELECT p_is_granted, p_type FROM event.f_permissions_request") == [
        (True, "CAMERA")
    ]
    assert rows(tmp_path, "SELECT p_page_id, h_parent_elements FROM event.f_page_open") == [
        ("abc", ["main_screen", "first_block"])
    ]
    assert rows(
        tmp_path,
        "SELECT p_duration_ms, c_user_id, c_user_country_code, c_is_trial, c_is_paying"
        " FROM event.f_session_end ORDER BY 1",
    ) == [
        (1, "123", "GB", True, None),
        (2, "123", "GB", True, True),
        (3, None, None, False, False),
    ]


def test_extreme_values_arrive_exactly(tmp_path: Path) -> None:
    schema = load_schema(EXAMPLES / "schema.yaml")
    with running(schema, tmp_path / "events.duckdb") as collector:
        run("end_to_end/extremes", collector)
    latest = datetime.max.replace(microsecond=999_000)
    noon = datetime(2025, 12, 31, 22)
    long = "ü" * 10_000
    assert rows(
        tmp_path,
        "SELECT p_count, p_happened_ts, p_label, p_counts, p_moments, p_labels, p_label_by_name"
        " FROM event.f_everything ORDER BY batch_event_seq_num",
    ) == [
        (-(2**63), datetime.min, "", [-(2**63)], [datetime.min], [""], {"": ""}),
        (2**63 - 1, latest, long, [2**63 - 1], [latest], [long], {long: long}),
        (0, noon, "\0", [0], [noon], ["\0"], {"\0": "\0"}),
    ]
    assert rows(tmp_path, "SELECT p_amount FROM event.f_transfer ORDER BY 1") == [
        (Decimal("-" + "9" * 20 + "." + "9" * 18),),
        (Decimal("1E-18"),),
        (Decimal("9" * 20 + "." + "9" * 18),),
    ]
    assert rows(
        tmp_path,
        "SELECT p_class, p_type, p_str, p_int, p_self, p_super FROM event.f_element_render",
    ) == [("c", "t", "s", 1, True, "p")]


def test_downloaded_module_runs_the_same(tmp_path: Path) -> None:
    """The ZIP that the collector serves, through the download script, in place of the example."""
    schema = load_schema(EXAMPLES / "schema.yaml")
    with running(schema, tmp_path / "events.duckdb", api_key="the key") as collector:
        script = Path(sys.executable).parent / "paltabrain-sdk-download-config"
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(collector.ca_file)}
        options = ["--hostname", collector.hostname, "--api-key", "the key"]
        subprocess.run(
            [script, *options, tmp_path / "config"], env=environment, timeout=60, check=True
        )
        run("end_to_end/documented", collector, package=tmp_path)
    assert rows(tmp_path, "SELECT count(*) FROM event.f_session_end") == [(3,)]

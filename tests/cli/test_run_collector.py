"""``paltabrain-fast run --collector``: one that is reset, ends, changes, or is something else."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs
from ..support.sdk import ROOT
from .commands import DEADLINE, run, start

pytestmark = needs("duckdb", "starlette", "uvicorn")

TRACK = (
    f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r});"
    " from paltabrain_fast import PaltabrainSdk; from config import Context, EventPageOpen;"
    " sdk = PaltabrainSdk[Context](context=Context());"
    " pages = lambda n: [sdk.track(EventPageOpen()) for _ in range(n)] and sdk.flush(timeout=30);"
    " import os, requests;"
    " reset = lambda: requests.post(os.environ['PALTABRAIN_SDK_HOSTNAME'] + '/api/reset');"
    " garbage = lambda: requests.post(os.environ['PALTABRAIN_SDK_HOSTNAME'] + '/v2/paltabrain',"
    " b'garbage', headers={'X-API-Key': 'k', 'Content-Type': 'application/protobuf'});"
)
"""Begin of a program that tracks events, and deletes what the collector has."""

WAS_RESET = "  The collector was reset meanwhile: what had arrived before that does not count."


def program(text: str) -> tuple[str, ...]:
    return "--", sys.executable, "-c", TRACK + text


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A collector that has three valid events, and a refused request."""
    from paltabrain_fast.collector.server import running

    with running(load_schema(EXAMPLE), tmp_path / "events.duckdb") as collector:
        run("run", "--collector", collector.http_url, *program("pages(3); garbage()"))
        yield collector.http_url


@contextmanager
def dev(db: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A collector in a process of its own, and its URL."""
    ports = ("--port", "0", "--https-port", "0")
    process = start("dev", "--schema", EXAMPLE, "--db", db, *ports, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        head = "".join(iter(process.stdout.readline, "\n"))
        match = re.search(r"^HTTP  (\S+)$", head, re.MULTILINE)
        assert match is not None, head
        yield match[1], process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_reset_meanwhile(after: int, url: str) -> None:
    """However many there were before: only what came after it counts, and that is said."""
    text = f"pages(2); reset(); pages({after}); garbage()"
    done = run("run", "--collector", url, "--expect", f"PageOpen:{after}", *program(text))
    first, second, third, *others = done.stderr.splitlines()
    s = "" if after == 1 else "s"
    assert first == f"paltabrain-fast run: {after} event{s} arrived, and 1 invalid"
    assert second == f"  PageOpen  {after}"
    assert third.startswith("  invalid: request (400): ")
    assert others == [WAS_RESET]
    assert done.exit_code == 0


def test_reset_that_deletes_what_is_expected(url: str) -> None:
    done = run("run", "--collector", url, "--expect", "PageOpen:2", *program("pages(2); reset()"))
    assert done.stderr.splitlines()[-2:] == [
        WAS_RESET,
        "paltabrain-fast run: missing: PageOpen: 0 arrived, 2 expected",
    ]
    assert done.exit_code == 1


def test_other_file_at_the_same_url(url: str, tmp_path: Path) -> None:
    """Its events and refusals are all counted, though its ids are lower."""
    from paltabrain_fast.cli.run.arrivals import arrivals_since
    from paltabrain_fast.collector.client import CollectorClient
    from paltabrain_fast.collector.server import running

    run("run", "--collector", url, *program("pages(2)"))
    with closing(CollectorClient(url)) as client:
        before = client.counts()
    with running(load_schema(EXAMPLE), tmp_path / "other.duckdb") as other:
        run("run", "--collector", other.http_url, *program("pages(1); garbage()"))
        with closing(CollectorClient(other.http_url)) as client:
            arrivals = arrivals_since(client, before)
    assert (arrivals.events, arrivals.invalid, len(arrivals.rejected)) == ({"PageOpen": 1}, 1, 1)
    assert arrivals.was_reset


@pytest.mark.parametrize(
    ("expect", "code", "result"),
    [((), 3, 3), ((), 0, 0), (("--expect", "PageOpen"), 3, 3), (("--expect", "PageOpen"), 0, 1)],
)
def test_collector_that_ends_meanwhile(
    expect: tuple[str, ...], code: int, result: int, tmp_path: Path
) -> None:
    with dev(tmp_path / "events.duckdb") as (url, process):
        command = ("--", "sh", "-c", f"kill -{signal.SIGKILL:d} {process.pid}; exit {code}")
        done = run("run", "--collector", url, *expect, *command)
    told = f"paltabrain-fast run: no collector answers at {url}: what arrived is not known"
    assert done.stderr == told + (", and so --expect fails\n" if expect else "\n")
    assert done.exit_code == result


def test_https_with_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from paltabrain_fast.collector.server import running

    with running(load_schema(EXAMPLE), tmp_path / "events.duckdb") as collector:
        url = f"https://{collector.hostname}"
        refused = run("run", "--collector", url, "--", "true")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(collector.bundle_file))
        done = run("run", "--collector", url, *program("pages(1)"))
    assert (refused.exit_code, done.exit_code) == (1, 0)
    assert f"no collector answers at {url} (" in refused.stderr
    assert "REQUESTS_CA_BUNDLE names what is to be trusted)" in refused.stderr
    assert done.stderr == "paltabrain-fast run: 1 event arrived\n  PageOpen  1\n"


def test_url_without_http(url: str) -> None:
    """As the other commands take it."""
    done = run("run", "--collector", url.removeprefix("http://"), *program("pages(1)"))
    assert done.stderr == "paltabrain-fast run: 1 event arrived\n  PageOpen  1\n"


@pytest.mark.parametrize("given", ["ftp://localhost", "http://collector.example:8080", ""])
def test_url_that_is_none(given: str) -> None:
    assert run("run", "--collector", given, "--", "true").exit_code == 2


def test_something_else_that_answers() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            del arguments

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://localhost:{server.server_port}"
            done = run("run", "--collector", url, "--", "true")
        finally:
            server.shutdown()
            thread.join(DEADLINE)
    assert done.stderr == (
        f"paltabrain-fast run: what answers at {url} is no collector of paltabrain-fast\n"
    )
    assert done.exit_code == 1

"""``paltabrain-fast dev`` as a process: what it prints, how it stops, how it fails."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import duckdb
import pytest
import requests

from paltabrain_fast.schema.descriptor import message_classes
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.sdk import ROOT
from .batches import Client, batch, dropping, rows

_COMMAND = (sys.executable, "-c", "from paltabrain_fast.cli import main; main()", "dev")
_FREE_PORTS = ("--port", "0", "--https-port", "0")
_DEADLINE = 60


@contextmanager
def _dev(
    db: Path, *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*_COMMAND, "--schema", str(EXAMPLE), "--db", str(db), *_FREE_PORTS, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _introduction(lines: IO[str]) -> str:
    text = ""
    while "Ctrl-C" not in text:
        line = lines.readline()
        assert line, text
        text += line
    return text


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match, text
    return match[1]


def _a_session_start() -> bytes:
    message = message_classes(load_schema(EXAMPLE)).payload()
    getattr(message, "event_1").SetInParent()  # noqa: B009 - the name is known at run time only
    return bytes(message.SerializeToString())


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_was_accepted_just_before_a_signal_is_in_the_file(
    db: Path, stop: signal.Signals
) -> None:
    payload = _a_session_start()
    with _dev(db) as process:
        assert process.stdout is not None
        text = _introduction(process.stdout)
        url = _found(r"^HTTP +(http://\S+)$", text)
        with closing(Client(url)) as client:
            assert {client.post(batch(*[payload] * 10)).status_code for _ in range(20)} == {200}
            process.send_signal(stop)
            out, err = process.communicate(timeout=_DEADLINE)
    assert (process.returncode, err) == (0, "")
    assert "events: 200, batches: 20, repeated: 0, rejected: 0" in out
    assert rows(db, "SELECT count(*) AS n FROM event.f_session_start") == [{"n": 200}]
    assert not db.with_name(f"{db.name}.wal").exists()


def test_it_prints_what_a_client_needs(tmp_path: Path) -> None:
    db = tmp_path / "with space" / "events.duckdb"
    db.parent.mkdir()
    with _dev(db, "--api-key", "s3cret") as process:
        assert process.stdout is not None
        text = _introduction(process.stdout)
        hostname = _found(r"^HTTPS +(localhost:\d+) ", text)
        export = _found(r"^(export REQUESTS_CA_BUNDLE=.*)$", text)
        shell = ["sh", "-c", f'{export}; printf %s "$REQUESTS_CA_BUNDLE"']
        ca_file = Path(subprocess.check_output(shell, text=True))
        with closing(Client(f"https://{hostname}", api_key="s3cret", ca_file=ca_file)) as client:
            assert client.post(batch(_a_session_start())).status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=_DEADLINE)
    assert process.returncode == 0
    assert "s3cret" not in text + out + err


def test_the_key_comes_from_the_environment(db: Path) -> None:
    with _dev(db, PALTABRAIN_SDK_API_KEY="from-env") as process:
        assert process.stdout is not None
        text = _introduction(process.stdout)
        assert "with the API key of PALTABRAIN_SDK_API_KEY only." in text
        url = _found(r"^HTTP +(http://\S+)$", text)
        for key, status in (("wrong", 401), ("from-env", 200)):
            with closing(Client(url, api_key=key)) as client:
                assert client.get_config().status_code == status
        told = "that the collector was started with (PALTABRAIN_SDK_API_KEY)"
        assert told in _until(process.stdout, "✗ 401 request: /v2/schema/")
        process.terminate()
        out, _ = process.communicate(timeout=_DEADLINE)
    assert "rejected: 0" in out


def test_on_a_terminal_the_counters_move(db: Path) -> None:
    leader, follower = pty.openpty()
    with (
        open(leader, encoding="utf-8", errors="replace", newline="") as screen,
        open(follower, "w") as terminal,
        _dev(db, stdout=terminal, TERM="xterm", NO_COLOR="1") as process,
    ):
        text = _introduction(screen)
        url = _found(r"HTTP\W[^h]*(http://\S+?)\s", text)
        with closing(Client(url)) as client:
            assert client.post(batch(*[_a_session_start()] * 3)).status_code == 200
        seen = ""
        while "events: 3, batches: 1," not in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", seen):
            seen += screen.read(1)
        process.terminate()
        assert process.wait(_DEADLINE) == 0


def _until(lines: IO[str], wanted: str) -> str:
    while wanted not in (line := lines.readline()):
        assert line, f"{wanted!r} was not printed"
    return line


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_each_rejection_is_printed_as_it_happens_without_a_terminal(db: Path, strict: bool) -> None:
    newer = b"\x12\x03\x98\x06\x01"  # SessionEnd with a property 99
    with _dev(db, "--api-key", "s3cret", *(("--strict",) if strict else ())) as process:
        assert process.stdout is not None
        url = _found(r"^HTTP +(http://\S+)$", _introduction(process.stdout))
        with closing(Client(url, api_key="wr0ng")) as client:
            assert client.post(batch(_a_session_start())).status_code == 401
        assert "✗ 401 request: /v2/paltabrain: the API key is not" in _until(process.stdout, "✗")
        with closing(Client(url, api_key="s3cret")) as client:
            answer = client.post(batch(_a_session_start(), newer))
            line = _until(process.stdout, "✗")
            assert "the app's module is newer than this schema: " in line
            assert "has an unknown property 99" in line
            if strict:
                assert answer.status_code == 422
                assert line.startswith("✗ 422 request payload.99: event 2 of 2 (SessionEnd): ")
            else:
                assert (answer.status_code, answer.json()["events"]) == (200, 1)
                assert answer.json()["refused"] == 1
                assert line.startswith("✗ 422 SessionEnd payload.99: the app's module")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_DEADLINE)
    assert (process.returncode, err) == (0, "")
    stored = 0 if strict else 1
    assert f"events: {stored}, batches: {stored}, repeated: 0, rejected: 2" in out
    assert "(for the API key: 1)" in out
    assert "s3cret" not in out
    assert "wr0ng" not in out


def test_what_an_sdk_has_dropped_is_printed_as_it_is_reported(db: Path) -> None:
    with _dev(db) as process:
        assert process.stdout is not None
        url = _found(r"^HTTP +(http://\S+)$", _introduction(process.stdout))
        with closing(Client(url)) as client:
            for errors in (("A: TypeError: \x1b[2J a str", "B: ValueError"), ()):
                message = dropping("instance-7", 3, *errors)
                message.events[0].payload = _a_session_start()
                assert client.post(message).status_code == 200
        start = "✗ 3 events dropped by the SDK instance-7: "
        assert _until(process.stdout, "✗") == start + (
            "A: TypeError: \\x1b[2J a str; B: ValueError\n"
        )
        assert _until(process.stdout, "✗") == start + "the log of the application says why\n"
        process.terminate()
        out, _ = process.communicate(timeout=_DEADLINE)
    assert "rejected: 0, dropped by SDKs: 6\n" in out


def test_the_environment_that_it_prints_is_enough_for_an_unchanged_application(db: Path) -> None:
    with _dev(db) as process:
        assert process.stdout is not None
        text = _introduction(process.stdout)
        hostname = _found(r"^HTTPS +(localhost:\d+) ", text)
        exports = re.findall(r"^export .*$", text, re.MULTILINE)
        assert len(exports) == 2
        for secure in ("", f"export PALTABRAIN_SDK_HOSTNAME={hostname}"):
            application = f"exec {sys.executable} -m tests.programs.collector.unchanged_application"
            done = subprocess.run(
                ["sh", "-c", "\n".join([*exports, secure, application])],
                capture_output=True,
                text=True,
                timeout=_DEADLINE,
                check=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent)},
            )
            assert (done.stdout, done.stderr) == ("1\n", "")


def test_ctrl_c_ends_it_while_clients_read_the_stream(db: Path) -> None:
    with _dev(db) as process:
        assert process.stdout is not None
        url = _found(r"^HTTP +(http://\S+)$", _introduction(process.stdout))
        with requests.get(f"{url}/api/stream", stream=True, timeout=30) as stream:
            lines = stream.iter_lines()
            assert b"event: counts" in lines
            process.send_signal(signal.SIGINT)
            process.wait(_DEADLINE)  # that of a heartbeat is shorter, that of the stream endless
            assert not [line for line in lines if line.startswith(b"event: events")]
    assert process.returncode == 0


def _fails(*arguments: str) -> str:
    done = subprocess.run(
        [*_COMMAND, *arguments], capture_output=True, text=True, timeout=_DEADLINE, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("\n")
    return done.stderr[:-1]


def test_a_port_in_use_is_one_line(db: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = _fails(
            *("--schema", str(EXAMPLE), "--db", str(db), "--port", port, "--https-port", "0")
        )
    assert error == f"--port {port}: Address already in use; choose another port"


def test_a_database_in_use_is_one_line(db: Path) -> None:
    with duckdb.connect(str(db)):
        error = _fails("--schema", str(EXAMPLE), "--db", str(db), *_FREE_PORTS)
    assert f"{db}: it is in use by another process (PID {os.getpid()}); end that" in error
    assert "\n" not in error


def test_a_bad_schema_is_one_line_per_problem(tmp_path: Path, db: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("event:\n  A: {}\n  B: {id: x}\n")
    lines = _fails("--schema", str(schema), "--db", str(db), *_FREE_PORTS).splitlines()
    assert len(lines) == 2
    assert [line.split(":")[1] for line in lines] == ["2", "3"]
    assert not db.exists()

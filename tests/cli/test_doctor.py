"""``paltabrain-fast doctor``: each planted mistake is named, with its remedy; no secret is told."""

from __future__ import annotations

import io
import json
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from paltabrain_fast.cli import doctor
from paltabrain_fast.schema.generate import generate, render
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.certificates import Authority
from ..support.proxy_server import ProxyServer
from ..support.scarce import lacks
from .config_server import Answer, ConfigServer, serve, status

DEADLINE = 60
KEY = "1237c694a824422a88e2a3c5a90510e3"
TITLE = next(line.strip() for line in EXAMPLE.read_text("utf-8").splitlines() if "title: {" in line)
"""A property of the example's schema."""
WITHOUT_TYPER = (
    "import runpy, sys; sys.modules['typer'] = None;"
    " runpy.run_module('paltabrain_fast', run_name='__main__', alter_sys=True)"
)


class Report(NamedTuple):
    code: int
    findings: dict[str, dict[str, Any]]

    def state(self, name: str) -> str:
        return str(self.findings[name]["state"])

    def told(self, name: str) -> str:
        """What is said of a fault, and what to do about it."""
        finding = self.findings[name]
        assert finding["state"] == "fault", finding
        return f"{finding['text']}; {finding['remedy']}"


Examine = Callable[..., Report]


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str]) -> Examine:
    """Run the doctor, and return what it prints as JSON; it may never tell the key."""

    def examine(*arguments: object) -> Report:
        code = doctor.main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert KEY not in out + err
        report = json.loads(out)
        assert report["ok"] == (code == 0)
        return Report(code, {each["name"]: each for each in report["findings"]})

    return examine


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return the example's module as the server sends it, once its schema has been changed."""

    def archive(before: str = "", after: str = "") -> bytes:
        schema = tmp_path_factory.mktemp("schema") / "schema.yaml"
        schema.write_text(EXAMPLE.read_text("utf-8").replace(before, after), "utf-8")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as package:
            for name, source in render(load_schema(schema), import_from="paltabrain_sdk").items():
                package.writestr(name, source)
        return buffer.getvalue()

    return archive


@pytest.fixture
def good(server: ConfigServer, archive: Callable[..., bytes]) -> ConfigServer:
    """A server that has the example's module."""
    server.answer = status(200, archive())
    return server


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The example's module, which can be imported from the current directory."""
    monkeypatch.chdir(tmp_path)
    generate(load_schema(EXAMPLE), tmp_path / "doctored")
    yield "doctored"
    for name in [name for name in sys.modules if name.partition(".")[0] == "doctored"]:
        del sys.modules[name]


def test_nothing_is_wrong(good: ConfigServer, module: str, examine: Examine) -> None:
    report = examine("--hostname", good.hostname, "--api-key", KEY, "--module", module)
    assert report.code == 0
    looked_at = {name for name, each in report.findings.items() if each["state"] == "ok"}
    assert looked_at == {
        *("versions", "engine", "hostname", "proxy", "DNS", "TCP", "TLS", "API key", "clock"),
        *("server's module", "config module", "base classes", "accelerated", "current"),
    }
    accelerated = report.findings["accelerated"]["details"]
    assert "EventPageOpen: accelerated" in accelerated
    assert len(accelerated) == len(load_schema(EXAMPLE).events) + 1
    assert "REQUESTS_CA_BUNDLE" in report.findings["TLS"]["text"]
    assert "127.0.0.1" in report.findings["TLS"]["text"]


def test_the_environment_has_hostname_and_key(
    good: ConfigServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", good.hostname)
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", KEY)
    report = examine()
    assert report.code == 0
    assert "PALTABRAIN_SDK_API_KEY" in report.findings["API key"]["text"]
    assert report.state("config module") == "skipped"


def test_without_hostname_and_key(examine: Examine, server: ConfigServer) -> None:
    assert "PALTABRAIN_SDK_HOSTNAME" in examine("--api-key", KEY).told("hostname")
    report = examine("--hostname", server.hostname)
    assert "PALTABRAIN_SDK_API_KEY" in report.told("API key")
    assert report.state("clock") == "ok"


def test_hostname_that_is_none(examine: Examine) -> None:
    report = examine("--hostname", "https://a/b", "--api-key", KEY)
    assert "'host' or 'host:port'" in report.told("hostname")
    assert report.state("TCP") == "skipped"


def test_wrong_key(server: ConfigServer, examine: Examine) -> None:
    server.answer = status(401, f'{{"error": "who is {KEY}?"}}'.encode())
    told = examine("--hostname", server.hostname, "--api-key", KEY).told("API key")
    assert told.startswith('API key refused (401: "who is ***?"); it is from --api-key')
    assert "check api_key or PALTABRAIN_SDK_API_KEY" in told


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(302, headers={"Location": "https://other.example/"}), "https://other.example/"),
        (status(404), "there is no config module at this hostname"),
        (status(503), "HTTP status 503"),
    ],
    ids=["redirect", "another server", "down"],
)
def test_other_answers(answer: Answer, words: str, server: ConfigServer, examine: Examine) -> None:
    server.answer = answer
    assert words in examine("--hostname", server.hostname, "--api-key", KEY).told("API key")


def test_key_that_cannot_be_one(server: ConfigServer, examine: Examine) -> None:
    report = examine("--hostname", server.hostname, "--api-key", f"{KEY}\n")
    assert "must be printable ASCII" in report.told("API key")
    assert all(
        "X-API-Key" not in headers or KEY not in headers["X-API-Key"]
        for _, headers in server.requests
    )


def test_untrusted_authority(
    good: ConfigServer, examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").ca_file
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    report = examine("--hostname", good.hostname, "--api-key", KEY)
    told = report.told("TLS")
    assert f"verified with {other}" in told
    assert "set REQUESTS_CA_BUNDLE to a file with the authority that has signed it" in told
    if not lacks("cryptography"):
        assert "it is signed by" in report.findings["TLS"]["details"][0]
    assert report.state("API key") == "skipped"
    assert good.requests == []


def test_bundle_that_is_not_there(
    good: ConfigServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    told = examine("--hostname", good.hostname, "--api-key", KEY).told("TLS")
    assert "CA bundle not found: /no/such/file, named by REQUESTS_CA_BUNDLE" in told


def test_plain_http_on_a_port_of_tls(good: ConfigServer, examine: Examine) -> None:
    report = examine("--hostname", f"http://{good.hostname}", "--api-key", KEY)
    assert "speaks TLS on this port, and is asked in plain HTTP; leave out http://" in report.told(
        "TLS"
    )


def test_tls_on_a_port_of_plain_http(examine: Examine, archive: Callable[..., bytes]) -> None:
    with serve(None) as plain:
        told = examine("--hostname", plain.hostname, "--api-key", KEY).told("TLS")
        assert "does not speak TLS on this port" in told
        assert "http://" in told
        plain.answer = status(200, archive())
        report = examine("--hostname", f"http://{plain.hostname}", "--api-key", KEY)
        assert (report.code, report.state("TLS")) == (0, "note")


def test_plain_server_that_hangs_up_at_a_handshake(examine: Examine) -> None:
    """Others than Python's say nothing to what is no request, so they are asked for a page."""
    with hanging_up() as port:
        told = examine("--hostname", f"localhost:{port}", "--api-key", KEY).told("TLS")
    assert "does not speak TLS on this port (it answers in plain HTTP" in told


@contextmanager
def hanging_up() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    asked = connection.recv(5)
                    if asked == b"stop!":
                        return
                    if asked == b"HEAD ":
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with socket.create_connection(listener.getsockname()) as connection:
                connection.sendall(b"stop!")
            thread.join(DEADLINE)


def test_no_such_name(examine: Examine) -> None:
    report = examine("--hostname", "nowhere.invalid", "--api-key", KEY)
    assert "host not found: nowhere.invalid" in report.told("DNS")
    assert [report.state(name) for name in ("TCP", "TLS", "API key")] == ["skipped"] * 3


def test_nobody_listens(examine: Examine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = examine("--hostname", f"localhost:{port}", "--api-key", KEY).told("TCP")
    assert f"no connection to localhost:{port} (Connection refused)" in told


def test_proxy_in_the_way(
    good: ConfigServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer(status=403).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass%20word@{proxy.address}")
        report = examine("--hostname", good.hostname, "--api-key", KEY)
    told = report.told("proxy")
    assert f"proxy {proxy.address} of HTTPS_PROXY gives no connection to {good.hostname}" in told
    assert "NO_PROXY" in told
    assert "pass" not in json.dumps(report.findings)


def test_proxy_that_is_not_there(
    good: ConfigServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:9")
    told = examine("--hostname", good.hostname, "--api-key", KEY).told("TCP")
    assert "check HTTPS_PROXY, or set NO_PROXY" in told


def test_through_a_proxy(
    good: ConfigServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyServer().serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        report = examine("--hostname", good.hostname, "--api-key", KEY)
    assert (report.code, report.state("TLS"), report.state("proxy")) == (0, "ok", "note")
    assert {target for target, _ in proxy.asked} == {good.hostname}


def test_clock_that_is_wrong(server: ConfigServer, examine: Examine) -> None:
    def answer(handler: Any) -> None:
        handler.date_time_string = lambda: formatdate(1e9, usegmt=True)
        status(401)(handler)

    server.answer = answer
    told = examine("--hostname", server.hostname, "--api-key", KEY).told("clock")
    assert "s fast, by that of the server; set the clock of this machine" in told


def test_what_is_no_config_module(server: ConfigServer, examine: Examine) -> None:
    server.answer = status(200, b"<html>")
    told = examine("--hostname", server.hostname, "--api-key", KEY).told("server's module")
    assert "not a ZIP archive" in told


def test_schema_that_has_drifted(
    server: ConfigServer, module: str, examine: Examine, archive: Callable[..., bytes]
) -> None:
    before, after = "title: {id: 2, type: string", "title: {id: 3, type: integer"
    server.answer = status(200, archive(before, after))
    report = examine("--hostname", server.hostname, "--api-key", KEY, "--module", module)
    told = report.told("current")
    assert "differs from the server's in 2 points" in told
    assert "if the server's is newer, download the module" in told
    assert "if the module is newer, publish its schema at the server" in told
    assert report.findings["current"]["details"] == [
        "property PageOpen.title has the id 3 for the server, 2 here",
        "property PageOpen.title is integer for the server, string here",
    ]


def test_module_that_is_newer(
    server: ConfigServer, module: str, examine: Examine, archive: Callable[..., bytes]
) -> None:
    """A download would take from the application what it tracks."""
    server.answer = status(200, archive(TITLE))
    report = examine("--hostname", server.hostname, "--api-key", KEY, "--module", module)
    told = report.told("current")
    assert "the module is newer: publish its schema at the server, or start the collector" in told
    assert "paltabrain-sdk-download-config" not in told


def test_module_that_is_older(
    server: ConfigServer, module: str, examine: Examine, archive: Callable[..., bytes]
) -> None:
    server.answer = status(200, archive(TITLE, f"{TITLE}\n      more: {{id: 99, type: string}}"))
    report = examine("--hostname", server.hostname, "--api-key", KEY, "--module", module)
    told = report.told("current")
    assert "the server's is newer: download the module" in told
    assert "paltabrain-sdk-download-config --overwrite doctored" in told
    assert "paltabrain-fast generate schema.yaml doctored" in told
    assert "publish" not in told


def test_module_that_is_not_there(examine: Examine) -> None:
    report = examine("--module", "no_such_config")
    assert "there is no module no_such_config here" in report.told("config module")
    assert report.state("accelerated") == "skipped"


def test_module_that_fails(
    tmp_path: Path, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "failing_config.py").write_text(f"print('noise')\nraise TypeError('{KEY}')\n")
    report = examine("--module", "failing_config", "--api-key", KEY)
    assert "cannot be imported (TypeError: ***)" in report.told("config module")


@pytest.mark.parametrize("name", ["json", "tomllib._types"], ids=["package", "plain file"])
def test_module_that_has_no_events(name: str, examine: Examine) -> None:
    told = examine("--module", name).told("base classes")
    assert f"{name} defines no events" in told
    assert "paltabrain-fast generate schema.yaml my_config" in told


def test_class_that_is_not_accelerated(module: str, tmp_path: Path, examine: Examine) -> None:
    with (tmp_path / module / "__init__.py").open("a") as file:
        file.write("\n\nclass EventOwn(EventPageOpen):\n    def serialize_payload(self):\n")
        file.write("        return b''\n")
    report = examine("--module", module)
    assert "1 of 11 classes" in report.told("accelerated")
    assert report.findings["accelerated"]["details"][0].startswith("EventOwn: ")


def test_module_on_other_base_classes(tmp_path: Path) -> None:
    """In a process of its own, as a package of that name stays imported."""
    source = (Path(__file__).parents[1] / "programs" / "cli" / "original.py").read_text("utf-8")
    (tmp_path / "paltabrain_sdk").mkdir()
    (tmp_path / "paltabrain_sdk" / "__init__.py").write_text(source)
    generate(load_schema(EXAMPLE), tmp_path / "theirs", import_from="paltabrain_sdk")
    command = [sys.executable, "-m", "paltabrain_fast", "doctor", "--module", "theirs"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 1
    assert "✗ base classes: theirs has the base classes of paltabrain_sdk" in done.stdout
    assert "paltabrain_fast.install_as_paltabrain_sdk() before it is imported" in done.stdout


def test_module_by_the_name_of_the_original(
    tmp_path: Path, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generate(load_schema(EXAMPLE), tmp_path / "by_name", import_from="paltabrain_sdk")
    report = examine("--module", "by_name")
    assert report.state("base classes") == "note"
    assert report.state("accelerated") == "ok"


def test_what_was_not_looked_at_is_said(
    good: ConfigServer, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--hostname", good.hostname, "--api-key", KEY]
    assert doctor.main(command) == 0
    out, _ = capsys.readouterr()
    assert out.endswith("\n\nNo fault found; not checked: config module.\n")
    assert doctor.main([*command, "--module", module]) == 0
    out, _ = capsys.readouterr()
    assert out.endswith("\n\nNo fault found.\n")


def test_middleware_that_frameworks_need(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"starlette": "1.0", "flask": "3.1", "django": "5.2"}

    def version(package: str) -> str:
        if package not in installed:
            raise PackageNotFoundError(package)
        return installed[package]

    monkeypatch.setattr("paltabrain_fast.cli.doctor.process.version", version)
    findings = examine().findings
    for package, number in installed.items():
        finding = findings[f"{package} {number}"]
        assert finding["state"] == "note"
        assert "ContextMiddleware" in finding["remedy"]
        assert "docs/frameworks.md" in finding["remedy"]
        assert ("LifespanMiddleware" in finding["remedy"]) is (package != "flask")


def test_sdk_that_is_turned_off(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_DISABLED", "1")
    assert "unset it" in examine().told("switches")


@pytest.mark.parametrize("python", [("-m", "paltabrain_fast"), ("-c", WITHOUT_TYPER)], ids=str)
def test_as_a_person_sees_it(python: tuple[str, ...], tls: ssl.SSLContext) -> None:
    with serve(tls) as server:
        server.answer = status(401)
        command = [sys.executable, *python, "doctor", "--hostname", server.hostname]
        done = subprocess.run(
            [*command, "--api-key", KEY],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        failed = subprocess.run(
            [*command, f"--ap1-key={KEY}", "x"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ API key: API key refused (401)" in done.stdout
    assert "  → check api_key or PALTABRAIN_SDK_API_KEY\n" in done.stdout
    assert done.stdout.endswith("\n\n1 fault found.\n")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "paltabrain-fast doctor: error: unknown option --ap1-key (see --help)\n"


def test_terminal_without_the_signs() -> None:
    command = [sys.executable, "-m", "paltabrain_fast", "doctor", "--hostname", "nowhere.invalid"]
    done = subprocess.run(
        command,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "x DNS: host not found: nowhere.invalid" in done.stdout


def test_reader_that_goes_away() -> None:
    """As ``head`` does: what is left is not printed, and there is no traceback."""
    command = [sys.executable, "-m", "paltabrain_fast", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(DEADLINE) == 1

"""No loss is silent: what a user without logging configured reads on the standard error."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, SendResult

from .support.answers import Answer, Fault, always
from .support.api_server import ApiServer
from .support.certificates import Authority
from .support.events import TextEvent
from .support.programs import TOLD, start_program
from .support.proxy_server import ProxyServer
from .support.scarce import needs
from .support.sdk import ROOT

CHECK = "check hostname or PALTABRAIN_SDK_HOSTNAME"
KEY = "check api_key or PALTABRAIN_SDK_API_KEY"
OLDER = (
    "if config module and server's schema differ, renew the older one: download the module again,"
    " or publish its schema; paltabrain-fast doctor --module tells which"
)
SERVER = "check the server; flush_max_retries and outage_seconds say how long it is tried"


def documented() -> re.Pattern[str]:
    """How the lines begin that the documentation explains."""
    text = (ROOT / "docs" / "debugging.md").read_text("utf-8")
    found = re.findall(r"^\| `(.*?)` \|", text, re.MULTILINE)
    assert len(found) > 20
    patterns = (re.escape(each).replace("…", ".*") for each in found)
    return re.compile("|".join(patterns).replace("ClassName", r"\w+").replace("FILE:LINE", ".*"))


DOCUMENTED = documented()


def told(name: str, *arguments: str, **environment: Any) -> list[str]:
    """Run a program that loses events; return the last line of each kind, without the prefix."""
    done = start_program(f"told/{name}", *arguments, **environment)
    assert done.returncode == 0, done
    assert "s3cret" not in done.stderr + done.stdout
    lines = done.stderr.splitlines()
    assert all(line.startswith(TOLD) for line in lines), done.stderr
    lines = [line.removeprefix(TOLD) for line in lines]
    assert not [line for line in lines if not DOCUMENTED.match(line)]
    # on a busy machine half a second passes between two losses, and the second line has both
    return list({re.sub(r"\d+ events? lost", "", line): line for line in lines}.values())


class Cases:
    """What ``told/each`` is to lose, and what is to be told of it."""

    def __init__(self, transport: str) -> None:
        self.cases: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self._options = {"transport": transport} if transport else {}

    def add(self, line: str, hostname: str, *, events: int = 1, **options: Any) -> None:
        environment = options.pop("environment", {})
        self.lines.append(line)
        self.cases.append(
            {
                "hostname": hostname,
                "events": events,
                "options": self._options | options,
                "environment": environment,
            }
        )

    def check(self, ca_file: Path) -> None:
        found = told("each", json.dumps(self.cases), REQUESTS_CA_BUNDLE=str(ca_file), NO_PROXY="")
        assert found == self.lines


@pytest.fixture(params=["", pytest.param("curl", marks=needs("pycurl"))])
def cases(request: pytest.FixtureRequest) -> Cases:
    return Cases(request.param)


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """Serve plain TCP: say this to whoever has said something; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)


def test_what_a_server_refuses(cases: Cases, certificates: Any) -> None:
    ca_file, context = certificates

    def answer(answer: Answer) -> str:
        server = stack.enter_context(ApiServer(context).serving())
        server.answer = always(answer)
        return server.hostname

    with ExitStack() as stack:
        refused = answer(Answer(401))
        cases.add(f"API key refused (401): 312 events lost; {KEY}", refused, events=312)
        echo = Answer(403, body=b'{"error":\n "s3cret-key is\tnot known"}')
        cases.add(
            f'API key refused (403: "*** is not known"): 1 event lost; {KEY}',
            answer(echo),
        )
        escaped = Answer(403, body=rb'{"error": "\u00733cret-key"}')
        cases.add(f'API key refused (403: "***"): 1 event lost; {KEY}', answer(escaped))
        cases.add(
            f'batch refused (400: "unknown field 9 in PageOpen"): 2 events lost; {OLDER}',
            answer(Answer(400, body=b"unknown field 9 in PageOpen")),
            events=2,
        )
        cases.add(
            f'batch refused (400: "{{"error": 9}}"): 1 event lost; {OLDER}',
            answer(Answer(400, body=b'{"error": 9}')),
        )
        cases.add(
            f'batch refused (400: "{"x" * 200}"): 1 event lost; {OLDER}',
            answer(Answer(400, body=b"x" * 4000 + b"s3cret-key" * 100_000)),
        )
        cases.add(
            f"batch refused (404): 1 event lost; {CHECK}: this server has no such API",
            answer(Answer(404)),
        )
        cases.add(
            "redirect refused (302 to https://elsewhere.example/v2): 1 event lost; give the final"
            " host as hostname or PALTABRAIN_SDK_HOSTNAME: no redirect is followed, so that the API"
            " key reaches no other host",
            answer(Answer(302, {"Location": "https://elsewhere.example/v2"}, body=b"moved")),
        )
        cases.add(
            "batch refused (413): 1 event lost; make events smaller: the server takes no such"
            " batch, even of one event",
            answer(Answer(413)),
        )
        cases.add(
            f'server error (503: "back soon"): 1 event lost; {SERVER}',
            answer(Answer(503, body=b"back soon")),
        )
        cases.add(
            "too many requests (429): 1 event lost; send less at a time: raise flush_interval_ms"
            " and flush_buffer_size",
            answer(Answer(429)),
        )
        cases.check(ca_file)


def test_servers_that_cannot_be_reached(cases: Cases, certificates: Any) -> None:
    ca_file, context = certificates
    is_curl = "curl" in str(vars(cases))
    with ExitStack() as stack:
        breaks = stack.enter_context(ApiServer(None).serving())
        breaks.answer = always(Answer(fault=Fault.HALF_HEAD))
        hangs = stack.enter_context(ApiServer(context).serving())
        hangs.answer = always(Answer(fault=Fault.SILENCE))
        why = "" if is_curl else " (Name or service not known)"
        cases.add(
            f"host not found: no-such-host.invalid{why}: 1 event lost; {CHECK}",
            "no-such-host.invalid",
        )
        cases.add(
            f"no connection to localhost:1 (Connection refused): 3 events lost; {CHECK}, and that"
            " the server is up",
            "localhost:1",
            events=3,
        )
        cases.add(
            f"connection to {breaks.hostname} broke off (the answer broke off within its head):"
            " 1 event lost; check that the server is up; if it speaks TLS on this port, leave out"
            " http://",
            f"http://{breaks.hostname}",
        )
        cases.add(
            f"no answer from {hangs.hostname} within 0.3 s: 1 event lost; check the server, and"
            " that no firewall is in between (hostname or PALTABRAIN_SDK_HOSTNAME,"
            " request_timeout)",
            hangs.hostname,
            request_timeout=0.3,
        )
        proxy = stack.enter_context(ProxyServer(credentials="user:pass").serving())
        tunnel = "CONNECT tunnel failed, response 407"
        if not is_curl:
            tunnel = "Tunnel connection failed: 407 Whatever"
        for name in "HTTPS_PROXY", "ALL_PROXY":
            cases.add(
                f"proxy {proxy.address} of {name} gives no connection to example.invalid"
                f" ({tunnel}): 1 event lost; check user and password in {name}, or set NO_PROXY for"
                " hosts to reach without it",
                "example.invalid",
                environment={name: f"http://user:s3cret-password@{proxy.address}"},
            )
        cases.add(
            "proxy localhost:1 of HTTPS_PROXY gives no connection to example.invalid (Connection"
            " refused): 1 event lost; check HTTPS_PROXY, or set NO_PROXY for hosts to reach without"
            " it",
            "example.invalid",
            environment={"HTTPS_PROXY": "http://user:s3cret-password@localhost:1"},
        )
        cases.check(ca_file)


def test_faults_of_tls(cases: Cases, tmp_path: Path) -> None:
    own = Authority(tmp_path)
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")
    bundle, is_curl = own.ca_file, "curl" in str(vars(cases))
    with ExitStack() as stack:

        def refused(context: Any, why: str, remedy: str) -> None:
            hostname = stack.enter_context(ApiServer(context).serving()).hostname
            cases.add(
                f"TLS: certificate of {hostname} refused ({why}), verified with {bundle}: 1 event"
                f" lost; {remedy}",
                hostname,
            )

        refused(
            stranger.context(),
            "unable to get local issuer certificate",
            "set REQUESTS_CA_BUNDLE to a file with the authority that has signed it, or give it to"
            " the transport as ca_bundle",
        )
        refused(
            own.context("example.com"),
            "SSL: no alternative certificate subject name matches target hostname 'localhost'"
            if is_curl
            else "Hostname mismatch, certificate is not valid for 'localhost'.",
            "give a name of the certificate as hostname or PALTABRAIN_SDK_HOSTNAME",
        )
        refused(
            own.context(valid_days=-1),
            "certificate has expired",
            "have the server's certificate renewed, or set the clock of this machine",
        )
        plain = stack.enter_context(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        cases.add(
            f"TLS: localhost:{plain} does not speak TLS on this port (wrong version number;"
            f" certificates: {bundle}): 1 event lost; check the port in hostname or"
            " PALTABRAIN_SDK_HOSTNAME; a server on loopback may be given as http://...",
            f"localhost:{plain}",
        )
        secure = stack.enter_context(saying(b"\x15\x03\x01\x00\x02\x02\x46"))
        cases.add(
            f"TLS: localhost:{secure} speaks TLS on this port, and is asked in plain HTTP: 1 event"
            " lost; leave out http:// in hostname or PALTABRAIN_SDK_HOSTNAME",
            f"http://localhost:{secure}",
        )
        nginx = stack.enter_context(ApiServer(None).serving())
        words = "The plain HTTP request was sent to HTTPS port"
        nginx.answer = always(Answer(400, body=words.encode()))
        cases.add(
            f'batch refused (400: "{words}"): 1 event lost; leave out http:// in hostname or'
            " PALTABRAIN_SDK_HOSTNAME",
            f"http://{nginx.hostname}",
        )
        cases.check(bundle)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_losses_without_a_network(engine: str) -> None:
    lines = told("without_network", PALTABRAIN_SDK_ENGINE=engine)
    full = [int(re.findall(r"\): (\d+) events lost", line)[0]) for line in lines[:3]]
    program = ROOT / "tests" / "programs" / "told" / "without_network.py"
    places = [
        f"{program}:{number}"
        for number, line in enumerate(program.read_text().splitlines(), start=1)
        if "EventPageOpen" in line
    ]
    bad_value = "bad argument type for built-in operation"
    trace = "correct the value there; sdk.last_serialization_error has the traceback"
    expected = [
        *(
            f"buffer full (buffer_bytes=65536, overflow='{policy}'): {count} events lost; raise"
            f" buffer_bytes, or choose {' or '.join(f'overflow={each!r}' for each in others)}"
            for policy, count, others in zip(
                ("drop_new", "drop_old", "block"),
                full,
                (("block", "drop_old"), ("block",), ("drop_old",)),
                strict=True,
            )
        ),
        "event [TextEvent] too large (600007 bytes with its context, 524288 fit into a batch):"
        " 1 event lost; make the event or its context smaller",
        "event too large (524288 fit into a batch): 1 event lost; make the event or its context"
        " smaller",
        f"event [EventPageOpen] tracked at {places[0]} cannot be serialized (TypeError:"
        f" EventPayloadPageOpen.page_id is a string, and was given an int: {bad_value}): 3 events"
        f" lost; {trace}",
        f"event [EventPageOpen] tracked at {places[1]} cannot be serialized (AttributeError:"
        " EventHeaderParent.parent_elements is a repeated string, and was given an int: Assignment"
        ' not allowed to map, or repeated field "parent_elements" in protocol message object.): 1'
        f" event lost; {trace}",
        "sending failed (LookupError: of the user's own\\nin two lines, with ***): 1 event lost;"
        " see sdk.last_request_error",
        "fault of paltabrain_fast itself (SystemExit: 1): 1 event lost; please report it;"
        " sdk.last_request_error may say more",
        "tracked for a log line of the SDK's own, in one of its threads or in before_send: 1 event"
        " lost; have the log handler leave out the logger paltabrain_sdk",
        "not delivered before the shutdown timeout: 1 event lost; raise shutdown_timeout",
        "tracked after shutdown(): 1 event lost; shut down after the last event, or make a new"
        " PaltabrainSdk",
    ]
    assert all(count > 100 for count in full)
    assert lines == expected


def test_shutdown_that_takes_long_says_for_what(api: ApiServer) -> None:
    api.answer = always(Answer(fault=Fault.SILENCE))
    cases = Cases("")
    options = {"shutdown_timeout": 3, "request_timeout": 1, "flush_max_retries": 100}
    cases.add("", api.hostname, events=2, **options)
    waits, lost = told("each", json.dumps(cases.cases))
    fault = (
        f"no answer from {api.hostname} within 1 s",
        "check the server, and that no firewall is in between (hostname or PALTABRAIN_SDK_HOSTNAME,"
        " request_timeout)",
    )
    assert waits == (
        "shutdown() waits for 2 events in 1 batch, for at most 1 s (shutdown_timeout): the last"
        f" attempt failed: {fault[0]}; {fault[1]}"
    )
    within = re.escape(fault[0]).replace("within\\ 1\\ s", r"within [\d.]+ s")
    assert re.fullmatch(
        rf"not delivered before the shutdown timeout \({within}\): 2 events lost; raise"
        rf" shutdown_timeout, or {re.escape(fault[1])}",
        lost,
    )


def test_exit_without_shutdown_tells_what_it_gives_up(api: ApiServer) -> None:
    api.answer = always(Answer(fault=Fault.SILENCE))
    assert told("at_exit", api.hostname, "1") == [
        "not delivered before the exit timeout: 2 events lost; raise exit_timeout"
    ]


def test_exit_that_is_interrupted_tells_what_it_gives_up() -> None:
    done = start_program("told/interrupted_exit")
    line = "not delivered before the exit timeout: 1 event lost; raise exit_timeout"
    assert done.stdout.splitlines() == [line, line], done
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.parametrize("engine", ["native", "python"])
def test_process_that_goes_on_is_told_and_track_writes_nothing(api: ApiServer, engine: str) -> None:
    api.answer = always(Answer(401))
    done = start_program("told/running", api.hostname, PALTABRAIN_SDK_ENGINE=engine)
    assert (done.returncode, done.stderr) == (0, ""), done
    place = ROOT / "tests" / "programs" / "told" / "running.py"
    lines = [line.removeprefix(TOLD) for line in done.stdout.splitlines()]
    assert sorted(re.sub(r":\d+ ", ":N ", line) for line in lines) == [
        f"API key refused (401): 1 event lost; {KEY}",
        f"event [UnserializableEvent] tracked at {place}:N cannot be serialized (ValueError: no"
        " such value): 1 event lost; correct the value there; sdk.last_serialization_error has the"
        " traceback",
        "tracked after shutdown(): 1 event lost; shut down after the last event, or make a new"
        " PaltabrainSdk",
    ]


def test_lines_go_to_the_log_where_that_is_configured(api: ApiServer) -> None:
    api.answer = always(Answer(401))
    done = start_program("told/configured", api.hostname, "basicConfig")
    assert done.returncode == 0, done
    assert TOLD not in done.stderr
    prefix = "WARNING:paltabrain_sdk.sdk:"
    lines = [line for line in done.stderr.splitlines() if line.startswith(prefix)]
    lines = [line.removeprefix(prefix) for line in lines if "serialized by its own" not in line]
    place = ROOT / "tests" / "programs" / "told" / "configured.py"
    number = place.read_text().splitlines().index("        sdk.track(UnserializableEvent())") + 1
    assert sorted(lines) == [
        f"API key refused (401): 1 event lost; {KEY}",
        "Event [UnserializableEvent] was skipped due to serialization error",
        f"event [UnserializableEvent] tracked at {place}:{number} cannot be serialized (ValueError:"
        " no such value): 3 events lost; correct the value there; sdk.last_serialization_error has"
        " the traceback",
    ]
    assert done.stderr.count("Traceback") == 1


def test_settings_that_have_no_effect_are_told() -> None:
    done = start_program("told/without_effect")
    assert (done.returncode, done.stderr) == (
        0,
        "paltabrain_fast: WARNING: flush_on_sigterm has no effect: the process ignores SIGTERM\n"
        "paltabrain_fast: ERROR: uWSGI runs without threads, so that only flush() with a timeout"
        " sends events: give it the option enable-threads\n",
    )


@pytest.mark.parametrize("how", ["level", "disabled", "disable"])
def test_who_has_silenced_the_logger_is_told_nothing(api: ApiServer, how: str) -> None:
    api.answer = always(Answer(401))
    assert told("configured", api.hostname, how) == []


def test_broken_standard_error_breaks_nothing(api: ApiServer) -> None:
    api.answer = always(Answer(401, body="für niemand".encode()))
    assert told("broken_stderr", api.hostname) == []


@pytest.mark.parametrize("engine", ["native", "python"])
def test_first_example_of_the_readme_says_what_is_wrong(engine: str) -> None:
    """Without a server there is nothing else to see."""
    lines = told("readme", "no-such-host.invalid", PALTABRAIN_SDK_ENGINE=engine)
    cause = "host not found: no-such-host.invalid (Name or service not known)"
    assert lines[-1] == f"{cause}: 2 events lost; {CHECK}"
    # the retries may take longer than a shutdown keeps silent
    assert all("shutdown() waits" in line and cause in line for line in lines[:-1])


def test_line_is_told_again_with_the_count_so_far(
    make_sdk: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(status=401)))
    for batch in range(3):
        for _ in range(batch + 1):
            sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    assert sdk.shutdown()
    lines = [line for line in caplog.messages if line.startswith("API key refused")]
    assert lines[-1] == f"API key refused (401): 6 events lost; {KEY}"
    assert len(lines) <= 2

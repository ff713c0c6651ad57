"""``paltabrain-fast run``: an unchanged application reaches the collector, and is left alone."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from paltabrain_fast.cli.run.arrivals import Arrivals, Expectation, is_as_expected, summary
from paltabrain_fast.cli.run.child import Ended
from paltabrain_fast.cli.run.environment import application_environment
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs
from ..support.sdk import ROOT

pytestmark = needs("duckdb", "starlette", "uvicorn")

DEADLINE = 60
PROGRAMS = ROOT / "tests" / "programs" / "cli"
COMMAND = (sys.executable, "-m", "paltabrain_fast", "run")
ON_THIS_TERMINAL = (
    "import os, sys, fcntl, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A collector that runs already, and that has an event from before."""
    from paltabrain_fast.collector.server import running

    db = tmp_path_factory.mktemp("collector") / "events.duckdb"
    with running(load_schema(EXAMPLE), db) as collector:
        yield collector.http_url


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``run`` in this process; the application has one of its own."""
    from typer.testing import CliRunner

    from paltabrain_fast.cli.main import app

    def run(*arguments: object) -> Done:
        result = CliRunner().invoke(app, ["run", *map(str, arguments)])
        assert isinstance(result.exception, SystemExit | None), result.exception
        out, err = capfd.readouterr()
        return Done(result.exit_code, out + result.stdout, err + result.stderr)

    return run


def tracking(code: int, *events: str) -> tuple[str, ...]:
    program = str(PROGRAMS / "tracks.py")
    return "--", sys.executable, program, str(ROOT / "examples"), str(code), *events


def test_collector_is_started_and_streams_are_the_applications_own(tmp_path: Path) -> None:
    """By HTTPS, with the certificate of the collector beside the usual ones, and its own key."""
    db = tmp_path / "kept.duckdb"
    application = tracking(0, "EventPageOpen", "EventPageOpen", "EventSessionStart")
    done = subprocess.run(
        [*COMMAND, "--schema", EXAMPLE, "--db", db, "--expect", "EventPageOpen:2", *application],
        input="a line\n",
        env=os.environ | {"PALTABRAIN_SDK_DISABLED": "1", "HTTPS_PROXY": "http://localhost:9"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.stdout == "read: a line\n\n"
    assert done.stderr == (
        "paltabrain-fast run: 3 events arrived\n  PageOpen      2\n  SessionStart  1\n"
    )
    assert done.returncode == 0
    assert db.exists()


def test_only_what_arrives_meanwhile_counts(url: str, run: Run) -> None:
    for _ in range(2):
        done = run("--collector", url, "--expect", "PageOpen", *tracking(0, "EventPageOpen"))
        assert done.stderr == "paltabrain-fast run: 1 event arrived\n  PageOpen  1\n"
        assert done.returncode == 0


@pytest.mark.parametrize(("code", "result"), [(0, 1), (3, 3)])
def test_event_that_is_missing(code: int, result: int, url: str, run: Run) -> None:
    expected = ("--expect", "EventPageOpen:2", "--expect", "EventPurchase")
    done = run("--collector", url, *expected, *tracking(code, "EventPageOpen"))
    assert done.stderr.splitlines()[2:] == [
        "paltabrain-fast run: missing: PageOpen: 1 arrived, 2 expected",
        "paltabrain-fast run: missing: Purchase: 0 arrived, 1 expected",
    ]
    assert done.returncode == result


def test_what_is_invalid_is_told(url: str, run: Run) -> None:
    line = (
        "import requests, os; requests.post(os.environ['PALTABRAIN_SDK_HOSTNAME']"
        " + '/v2/paltabrain', b'garbage', headers={'X-API-Key': 'k',"
        " 'Content-Type': 'application/protobuf'})"
    )
    done = run("--collector", url, "--", sys.executable, "-c", line)
    first, second = done.stderr.splitlines()
    assert first == "paltabrain-fast run: 0 events arrived, and 1 invalid"
    assert second.startswith("  invalid: request (400): ")
    assert done.returncode == 0


def test_what_the_sdk_has_dropped_is_told(url: str, run: Run) -> None:
    """Of a value of the wrong type, with the event that arrives after it."""
    line = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'examples')!r});"
        " from paltabrain_fast import PaltabrainSdk; from config import Context, EventPageOpen;"
        " sdk = PaltabrainSdk[Context](context=Context());"
        " [sdk.track(EventPageOpen(page_id=page)) for page in (7, 'home')];"
        " sdk.shutdown()"
    )
    done = run("--collector", url, "--", sys.executable, "-c", line)
    assert "  dropped by the SDK: 1 event; its warnings say why\n" in done.stderr


def test_nothing_arrives(url: str, run: Run) -> None:
    done = run("--collector", url, "--", "true")
    assert done.stderr.startswith("paltabrain-fast run: no event arrived\n")
    assert "gives hostname= in its code is not reached by the environment" in done.stderr
    assert "has failed" not in done.stderr
    assert "pytest" not in done.stderr
    assert done.returncode == 0


def test_nothing_arrives_of_a_command_that_failed(url: str, run: Run) -> None:
    done = run("--collector", url, "--", "sh", "-c", "exit 3")
    first, second, third, *_ = done.stderr.splitlines()
    assert first == "paltabrain-fast run: no event arrived"
    assert second == "  The command has failed, with exit code 3: look at that first."
    assert third.startswith("  If it is not that: an application that gives hostname= in its code")
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("command", "code", "is_told"),
    [
        ("pytest -q", 0, True),
        ("/bin/python3 -m pytest tests", 1, True),
        ("pytest -o paltabrain_allow_send=true", 0, False),
        ("python test.py", 0, False),
    ],
)
def test_nothing_arrives_of_tests(command: str, code: int, is_told: bool) -> None:
    lines = list(summary(Arrivals({}, 0, 0, [], {}), [], Ended(command.split(), code)))
    text = "\n".join(lines)
    assert ("pytest -o paltabrain_allow_send=true" in text) is is_told
    assert ("hostname=" in text) is not is_told
    assert lines[1].startswith("  The command has failed") is bool(code)


@pytest.mark.parametrize(("expected", "code"), [("PageOpen", 1), (None, 0)])
def test_invalid_event_of_an_expected_type(
    expected: str | None, code: int, url: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "examples"))
    given = () if expected is None else ("--expect", expected)
    done = run(
        "--collector", url, *given, "--", sys.executable, str(PROGRAMS / "tracks_invalid.py")
    )
    assert done.returncode == code, done
    told = "paltabrain-fast run: invalid: PageOpen: 1 refused, none may be"
    assert (told in done.stderr.splitlines()) is (code == 1)


def test_arguments_that_look_like_options_are_the_applications(url: str, run: Run) -> None:
    done = run("--collector", url, "printf", "%s\n", "--schema", "--expect")
    assert done.stdout == "--schema\n--expect\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--", "no-such-program-anywhere"), 127),
        (("--", str(ROOT)), 126),
        (("--expect", "EventPageClose", "--", "true"), 2),
        (("--expect", "EventPageOpen:0", "--", "true"), 2),
        (("--schema", str(EXAMPLE), "--", "true"), 2),
        ((), 2),
    ],
    ids=["not found", "no program", "no event", "no number", "two collectors", "no command"],
)
def test_wrong_usage(arguments: tuple[str, ...], code: int, url: str, run: Run) -> None:
    assert run("--collector", url, *arguments).returncode == code


def test_no_collector(run: Run) -> None:
    assert run("--", "true").returncode == 2
    done = run("--collector", "http://localhost:9", "--", "true")
    assert done.returncode == 1
    assert "no collector answers at http://localhost:9" in done.stderr


@contextmanager
def started(url: str, *before: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    application = (sys.executable, str(PROGRAMS / "signals.py"))
    process = subprocess.Popen(
        [*before, *COMMAND, "--collector", url, "--", *application],
        stderr=subprocess.PIPE,
        **streams,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def test_signals_are_passed_on(url: str) -> None:
    with started(url, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
            assert process.stdout.readline().decode() == f"{number.name}\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(DEADLINE) == 13


def test_signal_that_ends_the_application(url: str) -> None:
    with started(url, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR2)
        assert process.wait(DEADLINE) == 128 + signal.SIGUSR2


def test_ctrl_c_arrives_once(url: str) -> None:
    """A terminal sends it to the application, too."""
    leader, follower = pty.openpty()
    with (
        open(leader, "r+b", buffering=0) as screen,
        started(
            url, sys.executable, "-c", ON_THIS_TERMINAL, stdin=follower, stdout=follower
        ) as process,
    ):
        os.close(follower)
        seen = b""
        while b"ready" not in seen:
            seen += screen.read(1)
        process.send_signal(signal.SIGSTOP)  # or else two signals might become one
        os.waitpid(process.pid, os.WUNTRACED)
        screen.write(b"\x03")
        while b"SIGINT" not in seen:
            seen += screen.read(1)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(DEADLINE) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EventPageOpen", Expectation("PageOpen", 1)),
        ("PageOpen:12", Expectation("PageOpen", 12)),
        ("EventX", Expectation("EventX", 1)),
    ],
)
def test_expectations_are_read(text: str, expected: Expectation) -> None:
    assert Expectation.parse(text, ["PageOpen", "EventX"]) == expected


def test_expectation_of_no_event() -> None:
    with pytest.raises(ValueError, match="no event EventPageOpn; did you mean EventPageOpen"):
        Expectation.parse("EventPageOpn", ["PageOpen"])


def test_wrong_key_and_many_invalid_are_told() -> None:
    rejected: list[dict[str, Any]] = [
        {"type": "PageOpen", "field": "payload.9", "reason": "is unknown", "status": None},
        {"type": None, "field": None, "reason": "no key", "status": 401},
        {"type": None, "field": None, "reason": "new", "status": 422, "batch_event_seq_num": 2},
    ]
    arrivals = Arrivals({"PageOpen": 5}, 25, 1, rejected, {"PageOpen": 24}, 3)
    assert list(summary(arrivals, [], Ended(["true"], 0))) == [
        "5 events arrived, and 25 invalid",
        "  PageOpen  5",
        "  invalid: PageOpen payload.9: is unknown",
        "  invalid: request (401): no key",
        "  invalid: event (422): new",
        "  and 22 more",
        "  dropped by the SDK: 3 events; its warnings say why",
        "  The collector wants another API key: set PALTABRAIN_SDK_API_KEY to its own,",
        "  or api_key= where your code gives it.",
    ]
    assert is_as_expected(arrivals, [])
    assert not is_as_expected(arrivals, [Expectation("PageOpen", 5)])
    assert is_as_expected(Arrivals({"PageOpen": 5}, 0, 0, [], {}), [Expectation("PageOpen", 5)])


def test_environment_of_the_application(tmp_path: Path) -> None:
    given = {"NO_PROXY": "internal,localhost", "PALTABRAIN_SDK_DISABLED": "1", "A": "b"}
    without_proxy = "internal,localhost,127.0.0.1,::1"
    assert application_environment(given, "localhost:1", None) == {
        "A": "b",
        "PALTABRAIN_SDK_HOSTNAME": "localhost:1",
        "PALTABRAIN_SDK_API_KEY": "local",
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }
    own = application_environment({"PALTABRAIN_SDK_API_KEY": "own"}, "localhost:1", tmp_path)
    assert own["PALTABRAIN_SDK_API_KEY"] == "own"
    assert own["REQUESTS_CA_BUNDLE"] == own["CURL_CA_BUNDLE"] == str(tmp_path)

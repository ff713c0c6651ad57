"""The installed ``paltabrain-sdk-download-config``, run as its users run it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import paltabrain_fast

from .archives import GOOD, INIT, MESSAGES, MODULE, bare, tree
from .config_server import DEADLINE, ConfigServer, serve, status
from .conftest import SCRIPT

Script = Callable[..., subprocess.CompletedProcess[str]]

KEY = "1237c694a824422a88e2a3c5a90510e3"


def files(module: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in module.iterdir()}


def assert_error(done: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """Check for one line on stderr with these parts, and no API key."""
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("paltabrain-sdk-download-config: error: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("\n")
    assert KEY not in done.stderr
    for part in parts:
        assert part in done.stderr


def test_downloads_the_module(server: ConfigServer, script: Script, tmp_path: Path) -> None:
    server.answer = status(200, GOOD)
    module = tmp_path / "new" / "parents" / "config"
    done = script("--hostname", server.hostname, "--api-key", KEY, module)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Downloaded the config module to '{module}'\n"
    assert files(module) == {
        **MODULE,
        "__init__.py": INIT.replace(b"from paltabrain_sdk", b"from paltabrain_fast", 1),
    }
    assert list(tmp_path.rglob(".*")) == []
    [(path, headers)] = server.requests
    assert path == "/v2/schema/sdk_python.zip"
    assert headers["X-API-Key"] == KEY
    assert headers["X-SDK-Name"] == "PALTABRAIN_PYTHON"
    assert headers["X-SDK-Version"] == paltabrain_fast.__version__
    assert headers["Content-Type"] == "application/protobuf"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Host"] == server.hostname


@pytest.mark.parametrize("form", ["https://{}", "https://{}/"])
def test_the_scheme_may_be_given(
    form: str, server: ConfigServer, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(200, GOOD)
    hostname = form.format(server.hostname)
    assert script("--hostname", hostname, "--api-key", KEY, tmp_path / "a").returncode == 0
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", hostname)
    assert script("--api-key", KEY, tmp_path / "b").returncode == 0
    assert [headers["Host"] for _, headers in server.requests] == [server.hostname] * 2


def test_an_empty_directory_is_taken(server: ConfigServer, script: Script, tmp_path: Path) -> None:
    server.answer = status(200, GOOD)
    module = tmp_path / "config"
    module.mkdir()
    inode = module.stat().st_ino
    done = script("--hostname", server.hostname, "--api-key", KEY, "--keep-import", module)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(module) == MODULE
    assert module.stat().st_ino == inode  # it may be a mount point


def test_keep_import_leaves_the_module_as_served(
    server: ConfigServer, script: Script, tmp_path: Path
) -> None:
    server.answer = status(200, GOOD)
    done = script(
        "--hostname", server.hostname, "--api-key", KEY, "--keep-import", tmp_path / "config"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path / "config") == MODULE


def test_says_when_there_is_no_import_to_change(
    server: ConfigServer, script: Script, tmp_path: Path
) -> None:
    unusual = {"__init__.py": b"import paltabrain_sdk\n", "config_v2_pb2.py": MESSAGES}
    server.answer = status(200, bare(unusual))
    done = script("--hostname", server.hostname, "--api-key", KEY, tmp_path / "config")
    assert done.returncode == 0
    assert done.stderr == (
        "paltabrain-sdk-download-config: note: "
        "no 'from paltabrain_sdk import ...' in the module's __init__.py: left as served\n"
    )
    assert files(tmp_path / "config") == unusual


def test_overwrite_replaces_the_files_of_the_module_and_no_other(
    server: ConfigServer, script: Script, tmp_path: Path
) -> None:
    server.answer = status(200, GOOD)
    module = tmp_path / "config"
    module.mkdir()
    for name in ("__init__.py", "config_v2_pb2.py", "my_own.py"):
        (module / name).write_text("old = True\n")
    arguments = ("--hostname", server.hostname, "--api-key", KEY, "--keep-import", module)
    before = tree(tmp_path)
    assert_error(script(*arguments), 1, f"'{module}' exists and is not empty: give --overwrite")
    assert (tree(tmp_path), server.requests) == (before, [])
    assert script("--overwrite", *arguments).returncode == 0
    assert files(module) == MODULE | {"my_own.py": b"old = True\n"}
    assert list(tmp_path.iterdir()) == [module]


@pytest.mark.parametrize("here", [".", "./"])
def test_module_may_be_put_where_the_script_runs(
    here: str, server: ConfigServer, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(200, GOOD)
    module, other = tmp_path / "config", tmp_path / "my-project"
    options = ("--hostname", server.hostname, "--api-key", KEY, "--keep-import", here)
    for directory in module, other:
        directory.mkdir()
    monkeypatch.chdir(module)
    assert script(*options).returncode == 0
    assert files(module) == MODULE
    assert_error(script(*options), 1, "exists and is not empty: give --overwrite")
    assert script("--overwrite", *options).returncode == 0
    monkeypatch.chdir(other)
    assert_error(script(*options), 2, "'my-project' cannot be imported")
    assert list(other.iterdir()) == []


def test_environment_gives_what_options_do_not(
    server: ConfigServer, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(200, GOOD)
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", server.hostname)
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", "from-environment")
    assert script(tmp_path / "a").returncode == 0
    assert script("--api-key", KEY, tmp_path / "b").returncode == 0
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", "unused.invalid")
    assert script("--hostname", server.hostname, tmp_path / "c").returncode == 0
    keys = [headers["X-API-Key"] for _, headers in server.requests]
    assert keys == ["from-environment", KEY, "from-environment"]


HOST = ("--hostname", "unused.invalid")
USAGE_ERRORS = {
    "nothing": ((), ["module_path"]),
    "no credentials": (("x",), ["--hostname", "HOSTNAME", "--api-key", "API_KEY"]),
    "no hostname": (("--api-key", KEY, "x"), ["missing --hostname (or PALTABRAIN_SDK_HOSTNAME) "]),
    "no key": ((*HOST, "x"), ["missing --api-key (or PALTABRAIN_SDK_API_KEY) "]),
    "empty key": ((*HOST, "--api-key=", "x"), ["missing --api-key"]),
    "key of two lines": ((*HOST, "--api-key", f"{KEY}\nX-Evil: 1", "x"), ["--api-key must"]),
    "key with a blank": ((*HOST, "--api-key", f" {KEY}", "x"), ["--api-key must"]),
    "key beyond ASCII": ((*HOST, "--api-key", f"{KEY}é", "x"), ["--api-key must"]),
    "mistyped option": ((*HOST, "--apikey", KEY, "x"), ["unknown option --apikey "]),
    "mistyped option=": ((*HOST, f"--apikey={KEY}", "x"), ["unknown option --apikey "]),
    "two paths": ((*HOST, "x", KEY), ["more than one module_path"]),
    "URL": (("--hostname", "https://h/x", "--api-key", KEY, "x"), ["hostname must be"]),
    "plain HTTP": (("--hostname", "http://example.com", "--api-key", KEY, "x"), ["loopback"]),
    "root": ((*HOST, "--api-key", KEY, "/"), ["module_path", "'/'"]),
    "empty path": ((*HOST, "--api-key", KEY, ""), ["module_path", "''"]),
    "no identifier": ((*HOST, "--api-key", KEY, "x/my-config"), ["'my-config' cannot be imported"]),
    "keyword": ((*HOST, "--api-key", KEY, "class"), ["'class' cannot be imported", "keyword"]),
    "above": ((*HOST, "--api-key", KEY, "x/.."), ["module_path", "'x/..'"]),
}


@pytest.mark.parametrize(("arguments", "parts"), USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_usage_error(
    arguments: tuple[str, ...],
    parts: list[str],
    script: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_error(script(*arguments), 2, *parts)
    assert list(tmp_path.iterdir()) == []


def test_certificate_is_verified(
    server: ConfigServer, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(200, GOOD)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    done = script("--hostname", server.hostname, "--api-key", KEY, tmp_path / "config")
    assert_error(done, 1, "CERTIFICATE_VERIFY_FAILED")
    assert server.requests == []


def test_plain_http_on_loopback_passes_by_the_proxy(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(None) as server, serve(None) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.hostname}")
        server.answer = status(200, GOOD)
        done = script(
            "--hostname", f"http://{server.hostname}", "--api-key", KEY, tmp_path / "config"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert proxy.requests == []


def test_termination_cleans_up(server: ConfigServer, tmp_path: Path) -> None:
    module = tmp_path / "config"
    module.mkdir()
    (module / "__init__.py").touch()
    (module / "config_v2_pb2.py").touch()
    before = tree(tmp_path)
    asked, release = threading.Event(), threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        status(200, GOOD[:100], {"Content-Length": str(len(GOOD))})(handler)
        asked.set()
        release.wait(DEADLINE)

    server.answer = stall
    process = subprocess.Popen(
        [SCRIPT, "--overwrite", "--hostname", server.hostname, "--api-key", KEY, module],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert asked.wait(DEADLINE)
        assert tree(tmp_path) != before
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE)
    finally:
        release.set()
        process.kill()
    assert errors == "paltabrain-sdk-download-config: error: interrupted\n"
    assert process.returncode == 1
    assert tree(tmp_path) == before


def test_progress_is_shown_on_a_terminal(server: ConfigServer, tmp_path: Path) -> None:
    server.answer = status(200, GOOD)
    terminal, slave = pty.openpty()
    try:
        done = subprocess.run(
            [SCRIPT, "--hostname", server.hostname, "--api-key", KEY, tmp_path / "config"],
            stdout=subprocess.PIPE,
            stderr=slave,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        os.set_blocking(terminal, False)  # an error rather than a wait if nothing was shown
        shown = os.read(terminal, 65_536).decode()
    finally:
        os.close(slave)
        os.close(terminal)
    assert shown.startswith("\r")
    assert shown.endswith(f"\r{len(GOOD):,} of {len(GOOD):,} bytes\r\n")
    assert done.stdout.startswith("Downloaded")

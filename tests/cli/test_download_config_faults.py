"""If a download fails in any way, the old module and the files around it stay as they are."""

from __future__ import annotations

import errno
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from paltabrain_fast.cli.download_config import main

from ..support.probe import download_within
from .archives import GOOD, HOSTILE, MODULE, archive, bare, tree
from .config_server import (
    DEADLINE,
    Answer,
    ConfigServer,
    cut_after,
    endless,
    raw,
    reset_after,
    serve,
    status,
)

KEY = "1237c694a824422a88e2a3c5a90510e3"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """Install a config module of an earlier download, with other files beside it."""
    old = tmp_path / "project" / "config"
    old.mkdir(parents=True)
    (old / "__init__.py").write_text("from .config_v2_pb2 import *\n")
    (old / "config_v2_pb2.py").write_text("old = True\n")
    (old.parent / "main.py").write_text("import config\n")
    return old


def run(server: ConfigServer, module: Path, *options: str) -> int:
    return main(["--hostname", server.hostname, "--api-key", KEY, *options, str(module)])


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that was printed."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paltabrain-sdk-download-config: error: ")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert KEY not in err
    return err


CHUNKED = {"Transfer-Encoding": "chunked"}
LARGE = b"x" * (8 * 1024 * 1024 + 1)
FAILURES: dict[str, tuple[Answer, str]] = {
    **{
        f"status {code}": (status(code, GOOD, {"Content-Type": "application/zip"}), part)
        for code, part in {
            201: "HTTP status 201",
            204: "HTTP status 204",
            400: "HTTP status 400",
            401: "401: the API key was refused",
            403: "403: the API key was refused",
            404: "404: there is no config module",
            429: "HTTP status 429",
            500: "HTTP status 500",
            503: "HTTP status 503",
        }.items()
    },
    "reset": (reset_after(GOOD[:-10], len(GOOD)), "failed: "),
    "cut short": (cut_after(GOOD[:-10], {"Content-Length": str(len(GOOD))}), "10 more expected"),
    "cut short, chunked": (cut_after(b"40\r\n" + GOOD[:20], CHUNKED), "failed: "),
    "cut between chunks": (cut_after(b"14\r\n" + GOOD[:20] + b"\r\n", CHUNKED), "failed: "),
    "cut short, no length": (cut_after(GOOD[:-10], {}), "not a ZIP"),
    "no HTTP": (raw(b"\x1b[2J\x07 hello\r\n"), "failed: "),
    "no answer": (raw(b""), "failed: "),
    "too large": (status(200, LARGE), "exceeds 8388608 bytes"),
    "endless": (endless(b"x" * 65_536), "exceeds 8388608 bytes"),
    "compressed": (status(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "not a ZIP"),
    **{name: (status(200, data), problem) for name, (data, problem) in HOSTILE.items()},
}


@pytest.mark.parametrize(("answer", "problem"), FAILURES.values(), ids=FAILURES)
def test_failure_changes_nothing(
    answer: Answer,
    problem: str,
    server: ConfigServer,
    module: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answer = answer
    before = tree(tmp_path)
    for target in (module, tmp_path / "not" / "yet" / "there"):
        assert run(server, target, "--overwrite") == 1
        assert problem in error_of(capsys)
        assert tree(tmp_path) == before
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(
    code: int,
    server: ConfigServer,
    tls: ssl.SSLContext,
    module: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = tree(tmp_path)
    with serve(tls) as other:
        other.answer = status(200, GOOD)
        location = f"https://{other.hostname}/v2/schema/sdk_python.zip"
        server.answer = status(code, b"", {"Location": location})
        assert run(server, module, "--overwrite") == 1
        assert f"HTTP status {code}: redirects are not followed" in error_of(capsys)
        assert other.requests == []
    assert tree(tmp_path) == before


@pytest.mark.parametrize("hostname", ["127.0.0.1:1", "name.invalid", f"{'a' * 63}.invalid"])
def test_unreachable(
    hostname: str, module: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(tmp_path)
    assert main(["--hostname", hostname, "--api-key", KEY, "--overwrite", str(module)]) == 1
    assert f"download from https://{hostname}/v2/schema/sdk_python.zip failed" in error_of(capsys)
    assert tree(tmp_path) == before


def test_missing_ca_bundle(
    server: ConfigServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    assert run(server, tmp_path / "config") == 1
    assert "missing.pem" in error_of(capsys)


@download_within(0.0)
def test_trickling_body_is_given_up(
    server: ConfigServer,
    module: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    release = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        status(200, GOOD[:1], {"Content-Length": str(len(GOOD))})(handler)
        release.wait(DEADLINE)

    server.answer = trickle
    before = tree(tmp_path)
    try:
        assert run(server, module, "--overwrite") == 1
    finally:
        release.set()
    assert "took more than" in error_of(capsys)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_overwrites_nothing_but_a_directory(
    kind: str,
    server: ConfigServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answer = status(200, GOOD)
    target = tmp_path / "target"
    if kind == "file":
        target.touch()
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = tree(tmp_path)
    assert run(server, target, "--overwrite") == 1
    assert "is not a directory: not overwritten" in error_of(capsys)
    assert (tree(tmp_path), server.requests) == (before, [])


def test_what_is_not_of_the_module_stays(
    server: ConfigServer, module: Path, tmp_path: Path
) -> None:
    """A link to the directory, a file where the module has a directory, and the reverse."""
    files = {"sub/deep.py": b"new = 1\n", "flat.py": b"new = 2\n", "sub2/other.py": b"new = 3\n"}
    server.answer = status(200, archive(*files.items()))
    (module / "notes.txt").write_text("mine")
    (module / "sub").mkdir()
    (module / "sub" / "mine.py").write_text("mine = 1\n")
    (module / "sub" / "deep.py").write_text("old = 1\n")
    (module / "flat.py").mkdir()
    (module / "sub2").write_text("a file")
    link = tmp_path / "link"
    link.symlink_to(module)
    assert run(server, link, "--overwrite", "--keep-import") == 0
    assert link.is_symlink()
    found = {
        path.relative_to(module).as_posix(): path.read_bytes()
        for path in module.rglob("*")
        if path.is_file()
    }
    assert found == MODULE | files | {"notes.txt": b"mine", "sub/mine.py": b"mine = 1\n"}


STEPS = 6  # two files are moved aside, three moved there, and then it is done


@pytest.mark.parametrize("late", [False, True], ids=["before the rename", "after the rename"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
@pytest.mark.parametrize("fault", [OSError(errno.EIO, "fault"), KeyboardInterrupt()], ids=repr)
def test_fault_while_overwriting(
    fault: BaseException,
    step: int,
    late: bool,
    server: ConfigServer,
    module: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After any fault, either the old or the new module is there, complete, and nothing else."""
    server.answer = status(200, GOOD)
    (module / "notes.txt").write_text("mine")
    before = tree(tmp_path)
    rename = Path.rename
    calls = 0

    def faulty(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == step and not late:
            raise fault
        renamed = rename(self, target)
        if calls == step:
            raise fault
        return renamed

    monkeypatch.setattr(Path, "rename", faulty)
    assert run(server, module, "--overwrite", "--keep-import") == 1
    assert "kept at" not in error_of(capsys)
    assert calls >= step
    if step == STEPS and late:
        found = {path.name: path.read_bytes() for path in module.iterdir()}
        assert found == MODULE | {"notes.txt": b"mine"}
    else:
        assert tree(tmp_path) == before


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "fault"), KeyboardInterrupt()], ids=repr)
def test_what_cannot_be_put_back_is_kept(
    fault: BaseException,
    server: ConfigServer,
    module: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answer = status(200, GOOD)
    content = (module / "__init__.py").read_bytes()
    rename = Path.rename

    def once(self: Path, target: Path) -> Path:
        if self == module / "__init__.py":
            return rename(self, target)
        raise fault

    monkeypatch.setattr(Path, "rename", once)
    assert run(server, module, "--overwrite") == 1
    [old] = module.glob(".config.*/old")
    text = error_of(capsys)
    assert isinstance(fault, KeyboardInterrupt) or f"old files are kept at '{old}'" in text
    assert (old / "__init__.py").read_bytes() == content


def test_target_that_appears_during_the_download(
    server: ConfigServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "config"

    def answer(handler: BaseHTTPRequestHandler) -> None:
        target.mkdir()
        (target / "mine").touch()
        status(200, GOOD)(handler)

    server.answer = answer
    assert run(server, target) == 1
    assert "exists and is not empty: give --overwrite" in error_of(capsys)
    assert list(tmp_path.rglob("*")) == [target, target / "mine"]


@pytest.mark.parametrize("key", ["a", "error", "config", "archive", "127.0.0.1"])
def test_a_key_that_is_a_word_is_masked_in_no_text_of_ours(
    key: str, server: ConfigServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = []
    for given in (KEY, key):
        for answer in (status(200, bare({"x": b""})), status(401, b""), status(200, b"x" * 9)):
            server.answer = answer
            assert main(["--hostname", server.hostname, "--api-key", given, f"{tmp_path}/m"]) == 1
            texts.append(error_of(capsys))
    assert texts[:3] == texts[3:]


def test_key_is_masked_wherever_it_turns_up(
    server: ConfigServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = status(200, archive((f"{KEY}?", b"")))
    assert run(server, tmp_path / "config") == 1
    assert "unsafe name: '***?'" in error_of(capsys)

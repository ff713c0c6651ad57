"""``python -m paltabrain_fast``, with and without the extra, and the names of its module."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import paltabrain_fast
from paltabrain_fast.cli import download_config
from paltabrain_fast.cli.download_config import DownloadError

from ..support.scarce import needs
from .archives import GOOD, MODULE
from .config_server import DEADLINE, ConfigServer, status

KEY = "1237c694a824422a88e2a3c5a90510e3"
WITHOUT_TYPER = (
    "import runpy, sys; sys.modules['typer'] = None;"
    " runpy.run_module('paltabrain_fast', run_name='__main__', alter_sys=True)"
)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=DEADLINE, check=False
    )


@pytest.mark.parametrize("name", ["paltabrain_fast", "paltabrain_sdk"])
def test_the_names_of_the_original_resolve(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    paltabrain_fast.install_as_paltabrain_sdk()
    monkeypatch.setattr(sys, "argv", ["x", "nope"])  # an import runs nothing
    module = import_module(f"{name}.__main__")
    assert module.download_config_zip is download_config.download_config_zip


def test_the_zip_comes_as_it_is_served(server: ConfigServer) -> None:
    server.answer = status(200, GOOD)
    assert download_config.download_config_zip(server.hostname, KEY) == GOOD
    assert download_config.download_config_zip(f"https://{server.hostname}/", api_key=KEY) == GOOD
    assert [headers["X-API-Key"] for _, headers in server.requests] == [KEY, KEY]
    server.answer = status(401, b"")
    with pytest.raises(DownloadError, match="401: the API key was refused"):
        download_config.download_config_zip(server.hostname, KEY)


def test_a_bad_key_is_refused_before_it_is_sent_and_not_quoted(server: ConfigServer) -> None:
    with pytest.raises(ValueError, match="api_key must be printable ASCII") as caught:
        download_config.download_config_zip(server.hostname, f"{KEY}\n")
    assert KEY not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "python",
    [pytest.param(("-m", "paltabrain_fast"), id="all"), ("-c", WITHOUT_TYPER)],
    ids=str,
)
@pytest.mark.parametrize("command", [("download-config",), ()], ids=["named", "options alone"])
@pytest.mark.parametrize("path_first", [False, True])
def test_the_module_is_downloaded(
    python: tuple[str, ...],
    command: tuple[str, ...],
    path_first: bool,
    server: ConfigServer,
    tmp_path: Path,
) -> None:
    server.answer = status(200, GOOD)
    options = ["--hostname", server.hostname, f"--api-key={KEY}", "--keep-import"]
    options.insert(0 if path_first else len(options), str(tmp_path / "config"))
    done = run(*python, *command, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "config").iterdir()} == set(MODULE)


ENTRY_POINT = "from paltabrain_fast.__main__ import download_config_entry_point as run; run()"


@pytest.mark.parametrize("python", [("-m", "paltabrain_fast"), ("-c", ENTRY_POINT)], ids=str)
def test_a_path_is_enough_where_the_environment_has_the_rest(
    python: tuple[str, ...], server: ConfigServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", server.hostname)
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", KEY)
    server.answer = status(200, GOOD)
    config = tmp_path / "config"
    done = run(*python, config)
    assert done.returncode == 0, done.stderr
    done = run(*python, config)
    assert done.returncode == 1
    assert "exists and is not empty" in done.stderr


def test_other_commands_name_the_extra_that_is_missing() -> None:
    for arguments in ((), ("--help",), ("generate", "a.yaml", "b")):
        done = run("-c", WITHOUT_TYPER, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "paltabrain-fast: typer is not installed, and every command but download-config and"
            " doctor needs it: pip install 'paltabrain-fast[collector]'\n"
        )


@needs("duckdb")
def test_all_commands_are_listed() -> None:
    done = run("-m", "paltabrain_fast", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("check", "dev", "doctor", "download-config", "generate", "run"):
        assert f" {command} " in done.stdout
    assert "Exit codes: 0 well, 1 findings or a failure, 2 wrong usage." in done.stdout


@pytest.mark.parametrize("python", [("-m", "paltabrain_fast"), ("-c", WITHOUT_TYPER)], ids=str)
def test_version(python: tuple[str, ...]) -> None:
    done = run(*python, "--version")
    version = paltabrain_fast.__version__
    assert (done.returncode, done.stdout) == (0, f"paltabrain-fast {version}\n")


@needs("duckdb")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("d", {"ddl", "dev", "doctor", "download-config"}),
        ("doctor --h", {"--hostname", "--help"}),
        ("download-config --over", {"--overwrite"}),
    ],
)
def test_commands_and_options_are_completed(
    words: str, completed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_PALTABRAIN_FAST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"paltabrain-fast {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    command = Path(sys.executable).with_name("paltabrain-fast")
    done = subprocess.run([command], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert set(done.stdout.split()) == completed


def test_ctrl_c_while_a_command_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run("-m", "paltabrain_fast", "ddl")
    assert (done.returncode, done.stderr) == (130, "")

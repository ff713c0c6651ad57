"""``make demo``: what it shows, how it ends, and what a wrong Python leaves behind: nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from .support.sdk import ROOT

DEADLINE = 100
DEMO = [sys.executable, "examples/demo.py", "--events", "200"]
MAKE_ENVIRONMENT = ROOT / "tools" / "make_environment.sh"


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_without_a_terminal_it_shows_all_and_ends() -> None:
    done = run(*DEMO)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout
    assert "Everything that was tracked has arrived." in shown
    for engine in ("reference, in Python", "paltabrain_fast, native"):
        assert re.search(rf"{engine} .*\d │ +[\d.,]+ µs │ +[\d.,]+ µs", shown)
    assert re.search(r"event\.f_page_open +│ +44 │ +44 │", shown)
    assert "c_user_id  c_experiments      p_price  " in shown
    assert '{"checkout": "B"}' in shown
    assert '["main_screen", "first_block"]' in shown
    assert not re.search(r"Decimal|datetime|\{'|\['", shown), "a repr of Python"
    assert " dev --schema SCHEMA.yaml" in shown
    assert "Ctrl-C" not in shown


def test_it_fails_if_what_was_tracked_did_not_arrive() -> None:
    done = run(*DEMO, PALTABRAIN_SDK_DISABLED="1")
    assert done.returncode == 1
    assert "NOT what was tracked:\nf_session_start: 46 tracked, 0 stored\n" in done.stderr
    assert "has arrived" not in done.stdout


def test_on_a_terminal_it_stays_with_the_page_until_ctrl_c() -> None:
    leader, follower = pty.openpty()
    with (
        open(leader, encoding="utf-8", newline="") as screen,
        open(follower, "w") as terminal,
        subprocess.Popen(
            DEMO,
            cwd=ROOT,
            stdout=terminal,
            stderr=subprocess.PIPE,
            env=os.environ | {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "120"},
        ) as process,
    ):
        try:
            shown = ""
            while "Ctrl-C ends the demo." not in shown:
                shown += screen.readline()
            (url,) = re.findall(r"live page has the events:\S* (?:\x1b\S+)?(http://[\w:]+)", shown)
            with urlopen(f"{url}/api/counts", timeout=DEADLINE) as answer:
                assert json.load(answer)["events"] == 402
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0
            assert process.stderr is not None
            assert process.stderr.read() == b""
        finally:
            process.kill()


def fake_python(path: Path, *, recent: bool = True, makes: str = "true") -> Path:
    """Write a program that stands for a Python: it has a version, pip, and may make environments.

    Args:
        path: where.
        recent: whether it is of a version that is recent enough.
        makes: what ``-m venv`` does after it has begun, as a command of the shell.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        f"'-c '*) exit {0 if recent else 1} ;;\n"
        "--version*) echo Python 3.9.18 ;;\n"
        "'-m pip') ;;\n"
        "'-m venv')\n"
        '    mkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && cp "$0" "$3/bin/python"\n'
        f"    {makes} ;;\n"
        "esac\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "venv"


def test_a_wrong_python_is_told_by_make_and_leaves_nothing(tmp_path: Path, directory: Path) -> None:
    python = fake_python(tmp_path / "python3.9", recent=False)
    done = run("make", "demo", f"PYTHON={python}", f"VENV={directory}", MAKEFLAGS="")
    assert done.returncode == 2
    assert f"needs Python 3.11 or later, and {python} is Python 3.9.18." in done.stderr
    assert "make demo PYTHON=python3.12" in done.stderr
    assert not directory.exists()


def test_what_a_wrong_python_has_left_is_made_anew(tmp_path: Path, directory: Path) -> None:
    fake_python(directory / "bin" / "python", recent=False)
    (directory / "pyvenv.cfg").touch()
    (directory / "left").touch()
    done = run(MAKE_ENVIRONMENT, directory, fake_python(tmp_path / "python3.12"))
    assert (done.returncode, done.stderr) == (0, f"{directory} cannot be used, and is made anew.\n")
    assert (directory / "bin" / "python").exists()
    assert not (directory / "left").exists()


def test_an_environment_that_can_be_used_is_kept(tmp_path: Path, directory: Path) -> None:
    python = fake_python(tmp_path / "python3.12")
    for _ in range(2):
        done = run(MAKE_ENVIRONMENT, directory, python)
        assert (done.returncode, done.stderr) == (0, "")
        (directory / "kept").touch()
    done = run(MAKE_ENVIRONMENT, directory, "no-python-at-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert (directory / "kept").exists()


@pytest.mark.parametrize("ends", ["false", "kill $PPID"])
def test_nothing_half_made_is_left(ends: str, tmp_path: Path, directory: Path) -> None:
    done = run(MAKE_ENVIRONMENT, directory, fake_python(tmp_path / "python3.12", makes=ends))
    assert done.returncode == 1
    assert not directory.exists()


def test_a_directory_of_something_else_is_not_removed(tmp_path: Path, directory: Path) -> None:
    directory.mkdir()
    (directory / "mine").touch()
    done = run(MAKE_ENVIRONMENT, directory, fake_python(tmp_path / "python3.12"))
    assert done.returncode == 1
    assert f"{directory} is in the way and is no environment of Python" in done.stderr
    assert (directory / "mine").exists()

"""A user's program, and the server's config module, as type checkers see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .support.programs import PROGRAMS
from .support.sdk import ROOT

# The server leaves its methods without return types, and nobody can change that.
MYPY = """
[mypy]
strict = true
untyped_calls_exclude = config
[mypy-config.*]
disallow_untyped_defs = false
disallow_incomplete_defs = false
"""

BAD = [
    "sdk.track(5)",
    "sdk.track(EventPageOpen)",
    "sdk.track(context)",
    "sdk.track(EventPageOpen(), EventPageOpen())",
    "sdk.track(EventPageOpen(), Context)",
    "EventPageOpen(page_id=1)",
    "EventPurchase(result='PAID')",
    "context.set_application(app_id=1)",
    "sdk.contxt = context",
    "sdk.running_requests = {}",
    "sdk.context = Context",
    "sdk.scoped_context(5)",
    "sdk.scoped_context(Context)",
    "with sdk.scoped_context() as scoped: scoped.set_no_such_group()",
    "PaltabrainSdk('host', 'key', 5)",
    "PaltabrainSdk('host', 'key', Context)",
    "PaltabrainSdk('host', 'key', context, overflow='explode')",
    "PaltabrainSdk('host', 'key', context, flush_on_sigterm='no')",
    "sdk.stats().dropped['no such reason']",
    "PaltabrainSdk('host', 'key', context, before_send=lambda event: event)",
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("typing")
    shutil.copytree(ROOT / "examples" / "config", directory / "config")
    module = directory / "config" / "__init__.py"  # as it is served
    module.write_text(module.read_text().replace("paltabrain_fast", "paltabrain_sdk"))
    shutil.copy(PROGRAMS / "typing" / "user.py", directory / "good.py")
    begin = "from paltabrain_fast import PaltabrainSdk\nfrom config import *\n"
    begin += "context = Context()\nsdk = PaltabrainSdk('host', 'key', context)\n"
    (directory / "bad.py").write_text(begin + "\n".join(BAD) + "\n")
    (directory / "mypy.ini").write_text(MYPY)
    # ours are found as a user's installation has them: as packages that may be looked into
    (directory / "pyrightconfig.json").write_text(f'{{"extraPaths": ["{ROOT / "src"}"]}}')
    return directory


def check(directory: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def mypy(directory: Path, *files: str) -> tuple[int, str]:
    return check(directory, "mypy", "--python-executable", sys.executable, *files)


def pyright(directory: Path, *files: str) -> tuple[int, str]:
    return check(directory, "pyright", "--pythonpath", sys.executable, *files)


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright])


@CHECKERS
def test_good_code_and_the_server_s_module_pass(checker: object, directory: Path) -> None:
    assert callable(checker)
    code, output = checker(directory, "good.py", "config")
    assert code == 0, output


@CHECKERS
def test_bad_code_is_refused_line_by_line(checker: object, directory: Path) -> None:
    assert callable(checker)
    _, output = checker(directory, "bad.py")
    missed = [line for number, line in enumerate(BAD, 5) if f"bad.py:{number}:" not in output]
    assert not missed, output

"""The product as it is installed: sdist, the wheel that is built from it, and what is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Final

import pytest

from .support.programs import PROGRAMS

ROOT = Path(__file__).parent.parent

_TOOLS: Final = re.compile(
    r"paltabrain_fast/(cli|collector|schema|testing)/|paltabrain_fast_pytest"
)
"""What a service that runs does not import."""

pytestmark = pytest.mark.timeout(600)  # whichever comes first compiles the extension


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and a wheel built from that sdist in an environment of its own."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, timeout=500, check=True, capture_output=True)
    return directory


def test_sdist_holds_the_c_core_and_nothing_built(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    core = {f"csrc/{file.name}" for file in (ROOT / "csrc").iterdir()}
    bridge = {f"src/paltabrain_fast/_native/cpython_bridge.{suffix}" for suffix in "ch"}
    assert core | bridge | {"LICENSE", "setup.py", "src/paltabrain_fast/_native/pbf.pxd"} <= names
    assert {"Makefile", "tests/conftest.py", "tests/csrc/test_ring.c", "examples/demo.py"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    assert not [name for name in names if name.startswith("build") or name.endswith("/base.c")]


def test_wheel_is_complete(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.infolist()
        names = set(archive.namelist())
        (metadata_name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
        entry_points = archive.read(metadata_name.replace("METADATA", "entry_points.txt")).decode()
    assert {
        "paltabrain_fast/py.typed",
        "paltabrain_fast/testing/__init__.py",
        "paltabrain_fast_pytest.py",
        "paltabrain_fast/sdk_pb2.pyi",
        "paltabrain_fast/collector/page/app.js",
        "paltabrain_fast/__pyinstaller/hook-paltabrain_fast.py",
        "paltabrain_fast/_native/engine.pyi",
        "paltabrain_fast/_native/uuid7.pyi",
        "paltabrain_fast/collector/page/index.html",
        "paltabrain_sdk-stubs/__init__.pyi",
        "paltabrain_sdk-stubs/sdk.pyi",
    } <= names
    (library,) = [name for name in names if name.endswith(".so")]
    with zipfile.ZipFile(wheel) as archive:
        code = archive.read(library)
    assert library.startswith("paltabrain_fast/_native/_core.cpython")
    assert wheel.stat().st_size < 800_000
    assert sum(each.compress_size for each in entries if not _TOOLS.match(each.filename)) < 600_000
    assert b".debug_info" not in code  # the name of a section; -g in CFLAGS asks for it
    assert not [name for name in names if name.endswith(".c") or name.startswith("tests")]
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "paltabrain-fast = " in entry_points
    assert "[pyinstaller40]" in entry_points
    assert "[pytest11]\npaltabrain_fast = paltabrain_fast_pytest" in entry_points
    assert "paltabrain-sdk-download-config = " in entry_points


def test_alias_is_typed_by_the_stub_package(tmp_path: Path) -> None:
    script = tmp_path / "uses_alias.py"
    shutil.copy(PROGRAMS / "typing" / "alias.py", script)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(script)],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout

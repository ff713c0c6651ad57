"""A generated package with the server's import line loads beside another SDK on old Pythons."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema

from ..support.programs import PROGRAMS
from .old_pythons import FOUND
from .packages import EXAMPLE, imported

SECONDS = 100  # deadline of a process
HERE = PROGRAMS / "old_pythons"

PROTOBUFS = [
    *(("3.7", "3.15.0"), ("3.7", "3.20.3"), ("3.7", "4.21.0"), ("3.7", "4.24.4")),
    *(("3.8", "5.29.5"), ("3.9", "6.33.0"), ("3.10", "5.26.1"), ("3.10", "7.34.0")),
]


@pytest.mark.parametrize(("python", "protobuf"), [pair for pair in PROTOBUFS if pair[0] in FOUND])
def test_it_loads_and_runs(package: Path, tmp_path: Path, python: str, protobuf: str) -> None:
    """With protobuf's native implementation, and with its pure-Python one."""
    site = tmp_path / "site"
    (site / "paltabrain_sdk").mkdir(parents=True)
    shutil.copy(HERE / "stand_in.py", site / "paltabrain_sdk" / "__init__.py")
    run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"),
        *("--quiet", "--only-binary=:all:", f"--python-version={python}"),
        *(f"--target={site}", f"protobuf=={protobuf}"),
    )
    pure: dict[str, str] = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    for environment in ({}, pure):
        lines = run(
            *(FOUND[python], "-s", HERE / "serialize.py", python, protobuf),
            PYTHONPATH=f"{site}{os.pathsep}{package.parent}",
            **environment,
        ).splitlines()
        assert lines == [data.hex() for data in expected(package)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("old") / "config"
    generate(load_schema(EXAMPLE), directory, import_from="paltabrain_sdk")
    return directory


def expected(package: Path) -> list[bytes]:
    """Return the bytes that the package serializes with our base classes, on this Python."""
    with imported(package) as config:
        event = config.EventEverything(
            flag=True,
            rate=Decimal("1.5"),
            theme=config.EnumTheme.DARK,
            count=-(1 << 63),
            label="é",
            happened_ts=datetime(2024, 1, 1, tzinfo=UTC),
            themes=[config.EnumTheme.DARK],
            amount_by_name={"a": Decimal(2)},
        ).set_parent(parent_elements=["a"])
        context = config.Context().set_application(app_id="a").set_os(os_name=None)
        return [event.serialize_payload(), event.serialize_header(), context.serialize_context()]


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout

"""``paltabrain_sdk`` as another name of the package, with and without another one installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAME = """
import paltabrain_fast
import paltabrain_sdk
import paltabrain_sdk.base, paltabrain_sdk.sdk, paltabrain_sdk.utils
from paltabrain_sdk import PaltabrainSdk, BaseContext, BaseEnum, BaseEvent, BaseSentinel
from paltabrain_sdk import set_proto, __version__
from paltabrain_sdk.constant import SDK_NAME
from paltabrain_sdk.sdk_pb2 import Batch, Event
from paltabrain_sdk.utils import monotonic_time_ms, uuid_v7
from paltabrain_sdk.version import __version__
assert paltabrain_sdk is paltabrain_fast
assert paltabrain_sdk.sdk.PaltabrainSdk is paltabrain_fast.PaltabrainSdk
assert paltabrain_sdk.utils is paltabrain_fast.utils
assert paltabrain_fast.__spec__.name == "paltabrain_fast"
assert paltabrain_fast.utils.__name__ == "paltabrain_fast.utils"
"""

OTHER = """
import paltabrain_fast, paltabrain_sdk
assert paltabrain_sdk.WHO == "the other one"
from paltabrain_sdk.sdk import WHO
"""

INSTALLED = """
import paltabrain_fast
import paltabrain_sdk.sdk
paltabrain_fast.install_as_paltabrain_sdk()
paltabrain_fast.install_as_paltabrain_sdk()
"""


def run(
    code: str, *, path: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(path or ""), **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def other_package(tmp_path: Path) -> Path:
    package = tmp_path / "paltabrain_sdk"
    package.mkdir()
    for name in "__init__", "sdk":
        (package / f"{name}.py").write_text("WHO = 'the other one'\n")
    return tmp_path


def test_alias_is_the_package_itself() -> None:
    done = run(SAME)
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_package_wins(other_package: Path) -> None:
    done = run(OTHER, path=other_package)
    assert (done.returncode, done.stderr) == (0, "")


def test_install_as_wins_over_an_installed_package(other_package: Path) -> None:
    done = run(INSTALLED + SAME, path=other_package)
    assert (done.returncode, done.stderr) == (0, "")


def test_empty_directory_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "paltabrain_sdk").mkdir()
    done = run(SAME, path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_alias_can_be_turned_off() -> None:
    done = run("import paltabrain_fast, paltabrain_sdk", env={"PALTABRAIN_SDK_NO_ALIAS": "1"})
    assert "No module named 'paltabrain_sdk'" in done.stderr


def test_no_alias_without_the_package() -> None:
    assert "No module named 'paltabrain_sdk'" in run("import paltabrain_sdk").stderr


def test_missing_submodule_is_missing() -> None:
    done = run("import paltabrain_fast, paltabrain_sdk.no_such")
    assert "No module named 'paltabrain_sdk.no_such'" in done.stderr


def test_other_package_of_the_same_messages_can_live_beside_ours() -> None:
    """The original registers the same file and names in the default pool."""
    code = """
from google.protobuf import descriptor_pb2, descriptor_pool
other = descriptor_pb2.FileDescriptorProto(
    name="sdk.proto", package="paltabrain.event_schema.sdk", syntax="proto3"
)
other.message_type.add(name="Batch")
descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
from paltabrain_fast.sdk_pb2 import Batch
assert Batch(context=b"x").SerializeToString() == b"\\x12\\x01x"
"""
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")

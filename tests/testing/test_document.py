"""The examples of docs/testing.md run, and print what it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ..support.sdk import ROOT
from .suites import DEADLINE, PLUGIN, WITHOUT_CACHE

pytest_plugins = "pytester"

DOCUMENT = (ROOT / "docs" / "testing.md").read_text("utf-8")
_FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TRANSCRIPT = re.compile(r"^```\n\$ pytest ([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(_FILE.findall(DOCUMENT))
TRANSCRIPTS = dict(_TRANSCRIPT.findall(DOCUMENT))
FAILING = {"test_fails.py", "test_loses.py", "test_careless.py"}


@pytest.fixture
def directory(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(ROOT / "examples" / "config", pytester.path / "my_config")
    for name, content in FILES.items():
        (pytester.path / name).write_text(f"# {name}\n{content}", "utf-8")
    pytester.plugins = [PLUGIN]
    return pytester.path


def as_documented(output: str, directory: Path) -> str:
    """Return an output without what differs by run, by directory and by version of protobuf."""
    text = "\n".join(line.rstrip() for line in output.splitlines())
    text = re.sub(r"in \d+\.\d+s", "in 0.05s", text)
    text = re.sub(r"(given an int: )[^\n]*\)", r"\1...)", text)
    return text.replace(str(directory), "/srv/shop").strip()


def test_examples_pass(pytester: pytest.Pytester, directory: Path) -> None:
    names = sorted(path.name for path in directory.glob("test_*.py"))
    passing = [name for name in names if name not in FAILING]
    result = pytester.runpytest_subprocess("-rA", *WITHOUT_CACHE, *passing, timeout=DEADLINE)
    result.assert_outcomes(passed=8)


@pytest.mark.parametrize("options", list(TRANSCRIPTS))
def test_transcript(pytester: pytest.Pytester, directory: Path, options: str) -> None:
    result = pytester.runpytest_subprocess(*WITHOUT_CACHE, *options.split(), timeout=DEADLINE)
    printed = as_documented(result.stdout.str(), directory)
    assert printed == TRANSCRIPTS[options].strip()


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) == 4
    assert {line.split()[-1] for line in TRANSCRIPTS} == {*FAILING, "test_first.py"}

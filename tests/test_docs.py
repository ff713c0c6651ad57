"""What the Makefile and the documents name exists."""

from __future__ import annotations

import re
import subprocess

import pytest

from .support.sdk import ROOT

PACKAGE = ROOT / "src" / "paltabrain_fast"
DOCUMENTS = ["CONTRIBUTING.md", "README.md", "docs/architecture.md", "docs/debugging.md"]

_PATH = re.compile(r"`([\w./]+\.(?:py|pyx|pxd|pyi|c|h|sh))`")
_BASES = [
    *(ROOT / name for name in (".", "csrc", "tests", "tests/csrc", "tests/support")),
    *(PACKAGE / name for name in (".", "_native", "encoding")),
]
"""Where a file may be that is named without the whole path."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    names = set(_PATH.findall((ROOT / document).read_text("utf-8"))) - {"Python.h"}
    assert not {name for name in names if not any((base / name).exists() for base in _BASES)}


@pytest.mark.parametrize("target", ["test-quick", "test-interpreter"])
def test_tests_that_a_target_runs_exist(target: str) -> None:
    """pytest runs none at all where one of its arguments is missing."""
    command = ["make", "--dry-run", target]
    recipe = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    paths = re.findall(r"\btests/[\w/.]*", recipe.stdout)
    assert len(paths) > 5
    assert not {path for path in paths if not (ROOT / path).exists()}

"""Tests of what is promised to users, run once more on the engine in pure Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import paltabrain_fast

FILES = [
    "before_send",
    "encoding/test_base.py",
    "encoding/test_display.py",
    "golden/test_golden.py",
    "test_asyncio.py",
    "test_context_argument.py",
    "test_copying.py",
    "test_debug.py",
    "test_decoding.py",
    "test_drop_in.py",
    "test_results.py",
    "test_scoped_context.py",
    "test_session_numbers.py",
    "test_track_method.py",
]


@pytest.mark.skipif(paltabrain_fast.engine != "native", reason="this is that run")
@pytest.mark.parametrize("file", FILES)
def test_file_on_the_python_engine(file: str) -> None:
    path = Path(__file__).parent / file
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        env={**os.environ, "PALTABRAIN_SDK_ENGINE": "python"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout

"""Which engine is loaded, and what is said if it is not the one that was wanted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WITHOUT_EXTENSION = """
import sys
sys.modules["paltabrain_fast._native._core"] = None
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import paltabrain_fast
    import paltabrain_fast.utils
assert len(caught) == 1, caught
assert caught[0].category is RuntimeWarning
assert "native engine cannot be loaded" in str(caught[0].message)
assert len(paltabrain_fast.utils.uuid_v7()) == 36
print(paltabrain_fast.engine)
"""


def run(code: str, engine: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PALTABRAIN_SDK_ENGINE": engine},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("wanted", "loaded"), [("", "native"), ("native", "native"), ("python", "python")]
)
def test_environment_chooses(wanted: str, loaded: str) -> None:
    done = run("import paltabrain_fast; print(paltabrain_fast.engine)", wanted)
    assert (done.stdout.strip(), done.stderr) == (loaded, "")


def test_unknown_choice_is_refused_by_name() -> None:
    done = run("import paltabrain_fast", "rust")
    assert "PALTABRAIN_SDK_ENGINE must be 'native' or 'python', not 'rust'" in done.stderr


def test_without_the_extension_the_reference_engine_runs_with_one_warning() -> None:
    done = run(WITHOUT_EXTENSION)
    assert (done.stdout.strip(), done.stderr) == ("python", "")

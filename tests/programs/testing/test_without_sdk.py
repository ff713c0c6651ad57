"""Tests of what does not use the SDK, in whose process it is not to be."""

import sys


def test_passes() -> None:
    assert "paltabrain_fast_pytest" in sys.modules
    assert not [name for name in sys.modules if name.split(".")[0] == "paltabrain_fast"]

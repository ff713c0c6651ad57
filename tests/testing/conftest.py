"""What all tests of the helpers for tests need."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pytest print what it prints at a desk; where one of these is set, it prints more."""
    for name in "CI", "BUILD_NUMBER":
        monkeypatch.delenv(name, raising=False)

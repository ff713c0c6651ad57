"""A test that ends the run: pytest makes no report of it."""

from __future__ import annotations

import os

import pytest
import shop


def test_passes() -> None: ...


def test_leaves() -> None:
    shop.open_page("a")
    if os.environ["LEAVES_BY"] == "exit":
        pytest.exit("its own reason", returncode=0)
    raise KeyboardInterrupt

"""What a process keeps of an SDK across a fork."""

from __future__ import annotations

import os

import pytest

from .support.programs import run_program


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_keeps_no_sdk_in_either_process() -> None:
    """The child's has nothing to do yet; both can be collected."""
    run_program("process/kept_by_nobody")

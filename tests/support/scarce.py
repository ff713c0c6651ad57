"""Whether there is a duckdb: not for every free-threaded build; elsewhere its lack is an error."""

from __future__ import annotations

import sysconfig
from importlib.util import find_spec

import pytest

NO_DUCKDB = bool(sysconfig.get_config_var("Py_GIL_DISABLED")) and find_spec("duckdb") is None

needs_duckdb = pytest.mark.skipif(NO_DUCKDB, reason="there is no duckdb for this build")

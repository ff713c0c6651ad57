"""A module in the place of the one that uWSGI brings along."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["pretend_uwsgi_without_threads"]


def pretend_uwsgi_without_threads() -> None:
    """Have this process look as a worker of an older uWSGI, without ``enable-threads``."""
    uwsgi: Any = ModuleType("uwsgi")
    uwsgi.opt = {"http-socket": b":8080"}
    uwsgi.worker_id = (1).conjugate  # a function of C, as the real one is
    sys.modules["uwsgi"] = uwsgi

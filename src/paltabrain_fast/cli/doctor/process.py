"""Looks at the process: versions, engine, switches, and how processes of its kind end."""

from __future__ import annotations

import multiprocessing
import os
import platform
import ssl
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import google.protobuf
import requests
import urllib3
from google.protobuf.internal import api_implementation

from ..._engine.choice import name as engine
from ...errors import Diagnosis
from ...options import switch
from ...version import __version__
from .findings import Finding, fault, note, well

__all__ = ["process_findings"]

_NEEDS: Final = {
    "gunicorn": (
        "its own workers (sync, gthread, gevent, asgi) deliver when they end; -k"
        " uvicorn_worker.UvicornWorker does not",
        "with that, add LifespanMiddleware; --preload and forks need nothing",
    ),
    "uvicorn": (
        "ends by a signal, which skips what Python does at exit",
        "add LifespanMiddleware of paltabrain_fast.contrib.asgi",
    ),
    "celery": (
        "workers and their processes deliver when they end",
        "an SDK made before Celery is imported needs deliver_at_shutdown(sdk) of"
        " paltabrain_fast.contrib.celery",
    ),
    "uwsgi": (
        "without threads, only flush() with a timeout sends",
        "give it enable-threads",
    ),
    "starlette": (
        "in FastAPI and Starlette, requests share one context, and mix up their users",
        "add ContextMiddleware of paltabrain_fast.contrib.asgi, and under uvicorn"
        " LifespanMiddleware as well (docs/frameworks.md)",
    ),
    "flask": (
        "requests share one context, and mix up their users",
        "add ContextMiddleware of paltabrain_fast.contrib.wsgi (docs/frameworks.md)",
    ),
    "gevent": ("needs nothing: the SDK uses the system's threads", None),
    "django": (
        "requests share one context; the development server's reloader kills the application",
        'add "paltabrain_fast.contrib.django" to INSTALLED_APPS, and its'
        " middleware.ContextMiddleware to MIDDLEWARE; under uvicorn, LifespanMiddleware as well"
        " (docs/frameworks.md)",
    ),
}
"""What docs/process-ends.md and docs/frameworks.md say of each: what goes wrong, and the line."""


def process_findings() -> Iterator[Finding]:
    """Look at the process that this runs in, which has the environment of the application."""
    yield well("versions", _versions())
    yield _engine()
    yield from _switches()
    yield note(
        "process ends",
        "at exit, what is buffered is delivered; a signal that nobody handles skips that",
        "where SIGTERM ends a plain program or container, give the SDK flush_on_sigterm=True",
    )
    for package, (what, remedy) in _NEEDS.items():
        installed = _version_of(package)
        if installed is not None:
            yield note(f"{package} {installed}", what, remedy)
    yield note("forks", _forks())


def _versions() -> str:
    return (
        f"paltabrain-fast {__version__}, {platform.python_implementation()}"
        f" {platform.python_version()}, protobuf {google.protobuf.__version__}"
        f" ({api_implementation.Type()}), urllib3 {urllib3.__version__},"  # type: ignore[attr-defined]
        f" requests {requests.__version__}, {ssl.OPENSSL_VERSION}"
    )


def _engine() -> Finding:
    if engine == "native":
        return well("engine", "native")
    if os.environ.get("PALTABRAIN_SDK_ENGINE") == "python":
        return note("engine", "pure Python, which is slower: PALTABRAIN_SDK_ENGINE=python says so")
    try:
        import_module("paltabrain_fast._native.engine")
        why = "no reason is known"
    except ImportError as error:
        why = str(error)
    cause = f"pure Python, which is slower: the native engine cannot be loaded ({why})"
    remedy = "reinstall with a C compiler present"
    return fault("engine", Diagnosis("engine", cause, remedy))


def _switches() -> Iterator[Finding]:
    value = os.environ.get("PALTABRAIN_SDK_DISABLED")
    if value and switch("PALTABRAIN_SDK_DISABLED") is not False:
        cause = f"PALTABRAIN_SDK_DISABLED={value} turns every SDK off"
        yield fault(
            "switches", Diagnosis("disabled", cause, "unset it where events are to be sent")
        )


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _forks() -> str:
    method = multiprocessing.get_start_method(allow_none=True)
    method = method or multiprocessing.get_all_start_methods()[0]
    return (
        f"multiprocessing starts processes by {method}; a forked child has a buffer and connections"
        " of its own"
    )

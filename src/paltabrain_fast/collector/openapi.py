"""The OpenAPI document of the HTTP API."""

from __future__ import annotations

from typing import Any


def openapi_document() -> dict[str, Any]:
    """Return what ``/openapi.json`` answers."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "paltabrain-fast dev", "version": "1"},
        "paths": {},
    }

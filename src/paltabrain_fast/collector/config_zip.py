"""The config module of a schema as the server hands it out: a ZIP of one package's files."""

from __future__ import annotations

import io
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..schema.generate import render
from ..schema.model import Schema


def config_zip(schema: Schema) -> bytes:
    """Return the ZIP; equal schemas give equal bytes (entries carry no time)."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, text in sorted(render(schema, import_from="paltabrain_sdk").items()):
            archive.writestr(ZipInfo(name), text.encode(), compress_type=ZIP_DEFLATED)
    return buffer.getvalue()

"""Makes the config module of a schema as the server sends it: a ZIP of the package's files."""

from __future__ import annotations

import io
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..schema.generate import render
from ..schema.model import Schema


def config_zip(schema: Schema) -> bytes:
    """Return the ZIP. Its entries have a fixed time, so equal schemas give equal bytes."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, text in sorted(render(schema, import_from="paltabrain_sdk").items()):
            archive.writestr(ZipInfo(name), text.encode(), compress_type=ZIP_DEFLATED)
    return buffer.getvalue()

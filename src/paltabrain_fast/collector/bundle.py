"""The CA bundle of the collector's clients: the usual authorities, and the collector's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import certifi

from ..transport.bundle import NamedBundle
from .authority import replace_file
from .errors import CollectorError

_MARK: Final = b"\n# The authority of the local collector:\n"


def write_bundle(bundle: Path, authority: bytes) -> None:
    """Write the authorities that a client trusts at present, with another one, to a file.

    Those are in the file that the environment names as for ``requests``, otherwise in that of
    ``certifi``. The file is written only if its content changes.

    Args:
        bundle: the file to write; the environment may name it already.
        authority: the certificate to add, as PEM.

    Raises:
        CollectorError: the file cannot be written.
    """
    content = _usual().rstrip() + b"\n" + _MARK + authority
    try:
        if not bundle.is_file() or bundle.read_bytes() != content:
            replace_file(bundle, content, 0o644)
    except OSError as error:
        raise CollectorError(f"cannot write {bundle}: {error.strerror}") from None


def _usual() -> bytes:
    """Return what a client trusts without the collector."""
    path = NamedBundle.find(None).path
    try:
        if path is not None and Path(path).is_file():
            # If it is a collector's, the usual ones stand before the mark.
            return Path(path).read_bytes().partition(_MARK)[0]
    except OSError:
        pass
    return Path(certifi.where()).read_bytes()

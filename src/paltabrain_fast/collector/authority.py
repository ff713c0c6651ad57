"""The certificate authority that signs the collector's certificate; it is kept between starts."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from .errors import CollectorError

_RENEWED_BEFORE_EXPIRY: Final = timedelta(days=1)


def load_or_create_authority(certificate: Path, private_key: Path) -> trustme.CA:
    """Return the authority in these PEM files; if it cannot be used, create one and write it there.

    It cannot be used if a file is missing or unreadable, if key and certificate do not belong
    together, if the certificate expires within a day, or if other users may read the key.

    Args:
        certificate: file of the certificate, which everybody may read.
        private_key: file of the key, which only its owner may read.

    Raises:
        CollectorError: the files cannot be written.
    """
    try:
        return _read(certificate, private_key)
    except (OSError, ValueError, TypeError):  # TypeError: the key has a password
        pass
    authority = trustme.CA()
    for path, blob, mode in (
        (private_key, authority.private_key_pem, 0o600),
        (certificate, authority.cert_pem, 0o644),
    ):
        try:
            replace_file(path, blob.bytes(), mode)
        except OSError as error:
            raise CollectorError(f"cannot write {path}: {error.strerror}") from None
    return authority


def _read(certificate: Path, private_key: Path) -> trustme.CA:
    """Read the authority.

    Raises:
        OSError, ValueError, TypeError: it cannot be used.
    """
    with private_key.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise ValueError("others may read the key")
        key_pem = file.read()
    certificate_pem = certificate.read_bytes()
    found = load_pem_x509_certificate(certificate_pem)
    if load_pem_private_key(key_pem, password=None).public_key() != found.public_key():
        raise ValueError("the key is that of another certificate")
    if found.not_valid_after_utc < datetime.now(UTC) + _RENEWED_BEFORE_EXPIRY:
        raise ValueError("the certificate has expired, or is about to")
    return trustme.CA.from_pem(certificate_pem, key_pem)


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file atomically: nobody sees another mode, or part of the content."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

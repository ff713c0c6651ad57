"""Certificates for loopback servers, good and bad, signed by an authority of our own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """A certificate authority whose file, ``ca_file``, is what a client may trust."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def context(self, *names: str, valid_days: int = 365) -> ssl.SSLContext:
        """Return the context of a server for ``localhost``, or for other names.

        Args:
            names: in place of ``localhost`` and the loopback addresses.
            valid_days: until when the certificate is valid, from now on; negative: expired.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        now = datetime.now(UTC)
        certificate = self._authority.issue_cert(
            *(names or ("localhost", "127.0.0.1", "::1")),
            not_before=now - timedelta(days=1000),
            not_after=now + timedelta(days=valid_days),
        )
        certificate.configure_cert(context)
        return context


def make_certificates(directory: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Return a CA file to trust, and the context of a server for ``localhost``, or other names."""
    authority = Authority(directory)
    return authority.ca_file, authority.context(*names)

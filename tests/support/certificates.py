"""Certificates for loopback servers, good and bad, signed by an authority of our own."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Final

_ISSUER: Final = Path(__file__).with_name("issue_certificate.py")


class Authority:
    """A certificate authority whose file, ``ca_file``, is what a client may trust.

    trustme is it, in a process of its own: TRUSTME_PYTHON names the interpreter that has it where
    ours cannot, as when there is no build of its dependencies for a free-threaded one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.ca_file = directory / "ca.pem"
        self._issue("localhost")

    def context(self, *names: str, valid_days: int = 365) -> ssl.SSLContext:
        """Return the context of a server for ``localhost``, or for other names.

        Args:
            names: in place of ``localhost`` and the loopback addresses.
            valid_days: until when the certificate is valid, from now on; negative: expired.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identities = names or ("localhost", "127.0.0.1", "::1")
        context.load_cert_chain(self._issue(*identities, valid_days=valid_days))
        return context

    def _issue(self, *names: str, valid_days: int = 365) -> Path:
        """Write a new certificate and its key into one file."""
        python = os.environ.get("TRUSTME_PYTHON", sys.executable)
        command = [python, str(_ISSUER), str(self._directory), str(valid_days), *names]
        subprocess.run(command, check=True, timeout=60)
        return self._directory / "server.pem"


def make_certificates(directory: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Return a CA file to trust, and the context of a server for ``localhost``, or other names."""
    authority = Authority(directory)
    return authority.ca_file, authority.context(*names)

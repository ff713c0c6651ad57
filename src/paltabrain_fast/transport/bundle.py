"""Which certificates are to be trusted, and what can be told of them without reading them."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

__all__ = ["BundleError", "NamedBundle", "bundle_not_found", "bundle_without_certificate"]

_CERTIFICATE: Final = (b"-----BEGIN CERTIFICATE", b"-----BEGIN TRUSTED", b"-----BEGIN X509")
_BLOCK_BYTES: Final = 65_536
_LONGEST: Final = max(map(len, _CERTIFICATE))


class BundleError(Exception):
    """The certificates to trust cannot be read."""


class _BundleNotFoundError(BundleError, FileNotFoundError):
    pass


class _BundleWithoutCertificateError(BundleError, ValueError):
    pass


class NamedBundle(NamedTuple):
    """A file or directory of certificates, and what names it.

    Attributes:
        path: absolute, as the process may change its directory; ``None``: that of ``requests``.
        named_by: the option or variable; errors say so.
    """

    path: str | None
    named_by: str

    @classmethod
    def find(cls, given: str | os.PathLike[str] | NamedBundle | None) -> NamedBundle:
        """Return the given one, or else that of the environment, if it has one."""
        if isinstance(given, NamedBundle):  # found earlier
            return given
        named = {"ca_bundle": given}
        named |= {name: os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
        for name, path in named.items():
            if path:
                return cls(os.path.abspath(os.fspath(path)), name)  # noqa: PTH100  # pathlib is slow to import
        return cls(None, "requests")

    def check(self) -> None:
        """Find what is wrong at a glance; what only OpenSSL finds is told by the first attempt.

        Raises:
            FileNotFoundError: the path does not exist.
            ValueError: it is a file in which no certificate begins.
        """
        if self.path is None or os.path.isdir(self.path):  # noqa: PTH112
            return
        try:
            with open(self.path, "rb") as file:
                block = file.read(_BLOCK_BYTES)
                while not any(mark in block for mark in _CERTIFICATE):
                    following = file.read(_BLOCK_BYTES)
                    if not following:
                        raise bundle_without_certificate(self.path, self.named_by)
                    block = block[-_LONGEST:] + following
        except FileNotFoundError:
            raise bundle_not_found(self.path, self.named_by) from None


def bundle_not_found(path: object, named_by: str) -> BundleError:
    """Return the error for a path that does not exist; a ``FileNotFoundError``."""
    return _BundleNotFoundError(f"CA bundle not found: {path}, named by {named_by}")


def bundle_without_certificate(path: object, named_by: str) -> BundleError:
    """Return the error for a file without a certificate; a ``ValueError``."""
    return _BundleWithoutCertificateError(
        f"CA bundle without a certificate: {path}, named by {named_by}"
    )
